"""An oracle for other people's tests: reference images with the C program's bits, and assertions.

Names are loaded when they are first used: pytest loads this package for its fixtures in every run (start-up).
"""

__all__ = ["as_numpy", "assert_matches", "assert_same_bits", "clear_cache", "prepare_scene", "reference_image"]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'numbragg.testing' has no attribute {name!r}")
    from . import oracle

    return getattr(oracle, name)
