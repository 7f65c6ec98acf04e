"""Drop-ins for the programs beside nanoBragg: their words, their files, their bytes."""
