"""Elementary functions, sums and vectors in stated orders of operations; nothing that knows of crystals."""
