"""What the programs beside nanoBragg compute, each in its own order of operations."""
