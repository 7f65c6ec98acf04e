"""What a user writes in nanoBragg's words, read strictly; no simulation."""
