"""`numbragg campaign`: a data set of many shots from one description, on one machine or many, with the truth."""

import os
import sys

from ..notes import Loud
from .arguments import Parser, choice, count, file_name, short, shown, whole_number
from .printing import report

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["ACTIONS", "run"]

#: What can be done, the words that follow and the options that go with it.
ACTIONS = {
    "init": ("FILE", ("--shots",)), "check": ("FILE", ("--shots", "--threads", "--backend", "--device")),
    "run": ("FILE", ("--out", "--shots", "--workers", "--scheduler", "--shard", "--threads", "--backend", "--device",
                     "--quiet")),
    "status": ("FOLDER", ()), "report": ("FOLDER", ("--out", "--shots")),
    "verify": ("FILE", ("--out", "--sample", "--threads", "--backend", "--device")),
    "merge": ("FOLDER", ()), "export": ("FOLDER", ("--layout", "--out", "--patch", "--quiet"))}
_MOST_WORKERS = 10 ** 5
#: Shots that a report shows, and at most.
_SHOWN, _MOST_SHOWN = 12, 1000


def _parser():
    parser = Parser(
        "campaign", "init|check|run|verify FILE [options], or status|report|merge|export FOLDER",
        "Make a data set: shots that a description in TOML draws, each a function of it and its number alone.\n\n"
        "  init FILE --shots N       write a description with comments, which runs as it is\n"
        "  check FILE                say what it will make: shots, bytes, hours\n"
        "  run FILE --out FOLDER     make it; after an interrupt the same command goes on\n"
        "  status FOLDER             say how much is there\n"
        "  report FOLDER             write a page: pictures, what was drawn, rates, failures (--out FILE.html)\n"
        "  verify FILE --out FOLDER  compare checksums, and make some shots again\n"
        "  merge FOLDER              write the table of all shots and the manifest, as run does at its end\n"
        "  export FOLDER --layout resonet|braggnn --out NAME\n"
        "                            write frames and spots as the loaders of these networks read them\n\n"
        "docs/campaigns.md has the way in and clusters, docs/campaign-files.md the tables of a description.")
    parser.option("--out", "FOLDER", "the folder of the data set; of report the page (FOLDER/report.html)", file_name)
    parser.option("--shots", "N", "how many shots, in the place of what the description says; of report how many are\n"
                  "shown (12)", count(1, 2 ** 32 - 1))
    parser.option("--workers", "N", "processes on this machine (default: one per processor)",
                  whole_number(1, _MOST_WORKERS))
    parser.option("--scheduler", "ADDRESS", "a scheduler of Dask that is running, such as tcp://host:8786", _address)
    parser.option("--shard", "I/N", "make the Ith of N parts of the files in this process, from 0, without Dask; from\n"
                  "SLURM's or MPI's variables where these tell of several processes", _share)
    parser.option("--layout", "WORD", "export: resonet (NAME is a file) or braggnn (NAME is a folder)",
                  choice("resonet", "braggnn"))
    parser.option("--patch", "N", "export: edge of BraggNN's patches in pixels (default: 11)", whole_number(3, 255))
    parser.option("--sample", "N", "shots that are made again (default: 10)", count(0, 2 ** 32 - 1))
    parser.option("--threads", "N", "threads of each process (default: as many processors as it has to itself)",
                  whole_number(1, 4096))
    parser.option("--backend", "WORD", "cpu (default), cuda or auto", choice("cpu", "cuda", "auto"))
    parser.option("--device", "N", "number of the CUDA device", whole_number(0, 1023))
    parser.option("--quiet", "", "say nothing but warnings")
    return parser


def _address(word):
    if "://" not in word:
        raise ValueError("must be an address such as tcp://host:8786")
    return word


def _share(word):
    first, slash, last = word.partition("/")
    if not (slash and all(part.isascii() and part.isdecimal() and len(part) < 10 for part in (first, last))
            and int(first) < int(last)):
        raise ValueError("must be I/N, two whole numbers, I from 0 to N - 1")
    return int(first), int(last)


def run(arguments):
    """Do what the first word says.

    Returns the exit code.
    """
    values, words = _parser().files(arguments)
    if values is None:
        return 0
    action = words[0] if words else ""
    if action not in ACTIONS:
        raise ValueError(f"campaign: {short(action) + ' ' if action else ''}must be one of {', '.join(ACTIONS)}; see "
                         "numbragg campaign --help")
    named, options = ACTIONS[action]
    if len(words) != 2:
        raise ValueError(f"campaign {action}: needs {named}, one name, and not {len(words) - 1}")
    for option in values:
        if option not in options:
            raise ValueError(f"campaign {action}: {option} does not go with it; it has {', '.join(options) or 'none'}")
    if action != "report" and "--out" in options and "--out" not in values:
        raise ValueError(f"campaign {action}: give --out {'NAME' if action == 'export' else 'FOLDER'}")
    return {"init": _init, "check": _check, "run": _run, "status": _status, "report": _report, "verify": _verify,
            "merge": _merge, "export": _export}[action](words[1], values)


# -- before and after


def _init(name, values):
    from ..campaign.example import example
    from ..io.output import OutputSet

    if os.path.exists(name):
        raise ValueError(f"campaign init: {shown(name)} is there, and is not replaced; give a new name")
    with OutputSet() as outputs:
        outputs.reserve(name, "description")
        with outputs.open(name) as file:
            file.write(example(values.get("--shots", 200)).encode())
        outputs.commit()
    with report():
        print(f"{shown(name)}: a description of {values.get('--shots', 200)} shots; numbragg campaign check "
              f"{shown(name)}")
    return 0


def _maker(name, values, threads=None):
    from ..campaign.shots import Maker

    _check_device(values)
    return Maker(name, shots=values.get("--shots"), threads=values.get("--threads", threads),
                 backend=values.get("--backend", "cpu"), device=values.get("--device"))


def _check_device(values):
    if "--device" in values and values.get("--backend", "cpu") == "cpu":
        raise ValueError("campaign: --device is for --backend cuda or auto")


def _say_compiling():
    from ..kernels.drive.cpu import compiled
    from .progress import say_compiling

    if not compiled():
        say_compiling("some 20 seconds")


def _check(name, values):
    from ..campaign.estimate import estimate
    from ..kernels.drive.crew import available_threads

    _say_compiling()
    maker = _maker(name, values, 1)
    found = estimate(maker)
    description, processors = maker.description, available_threads()
    _say_notes(maker.notes)
    size = " + ".join(f"{fast} x {slow}" for slow, fast in dict.fromkeys(panel[0].shape for panel in maker.base))
    panels = f"{len(maker.base)} panels of " if len(maker.base) > 1 else ""
    hours = description.shots * found.seconds / 3600.0
    print(f"{shown(name)}: {description.shots} shots in {_files(description.shards)}, campaign "
          f"{description.hash()[:16]}")
    print(f"  {panels}{size} pixels (fast x slow), {maker.type}, {description.output.compression}")
    print(f"  varies: {', '.join(description.varied) or 'nothing but the noise'}")
    labels = description.labels
    if labels is not None:
        what = " and ".join(word for word, asked in (("lists of spots", labels.spots), ("masks", labels.mask)) if asked)
        print(f"  labels: {what}; spots above {labels.min_photons:g} photons, their pixels above "
              f"{labels.mask_photons:g}")
    print(f"  about {_bytes(found.bytes * description.shots)} ({_bytes(found.bytes)} a shot)")
    print(f"  about {_hours(hours)} of one process, {_hours(hours / processors)} on the {processors} processors here "
          f"({found.seconds:.3g} s a shot, measured with {found.measured})")
    for number, reason in found.failed:
        print(f"numbragg: warning: shot {number} fails: {reason}", file=sys.stderr)
    return 0


def _bytes(size):
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"


def _files(count):
    return "1 file" if count == 1 else f"{count} files"


def _hours(hours):
    for unit, factor in (("hours", 1.0), ("minutes", 60.0)):
        if factor * hours >= 1.0:
            return f"{factor * hours:.3g} {unit}"
    return f"{3600.0 * hours:.2g} seconds"


def _say_notes(notes, quiet=False):
    for note in notes:
        if not quiet or isinstance(note, Loud):
            print(f"numbragg: {'warning' if isinstance(note, Loud) else 'note'}: {note}", file=sys.stderr)


def _status(folder, values):
    from ..campaign.store import account_of, read_head, wrong_with

    head = read_head(folder)
    done = failed = size = 0
    damaged = []
    for number in range(head.shards):
        wrong = wrong_with(folder, head, number, deep=False)
        if wrong is None:
            account = account_of(folder, number)
            done += account["shots"]
            failed += len(account["failed"])
            size += sum(about["bytes"] for about in account["files"].values())
        elif wrong != "missing":
            damaged.append(wrong)
    print(f"{shown(folder)}: {done} of {head.shots} shots, {_bytes(size)}, campaign {head.campaign[:16]}")
    if failed:
        print(f"  {failed} of them failed; their reasons are in the table of truth")
    for wrong in damaged:
        print(f"  {wrong}: is made again by campaign run")
    return 0


def _report(folder, values):
    from ..campaign.report import collect
    from ..campaign.report_page import page
    from ..campaign.store import check_outputs
    from ..io.output import write_whole

    wanted = values.get("--shots", _SHOWN)
    if wanted > _MOST_SHOWN:
        raise ValueError(f"campaign report: --shots {wanted}: must be at most {_MOST_SHOWN}, or the page is too large")
    found = collect(folder, wanted)
    name = values.get("--out", os.path.join(folder, "report.html"))
    check_outputs(folder, [name])
    content = page(found)
    write_whole(name, "report", lambda file: file.write(content))
    with report():
        print(f"{shown(name)}: {found.there} of {found.head.shots} shots, {len(found.pictures)} of them shown")
    return 0


def _merge(folder, values):
    from ..campaign.store import MANIFEST, merge, tables_of

    head, failed = merge(folder)
    with report():
        print(f"{shown(folder)}: {' and '.join(tables_of(head))} of {head.shots} shots, {failed} of which failed, and "
              f"{MANIFEST}")
    return 0


def _export(folder, values):
    from ..campaign.export import PATCH, export
    from ..campaign.store import read_head
    from .progress import FrameProgress

    if "--layout" not in values:
        raise ValueError("campaign export: give --layout resonet or braggnn")
    layout = values["--layout"]
    if "--patch" in values and layout != "braggnn":
        raise ValueError(f"campaign export: --patch is for --layout braggnn, not {layout}")
    progress = FrameProgress(read_head(folder).shots, False if "--quiet" in values else None, "shot")
    try:
        files, shots = export(folder, layout, values["--out"], values.get("--patch", PATCH), progress)
    finally:
        progress.close()
    with report():
        if "--quiet" not in values:
            print(f"{shown(folder)}: {shots} shots for {layout}: {', '.join(map(shown, files))}")
    return 0


def _verify(name, values):
    from ..campaign.store import read_head, wrong_with
    from ..campaign.verify import sample, verify_shots
    from ..kernels.stopping import poll

    folder = values["--out"]
    head = read_head(folder)
    maker = _maker(name, {**values, "--shots": head.shots})
    if maker.description.hash() != head.campaign:
        raise ValueError(f"{name}: is another description than that of {folder}")
    _say_compiling()
    different = []
    for number in range(head.shards):
        poll()
        wrong = wrong_with(folder, head, number)
        if wrong is not None:
            different.append(f"shard {number}: {wrong}")
    numbers = sample(head, values.get("--sample", 10))
    different += verify_shots(maker, folder, head, numbers, lambda done: poll())
    for line in different:
        print(line)
    print(f"{shown(folder)}: checksums of {_files(head.shards)} of shots, and {len(numbers)} shots made again: "
          f"{f'{len(different)} differ' if different else 'all as they must be'}")
    return 1 if different else 0


# -- the run


def _run(name, values):
    from ..campaign.description import read_description
    from ..campaign.parts import Parts
    from ..campaign.run import Share, share_of_environment
    from ..campaign.shots import Maker
    from ..campaign.store import check_inputs, open_store, read_head
    from ..campaign.work import Plan

    _check_device(values)
    ways = [option for option in ("--workers", "--scheduler", "--shard") if option in values]
    if len(ways) > 1:
        raise ValueError(f"campaign run: {ways[0]} and {ways[1]} exclude one another")
    quiet, folder = "--quiet" in values, values["--out"]
    share = Share(*values["--shard"]) if "--shard" in values else None if ways else share_of_environment(os.environ)
    description = read_description(name, values.get("--shots"))
    if "--scheduler" in values:
        # workers may have memory that is not here
        parts = Parts(description)
    else:
        # or there would be a folder of what cannot be made, which no other description may have
        parts = Maker(description, threads=1).parts
    check_inputs(folder, [name, *description.inputs.values()])
    notes = [*parts.notes, *open_store(folder, description, description.hash())]
    if share is not None and share.source:
        notes.append(Loud(f"part {share.number} of {share.of}, from {share.source}"))
    _say_notes(notes, quiet)
    head = read_head(folder)
    address = values.get("--scheduler")
    if not quiet and address is None:
        _say_compiling()
    plan = Plan(name if address is None else os.path.abspath(name),
                folder if address is None else os.path.abspath(folder), head, values.get("--threads"),
                values.get("--backend", "cpu"), values.get("--device"))
    return _Run(plan, quiet, share, values).run()


class _Run:
    """A run, and what it tells of itself."""

    def __init__(self, plan, quiet, share, values):
        from ..campaign.log import Log
        from .progress import FrameProgress

        self.plan, self.quiet, self.share, self.values = plan, quiet, share, values
        shards = range(plan.head.shards) if share is None else share.shards(plan.head.shards)
        self.shots = sum(len(plan.head.of_shard(number)) for number in shards)
        self.done = self.kept = self.failed = 0
        self.log = Log(plan.folder)
        self.progress = FrameProgress(self.shots, False if quiet else None, "shot")

    def on_done(self, done):
        self.log.add(done)
        self.done += done.shots
        self.failed += done.failed
        if done.kept:
            self.kept += done.shots
            self.progress.found(done.shots)
        self.progress(self.done)

    def run(self):
        """Make all files. Returns the exit code."""
        from ..kernels.stopping import know

        know(self._how_far)
        busy = []
        try:
            self.progress(0)
            if self.share is not None:
                from ..campaign.run import here

                busy = here(self.plan, self.share, self.on_done, lambda shots: self.progress(self.done + shots))
            else:
                self._by_workers()
        except KeyboardInterrupt as stop:
            stop.args = (self._how_far(),)
            raise
        finally:
            self.progress.close()
        return self._tell(busy)

    def _by_workers(self):
        from ..campaign.run import by_workers, cluster_here, connected
        from ..kernels.drive.crew import available_threads

        if "--scheduler" in self.values:
            with connected(self.values["--scheduler"]) as client:
                self._say_dashboard(client)
                by_workers(client, self.plan, self.on_done)
            return
        processors = available_threads()
        # a device has one process
        workers = self.values.get("--workers", 1 if self.plan.backend != "cpu" else processors)
        workers = min(workers, self.plan.head.shards)
        plan = self.plan
        if plan.threads is None:
            plan = plan._replace(threads=max(processors // workers, 1))
        with cluster_here(workers) as client:
            self._say_dashboard(client)
            by_workers(client, plan, self.on_done)

    def _say_dashboard(self, client):
        import importlib.util

        if not self.quiet and importlib.util.find_spec("bokeh") is not None:
            print(f"numbragg: note: what workers do: {client.dashboard_link}", file=sys.stderr)

    def _how_far(self):
        return f"{self.done} of {self.shots} shots are written; the same command goes on from there"

    def _tell(self, busy):
        from ..campaign.store import MANIFEST, merge, tables_of

        folder = shown(self.values["--out"])
        if self.failed:
            print(f"numbragg: warning: {self.failed} of {self.shots} shots failed; their reasons are in the table of "
                  "truth", file=sys.stderr)
        if self.log.failed is not None:
            print(f"numbragg: warning: {folder}/log: {self.log.failed}; what a report says of rates is not whole",
                  file=sys.stderr)
        if busy:
            print(f"numbragg: warning: another run is writing {len(busy)} of the files of shots, the first of them "
                  f"number {busy[0]}; they were left to it", file=sys.stderr)
        if self.share is None:
            merge(self.plan.folder)
        with report():
            if not self.quiet:
                print(f"{folder}: {self.done} shots" + (f", {self.kept} of which were there" if self.kept else ""))
                print(f"  wrote {', '.join(tables_of(self.plan.head))} and {MANIFEST}" if self.share is None else
                      f"  part {self.share.number} of {self.share.of}; numbragg campaign merge {folder} when all are "
                      "there")
        return 0
