"""Workers, seen from outside: one that hangs or dies is replaced; a case that fails is made smaller."""

import multiprocessing
import os
import shutil
import tempfile

from .worker import SECONDS, serve

__all__ = ["Worker", "shrunk"]

#: Kernels may have to be compiled first.
_START = 600.0


class Worker:
    """One worker process and its folder."""

    def __init__(self, c_binary=None, revision=None, warm=True):
        self._settings = c_binary, revision, warm
        self._process = None

    def _start(self):
        self.root = tempfile.mkdtemp(prefix="fuzz-")
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self.root, *self._settings), daemon=True)
        self._process.start()
        theirs.close()
        if not self._connection.poll(_START) or self._connection.recv() != "ready":
            raise RuntimeError("a worker does not start")

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
            shutil.rmtree(self.root, ignore_errors=True)

    def run(self, case):
        """The account of a case, as the worker has it; it hangs or dies: that is its failure."""
        if self._process is None:
            self._start()
        try:
            self._connection.send(case)
            if not self._connection.poll(SECONDS):
                self.stop()
                return {"code": None, "failure": ("hangs", f"more than {SECONDS:g} s"), "c": None, "refusal": None}
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            status = self._process.exitcode
            said = self._last_words()
            self.stop()
            return {"code": None, "failure": (f"the process ends with {status}", said), "c": None, "refusal": None}

    def _last_words(self):
        try:
            with open(os.path.join(self.root, "stderr"), errors="backslashreplace") as file:
                return file.read()[-300:]
        except OSError:
            return ""


def shrunk(worker, case, kind, tries=120):
    """The smallest case found that fails in the same way, by leaving out parts; and how it fails."""
    seen, tried = None, 0
    smaller = True
    while smaller:
        smaller = False
        for simpler in case.simpler():
            tried += 1
            if tried > tries or kind == "hangs" and tried > 12:
                return case, seen
            if not simpler.groups:
                continue
            failure = worker.run(simpler)["failure"]
            if failure is not None and failure[0] == kind:
                case, seen, smaller = simpler, failure[1], True
                break
    return case, seen
