"""What the command `numbragg` runs: one module for each command."""
