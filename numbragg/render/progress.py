"""Who is told how far an image is: a function, or a progress bar."""

from collections.abc import Mapping, Set

# start-up: how signatures are looked into is imported with the first function

__all__ = ["checked_progress"]


def checked_progress(value):
    """What is called with the number of pixels just finished, or None: the function itself, or a bar's `update`."""
    if value is None:
        return None
    # sets and mappings have an `update` too, and a class is no bar yet
    update = None if isinstance(value, (type, Mapping, Set)) else getattr(value, "update", value)
    if not callable(update):
        raise ValueError(f"progress: {type(value).__name__} must be a function, or a progress bar with a method "
                         "`update`")
    from inspect import signature

    try:
        signature(update).bind(1)
    except TypeError:
        raise ValueError(f"progress: {getattr(value, '__name__', type(value).__name__)} must take one argument, the "
                         "number of pixels just finished") from None
    except ValueError:
        # a function of another language, which does not say
        pass
    return update
