"""Runs a command, or a script, and writes down how much memory it took at most and what it had asked for before.

    python tests/peak_of_memory.py ACCOUNT WORDS...

ACCOUNT gets JSON: "peak", the largest resident set [bytes], and "asked", for each call of `memory.require` the function
that it stands in, the bytes asked for, and the resident set at that moment; and "compiled", whether kernels were, which
takes memory of its own.  Numba is loaded first, so that what is in use does not depend on when a run needs it.
"""

import gc
import json
import runpy
import sys

from numbragg import memory
from numbragg.kernels.compile.compilation import _Kernel


def resident(name):
    """A line of the process's status, in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(name))


def _compiled():
    kernels = (each for each in gc.get_objects() if type(each) is _Kernel)
    return any(sum(each.stats.cache_misses.values()) for each in kernels)


def main(account, words):
    """Run the words and write the account. Returns the exit code."""
    asked, require = [], memory.require

    def recorded(size, what):
        caller = sys._getframe(1).f_code
        asked.append((f"{caller.co_filename.rpartition('/')[2]}:{caller.co_name}", int(size), resident("VmRSS:")))
        require(size, what)

    memory.require = recorded
    if words[0].endswith(".py"):
        sys.argv, code = words, 0
        runpy.run_path(words[0], run_name="__main__")
    else:
        from numbragg.commands.cli import main as run

        code = run(words)
    with open(account, "w", encoding="ascii") as file:
        json.dump({"code": code, "peak": resident("VmHWM:"), "asked": asked, "compiled": _compiled()}, file)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
