"""Attacks on runs: signals, kill -9, forks, damaged compiled code. `tests/attack.py` is their command."""
