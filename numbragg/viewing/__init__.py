"""A look at images: what a file holds and where it lies, as a page, a picture or a window; no simulation."""
