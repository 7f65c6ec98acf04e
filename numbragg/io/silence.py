"""What other libraries say of an odd file, kept off stderr: whoever reads or writes it has one line of its own."""

from contextlib import contextmanager
import logging
import warnings

__all__ = ["silenced"]

#: Those that log: the names of their loggers.
_LOGGERS = ("fabio", "tifffile", "h5py", "hdf5plugin", "PIL", "matplotlib")


class _Collector(logging.Handler):
    def __init__(self, errors):
        super().__init__()
        self.errors = errors

    def emit(self, record):
        if record.levelno >= logging.ERROR:
            self.errors.append(" ".join(record.getMessage().split()))


@contextmanager
def silenced():
    """Keep warnings and log lines of other libraries from stderr.

    Yields
    ------
    list of str
        The errors that were logged meanwhile, each as one line.
    """
    errors = []
    collector = _Collector(errors)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.propagate = False
        logger.addHandler(collector)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield errors
    finally:
        for logger, propagate in zip(loggers, before):
            logger.removeHandler(collector)
            logger.propagate = propagate
