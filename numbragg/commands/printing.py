"""What is printed where nobody may read it: words on stderr, and text on stdout that is not the end of the work."""

from contextlib import contextmanager
import os
import sys

__all__ = ["Unheard", "report", "say_all", "unread"]


class Unheard:
    """Standard error as a place for words: that nobody takes them ends no work and changes no exit status.

    Parameters
    ----------
    stream : text file object
        What the words go to.
    """

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        """Write, if somebody takes it."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self):
        """Flush, if somebody takes it."""
        try:
            self._stream.flush()
        except OSError:
            pass


def unread():
    """Let what is still printed go nowhere: whoever read it has gone."""
    try:
        number = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        # no file
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), number)


def say_all(text):
    """Print text behind which there is more to do, or an exit status that counts, whoever reads it.

    Parameters
    ----------
    text : str

    Raises
    ------
    OSError
        It cannot be written, for another reason than that nobody reads it.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        unread()


@contextmanager
def report():
    """Print in this block what a run says when its files are in place: where it cannot be, that is told, no failure."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever wanted some lines has them; whoever called this has more to do
        unread()
    except OSError as error:
        # the files are what was asked for
        print(f"numbragg: standard output: {error.strerror}; the report is lost, all files are in place",
              file=sys.stderr)
        unread()
