"""Random command lines and damaged files, run in worker processes; `tests/fuzz.py` is the command."""
