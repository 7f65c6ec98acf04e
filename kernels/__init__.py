"""All compiled code of numbragg: the physics, and the drivers that run it."""

if __name__ == "kernels":
    # from the root of a clone this would be a second copy, with caches and types of its own
    raise ImportError("import numbragg.kernels, not kernels (after: pip install -e .)")
