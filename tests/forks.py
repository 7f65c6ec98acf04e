"""Processes that start quickly: forks of one that has loaded NumPy and Numba, and nothing of ours.

`run` is to a test what `subprocess.run` with this interpreter would be, for a third of a start's time: the package is
loaded anew in each. What the start of an interpreter does (streams that are closed, its encoding) needs a real one.
"""

import atexit
import functools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import traceback

__all__ = ["run", "words_of"]

_PROGRAM = os.path.abspath(__file__)


class _Server:
    """The process that forks, with some environment of its own."""

    def __init__(self, environment):
        self._process = subprocess.Popen([sys.executable, _PROGRAM], env=os.environ | dict(environment), text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self._end)

    def _end(self):
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def ask(self, **request):
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())["code"]


@functools.cache
def _server(owner, environment):
    """A server for what Numba reads of the environment when it is loaded; those of a parent process are not ours."""
    return _Server(environment)


def run(words, folder=None, environment=None, first=None, edited=False, merged=False, seconds=300):
    """Run Python in a fork: `words` are those after `python`, of the forms -c CODE, -m MODULE and FILE.

    Parameters
    ----------
    words : list of str
    folder : path or None
        The current folder of the process; None for the same as here.
    environment : dict or None
        Variables that are set in addition to those that are set here.
    first : path or None
        A folder whose modules are found before all others, as those of PYTHONPATH are.
    edited : bool
        Whether modules may be edited again within a second, which byte code would not tell apart: then none is kept.
    merged : bool
        Whether what is written to standard error comes, in its place, with the standard output.
    seconds : int
        After so many the process is ended, with code -14.

    Returns
    -------
    subprocess.CompletedProcess
        With standard output and errors as text.
    """
    environment = dict(environment or {})
    numba = frozenset((name, value) for name, value in environment.items() if name.startswith("NUMBA_"))
    folder = os.getcwd() if folder is None else os.fspath(folder)
    if not hasattr(os, "fork"):
        path = {} if first is None else {"PYTHONPATH": os.fspath(first)}
        return subprocess.run([sys.executable, *words], cwd=folder, env=os.environ | environment | path, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=seconds,
                              stderr=subprocess.STDOUT if merged else subprocess.PIPE)
    with tempfile.TemporaryDirectory() as place:
        streams = [os.path.join(place, name) for name in ("stdout", "stdout" if merged else "stderr")]
        code = _server(os.getpid(), numba).ask(words=list(map(str, words)), folder=folder, streams=streams,
                                               environment=os.environ | environment, seconds=seconds, edited=edited,
                                               first=None if first is None else os.fspath(first))
        said = []
        for path in streams[:1] if merged else streams:
            with open(path, encoding="utf-8", errors="backslashreplace") as file:
                said.append(file.read())
    return subprocess.CompletedProcess(words, code, *said)


def words_of(command):
    """The words for `run` of a line for a shell, if that is no more than `numbragg` and words; else None."""
    words = shlex.split(command)
    plain = words[:1] == ["numbragg"] and not re.search(r"[|&;<>()$`\\*?\[#~!{\n]", command)
    return ["-m", *words] if plain else None


# -- on the other side


def _become(request):
    """Make this process what the request says."""
    import signal
    import warnings

    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(request["seconds"])
    for number, path in ((0, os.devnull), *enumerate(request["streams"], 1)):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)
    sys.dont_write_bytecode |= request["edited"]
    sys.path.remove(os.path.dirname(_PROGRAM))
    sys.warnoptions[:] = filter(None, os.environ.get("PYTHONWARNINGS", "").split(","))
    warnings._processoptions(sys.warnoptions)
    if request["first"] is not None:
        sys.path.insert(0, request["first"])


def _execute(words):
    """What the interpreter does with its words."""
    import runpy

    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        main = type(sys)("__main__")
        sys.modules["__main__"] = main
        exec(compile(words[1], "<string>", "exec"), vars(main))
    elif words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


def _child(request):
    """Run a request, and end as an interpreter does."""
    code = 1
    try:
        _become(request)
        _execute(request["words"])
        code = 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            code = end.code or 0
        else:
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _serve():
    import numba
    from numba.core.registry import cpu_target

    if not numba.config.DISABLE_JIT:
        # what the first kernel would load: Numba's own functions, NumPy's, and SciPy's libraries
        cpu_target.typing_context.refresh()
        cpu_target.target_context.refresh()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(json.loads(line))
        print(json.dumps({"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}), flush=True)


if __name__ == "__main__":
    _serve()
