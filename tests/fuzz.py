"""Random command lines and damaged files: every run must end in an image or in one line of error.

    python tests/fuzz.py lines --count 20000 --seed 1
    python tests/fuzz.py files --count 10000 --seed 1 --jobs 2
    python tests/fuzz.py crystals --kind mtz --count 5000 --real ../shared/real
    python tests/fuzz.py lines --c-binary ./nanoBragg

A case is made from the seed and its number alone.  What fails is made smaller and printed with the words that
repeat it.  With a C binary (or NB_C_BIN) all files of both are compared, and what only one of the two accepts is
counted by our message.  Exit status 1 if anything failed.
"""

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from dataclasses import replace
import io
import os
from pathlib import Path
import sys
import tempfile
import threading
import time

from fuzzing.c_program import revision_of
from fuzzing.crew import Worker, shrunk
from fuzzing.crystals import KINDS, random_crystal
from fuzzing.files import random_file
from fuzzing.lines import random_line
from fuzzing.programs import random_program

from numbragg.scene.revisions import DEFAULT

CASES = {"lines": random_line, "files": random_file, "crystals": random_crystal, "programs": random_program}


def _arguments(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=sorted(CASES))
    parser.add_argument("--count", type=int, default=1000, help="how many cases (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default: 0)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="only the case of this number; its words and files are shown")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes (default: 1)")
    parser.add_argument("--c-binary", default=os.environ.get("NB_C_BIN"), help="a build of the C program (NB_C_BIN)")
    parser.add_argument("--refusals", action="store_true", help="also count the messages of what was refused")
    parser.add_argument("--keep", type=Path, help="folder to keep the files of what failed in")
    parser.add_argument("--kind", choices=sorted(KINDS), action="append", help="only files of this kind (crystals)")
    parser.add_argument("--real", metavar="FOLDER", help="folder of real files, also to be damaged (crystals)")
    options = parser.parse_args(words)
    if options.what != "crystals" and (options.kind or options.real):
        parser.error("--kind and --real are for crystals")
    return options


class _Run:
    """All cases of one call, and what came of them."""

    def __init__(self, options):
        self.options = options
        self.revision = None
        if options.c_binary:
            self.revision = self._revision()
        numbers = range(options.first, options.first + options.count)
        self.numbers = iter(numbers if options.case is None else [options.case])
        self.lock = threading.Lock()
        self.codes, self.beside, self.kinds = Counter(), Counter(), Counter()
        self.only_c, self.only_ours, self.failed = Counter(), [], 0
        self.refusals = Counter()

    def _revision(self):
        """Which revision the binary is, from an image."""
        import live_c

        live_c.BINARY = os.path.abspath(self.options.c_binary)
        self.options.c_binary = live_c.BINARY
        # our own images are made too, and what is told of them is of no interest
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, redirect_stderr(io.StringIO()):
            def make(name):
                made = Path(folder, name)
                made.mkdir()
                return made

            return revision_of(make)

    def _case(self, number):
        options = self.options
        more = {"kinds": tuple(options.kind or KINDS), "real": options.real} if options.what == "crystals" else {}
        case = CASES[options.what](options.seed, number, **more)
        if self.revision not in (None, DEFAULT) and case.groups[0][0].startswith("-"):
            case = replace(case, groups=(*case.groups, ("--revision", self.revision)))
        return case

    def work(self):
        """Take cases until there are no more."""
        worker = Worker(self.options.c_binary, self.revision)
        try:
            while True:
                with self.lock:
                    number = next(self.numbers, None)
                if number is None:
                    return
                case = self._case(number)
                if self.options.case is not None:
                    self._show(case)
                self._enter(worker, number, case, worker.run(case))
        finally:
            worker.stop()

    def _enter(self, worker, number, case, account):
        failure = account["failure"]
        with self.lock:
            self.codes[account["code"]] += 1
            if account["refusal"]:
                self.refusals[account["refusal"]] += 1
            if account["c"] is not None:
                self.beside[account["c"]] += 1
            if account["c"] == "image":
                self.only_c[account["refusal"]] += 1
            elif account["c"] == "fails" and len(self.only_ours) < 20:
                self.only_ours.append(f"{case.label}: {case.shown()}")
            if failure is None:
                return
            self.failed += 1
            self.kinds[failure[0]] += 1
            often = self.kinds[failure[0]] > 5
        if often:
            print(f"FAILED (again) {case.label}: {failure[0]}", flush=True)
            return
        small, seen = shrunk(worker, case, failure[0])
        with self.lock:
            print(f"FAILED {case.label}: {failure[0]}\n  {seen or failure[1]}\n  words: {small.shown()}")
            for name, content in small.files.items():
                print(f"  file {name!a}: {'a folder' if content is None else ascii(content.bytes()[:160])}")
            binary = f" --c-binary {self.options.c_binary}" if self.options.c_binary else ""
            more = "".join(f" --kind {kind}" for kind in self.options.kind or ())
            more += f" --real {self.options.real}" if self.options.real else ""
            again = f"{self.options.what} --seed {self.options.seed} --case {number}{binary}{more}"
            print(f"  again: python tests/fuzz.py {again}", flush=True)
            if self.options.keep:
                self._keep(small)

    def _show(self, case):
        print(f"numbragg {case.shown()}")
        for name, content in case.files.items():
            print(f"  file {name!a}: {'a folder' if content is None else ascii(content.bytes()[:400])}")

    def _keep(self, case):
        folder = self.options.keep / case.label.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in case.files.items():
            if content is None:
                (folder / name).mkdir(exist_ok=True)
            else:
                (folder / name).write_bytes(content.bytes())
        (folder / "words").write_text(case.shown() + "\n")

    def tell(self, seconds):
        """The account of it all."""
        names = {0: "succeeded", 1: "found a difference", 2: "refused", "long": "too long, left out", None: "broke off"}
        total = sum(self.codes.values())
        print(f"{total} cases in {seconds:.0f} s: "
              + ", ".join(f"{number} {names[code]}" for code, number in self.codes.most_common()))
        if self.options.refusals:
            for message, number in self.refusals.most_common():
                print(f"  {number:5d} refused: {message}")
        if self.beside:
            meaning = {"same": "same files", "fails": "the C program fails, we do not",
                       "image": "we refuse, the C program makes an image", "nothing": "neither"}
            print(f"beside the C program (revision {self.revision}): "
                  + ", ".join(f"{number} {meaning[what]}" for what, number in self.beside.most_common()))
            for line in self.only_ours:
                print(f"  only ours: {line}")
            for message, number in self.only_c.most_common(60):
                print(f"  {number:5d} only the C program's: {message}")
        for kind, number in self.kinds.most_common():
            print(f"{number} failed: {kind}")
        print("all passed" if not self.failed else f"{self.failed} FAILED")


def main(words=None):
    """Run the cases. Returns the exit status."""
    options = _arguments(words)
    run, start = _Run(options), time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        crew = [pool.submit(run.work) for _ in range(options.jobs)]
    for work in crew:
        # a mistake of ours is no success
        work.result()
    run.tell(time.monotonic() - start)
    # none at all is no success
    return 1 if run.failed or not run.codes else 0


if __name__ == "__main__":
    sys.exit(main())
