"""Random scenes, and lanes compared with the strict evaluator on them."""
