"""A process that runs many cases, one after the other, and tells of each what failed."""

import os
import resource
import shutil
import sys
import tempfile
import traceback
import warnings

__all__ = ["SECONDS", "serve"]

#: A case that takes longer hangs.
SECONDS = 60.0
#: Bytes that a case may take beyond what the process has.
MEMORY = 2 ** 30
#: Scenes that are longer than this many steps in all are not computed: they would be right, in time.
STEPS = 3_000_000
_PIXELS = 250_000
_LONG = "fuzz: a long run"

#: Compile what most cases need, or load it, before the limits hold.
_WARM = [f"-cell 80 -default_F 10 -N 5 -detpixels 5 -seed 1 -misset 1 2 3 --quiet {more}".split()
         for more in ("", "-printout_pixel 1 1", "--precision compensated", "--precision single", "-gauss_xtal",
                      "-round_xtal", "-tophat_spots", "-mosaic 1", "-detector_thick 100 -oversample_thick")]


def _read(words):
    """A detector's file, read as Python's users do: exit status and words as those of a command."""
    import numbragg as nb

    make = {"from_geom": lambda name: nb.Detector.from_geom(name, 100.0), "from_expt": nb.Detector.from_expt,
            "from_header": nb.Detector.from_header}[words[0]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nb.NumbraggWarning)
            detector = make(words[1])
            positions = [detector.pixel_positions_mm(panel=number) for number, panel in enumerate(detector.panels)
                         if panel.shape[0] * panel.shape[1] < _PIXELS]
        print(f"numbragg: {len(positions)} of {len(detector.panels)} panels")
        return 0
    except (ValueError, OSError) as error:
        print(f"numbragg: error: {error}", file=sys.stderr)
        return 2


#: What stands in the place of a command where there is none.
_READERS = dict.fromkeys(("from_geom", "from_expt", "from_header"), _read)


class _Hook:
    """Stands between the commands and `prepare`: keeps the scene, and refuses what would take long."""

    def __init__(self):
        from numbragg.scene import prepare

        self._prepare, self.prepared = prepare.prepare, None
        prepare.prepare = self

    def __call__(self, *arguments):
        self.prepared = self._prepare(*arguments)
        window = self.prepared.window
        slow, fast = self.prepared.shape
        if window.width * window.height * self.prepared.steps > STEPS or slow * fast > _PIXELS:
            raise ValueError(_LONG)
        return self.prepared


class _Streams:
    """Descriptors 1 and 2 in files, whatever writes to them."""

    def __init__(self, folder):
        self.paths = [os.path.join(folder, name) for name in ("stdout", "stderr")]
        for number, path in enumerate(self.paths, 1):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)

    def clear(self):
        for number in (1, 2):
            os.ftruncate(number, 0)

    def texts(self):
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        found = []
        for path in self.paths:
            with open(path, "rb") as file:
                found.append(file.read().decode("utf-8", errors="backslashreplace"))
        return found


def _highest_memory():
    with open("/proc/self/status") as file:
        return 1024 * int(file.read().partition("VmHWM:")[2].split()[0])


def _forget_highest():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        # the highest of all cases is better than nothing
        pass


class _Bench:
    """Where cases run: a folder, the streams, the limits."""

    def __init__(self, root, c_binary, revision, warm):
        self.root, self.c_binary, self.revision = root, c_binary, revision
        self.temporary = os.path.join(root, "tmp")
        os.makedirs(self.temporary)
        os.environ["TMPDIR"] = tempfile.tempdir = self.temporary
        self.streams = _Streams(root)
        self.hook = _Hook()
        warnings.simplefilter("always")
        for words in _WARM if warm else ():
            self._run_words(words, {})
        # room for libraries and threads to come, and for what a case may take
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + 4 * MEMORY, hard))

    def _folder(self, name, files):
        folder = os.path.join(self.root, name)
        os.mkdir(folder)
        for file_name, content in files.items():
            path = os.path.join(folder, file_name)
            if content is None:
                os.mkdir(path)
                continue
            with open(path, "wb") as file:
                file.write(content.bytes())
        return folder

    def _run_words(self, words, files):
        """Exit status (or what escaped), both streams, files before and after, growth of memory."""
        from numbragg.commands.cli import main

        from .checks import content

        run = _READERS.get(words[0], main) if words else main
        folder = self._folder("case", files)
        try:
            os.chdir(folder)
            before = content(folder)
            self.streams.clear()
            self.hook.prepared = None
            _forget_highest()
            memory = _highest_memory()
            try:
                code = run(words)
            except (Exception, SystemExit):
                code = traceback.format_exc()
            grown = _highest_memory() - memory
            out, err = self.streams.texts()
            return code, out, err, before, content(folder), grown
        finally:
            os.chdir(self.root)
            shutil.rmtree(folder)

    def run(self, case):
        """The account of a case: exit status, failure if there is one, what the C program did."""
        from .checks import Failure

        account = {"code": None, "failure": None, "c": None, "refusal": None}
        try:
            self._checked(case, account)
        except Failure as failure:
            account["failure"] = failure.kind, failure.seen
        return account

    def _checked(self, case, account):
        from .c_program import refusal
        from .checks import Failure, files_after, said

        code, out, err, before, after, grown = self._run_words(case.words, case.files)
        if isinstance(code, str):
            # the line that says which, for the kind; the rest to look at
            where = [line.strip() for line in code.splitlines() if line.strip().startswith("File ")][-1:]
            raise Failure(f"exception {code.strip().splitlines()[-1].split(':')[0]} {' '.join(where)}", code[-1500:])
        if _LONG in err:
            account["code"] = "long"
            return
        account["code"] = code
        if grown > MEMORY + self._table():
            raise Failure("memory", f"{grown / 1e6:.0f} MB more; {err[:200]}")
        said(case, code, out, err)
        left = os.listdir(self.temporary)
        if left:
            raise Failure("temporary files", ", ".join(left))
        files_after(case, code, before, after, self.hook.prepared, out + err)
        if code == 2:
            account["refusal"] = refusal(err)
        if self.c_binary:
            account["c"] = self._beside_c(case, code, after)

    def _table(self):
        """Bytes of the table of amplitudes: one reflection far out makes it large, as the C program's."""
        factors = getattr(self.hook.prepared, "structure_factors", None)
        # maps of pixels have none
        return getattr(getattr(factors, "table", None), "nbytes", 0)

    def _beside_c(self, case, code, after):
        """What the C program did: "same", "fails", "image", "nothing"; raises `Failure` for other bits."""
        from numbragg.command_line.parse import parse

        from .c_program import c_words, comparable, compared, run_c
        from .checks import content

        if not comparable(case):
            return None
        line = None
        if code == 0:
            line = parse(case.words)
            if line.draft.revision != self.revision or line.precision != "exact":
                return None
        folder = self._folder("c", case.files)
        try:
            normal = run_c(self.c_binary, c_words(case), folder)
            theirs = content(folder)
        finally:
            shutil.rmtree(folder)
        if line is None:
            return "image" if normal and theirs.keys() - case.files.keys() else "nothing"
        if not normal:
            return "fails"
        compared(case, after, theirs, line)
        return "same"


def serve(connection, root, c_binary, revision, warm):
    """Run the cases that come through a connection, until None comes; `warm`: compile first what most cases need."""
    bench = _Bench(root, c_binary, revision, warm)
    connection.send("ready")
    while (case := connection.recv()) is not None:
        connection.send(bench.run(case))
