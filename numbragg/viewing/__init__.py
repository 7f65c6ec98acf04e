"""A look at images: what a file holds and where its pixels are, as a page, a picture or a window; nothing is simulated."""
