"""What the command `numbragg` does: nanoBragg's own arguments, or a subcommand; exit codes, one line if it fails."""

from contextlib import contextmanager
import io
import os
import sys

from ..command_line.dates import out_of_the_way
from ..command_line.early import early_answer
from ..notes import one_line_each
from .catalogue import COMMANDS, module_of
from .printing import Unheard, unread
from .signals import begin, farewell, signalled

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["end", "run"]

#: Python takes a package in the current folder before an installed one, and only installing puts the kernels in place.
_NOT_INSTALLED = ("the numbragg that was found is a clone's folder, which is not installed: install it "
                  "(pip install -e .), or call numbragg instead of python -m numbragg, or start from another folder")

USAGE = ("numbragg: nothing to do; give nanoBragg's arguments, such as -hkl P1.hkl -matrix A.mat -lambda 1 -N 10, "
         "or try: numbragg --help, numbragg demo")


def _command(argv):
    if argv[0].startswith("-"):
        answer = early_answer(argv)
        if answer is not None:
            return _answered(answer)
        from .image import run

        return run(argv)
    name, arguments = argv[0], argv[1:]
    if name in COMMANDS:
        return module_of(name).run(arguments)
    import difflib

    from ..command_line.values import cut

    near = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(COMMANDS)}; options begin with a dash"
    return _fail(f"{cut(name)}: no such command; {hint}")


def _answered(answer):
    """Print the help text or the version."""
    if answer == "help":
        from ..command_line.help import help_text

        print(help_text())
    else:
        from .._version import __version__

        print(f"numbragg {__version__}")
    return 0


def _fail(message):
    # one line, whatever is in a file's name
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(message.split()))
    print(f"numbragg: error: {line}", file=sys.stderr)
    return 2


def _os_error(error):
    name = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
    return f"{name}{error.strerror or error}"


def run(argv):
    """Run the command line. Returns the exit code: see `cli.main`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # it was closed when the process started
            setattr(sys, name, open(os.devnull, "w"))
    argv, said = list(argv), sys.stderr
    sys.stderr = Unheard(said)
    try:
        if not argv:
            print(USAGE, file=sys.stderr)
            return 2
        with _escaping(sys.stdout), out_of_the_way(), one_line_each():
            return _run(argv)
    finally:
        sys.stderr = said


@contextmanager
def _escaping(stream):
    """Let a stream escape what its encoding has not, so that a name in a report cannot undo the run."""
    strict = isinstance(stream, io.TextIOWrapper) and stream.errors == "strict"
    if strict:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        if strict and not stream.closed:
            try:
                stream.reconfigure(errors="strict")
            except OSError:
                # it cannot be flushed any more, which has been told
                pass


def _run(argv):
    """The exit code of a command line that is not empty."""
    begin()
    code = 0
    try:
        try:
            code = _command(argv)
            sys.stdout.flush()
            return code
        except Exception:
            # such as of a child that the same signal has ended
            if signalled():
                return farewell()
            raise
    except KeyboardInterrupt as stop:
        # a series says how far it came
        return farewell(str(stop))
    except BrokenPipeError as error:
        if error.filename is not None:
            # an output, not the report
            return _fail(_os_error(error))
        # whoever read our output has gone; it comes behind everything else, or by `printing.say_all`
        unread()
        return code
    except MemoryError as error:
        return _fail(str(error) or "not enough memory")
    except OSError as error:
        return _fail(_os_error(error))
    except ArithmeticError as error:
        if os.environ.get("NUMBRAGG_TRACEBACK"):
            raise
        return _fail(f"numbers too large or too small to compute with: {error}")
    except (ValueError, ImportError) as error:
        if os.environ.get("NUMBRAGG_TRACEBACK"):
            raise
        if getattr(error, "name", None) == "numbragg.kernels":
            return _fail(_NOT_INSTALLED)
        return _fail(str(error))


def end(code):
    """End the process, at once unless somebody looks on."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        # whoever looks on has something to write
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # has been told where it counts
            pass
    # to take compiled code apart would take a fifth of a short run; files are in place, the system frees the rest
    os._exit(code)

