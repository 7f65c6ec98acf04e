"""`numbragg selftest`: the lane evaluator, on the CPU or a CUDA device, against the strict one on random scenes."""

import itertools
import re
import time

from ..io.json_text import json_ready
from ..io.literals import INT_MAX
from .arguments import Parser, choice, count, out_name
from .printing import say_all
from .signals import say_end

# start-up: what a run needs is imported when it runs, so that --help and refused words load neither NumPy nor Numba

__all__ = ["run"]

BACKENDS = ("cpu", "cuda", "cudasim")
KINDS = ("any", "compact")
DEFAULTS = {"--backend": "cpu", "--device": None, "--pixels": None, "--seed": 0, "--scene": None, "--kind": "any",
            "--threads": None, "--json": None}
PIXELS, SIMULATED_PIXELS = 2_000_000, 300

#: Steps of a scene, all pixels together, that are simulated at most.
SIMULATED_STEPS = 250


# -- arguments


def _parser():
    parser = Parser(
        "selftest", "[options]",
        "Render random scenes with the lane evaluator and with the strict one, and compare every pixel: the values\n"
        "before rounding with the bounds that the certificate promises, and the float32 bits.  Exit status 1 if any\n"
        "pixel breaks its bound or has other bits.\n\n"
        "With a CUDA device the lanes run there.  The other precisions are compared as well, device against CPU, bit\n"
        "for bit, and a table of times ends the account.  The simulator of a device is a Python program: it proves\n"
        "indices and transfers, on a few pixels of each scene, and no speed.")
    parser.option("--backend", "NAME",
                  "what is tested: cpu, cuda or cudasim (numba's CUDA simulator, which needs no device)",
                  choice(*BACKENDS))
    parser.option("--device", "N", "number of the CUDA device (default: the first)", count(0, INT_MAX))
    parser.option("--pixels", "N", "go on until so many pixels have been compared (default: 2e6; simulated: 300)",
                  count(1))
    parser.option("--seed", "S", "first part of the scenes' names; other seeds are other scenes (default: 0)",
                  count(None))
    parser.option("--scene", "S:K", "this one scene, in full: the K-th of seed S, as a message named it", _scene_name)
    parser.option("--kind", "NAME",
                  "what scenes are drawn: any, or compact, Gaussian and top-hat spots in fine pixels (default: any)",
                  choice(*KINDS))
    parser.option("--threads", "N", "number of threads (default: one per processor)", count(1, INT_MAX))
    parser.option("--json", "FILE",
                  "write the account as JSON; - for standard output, where nothing else is then printed", out_name)
    return parser


def _scene_name(word):
    if not re.fullmatch(r"-?\d+:\d+", word, re.ASCII):
        raise ValueError("must be a seed, a colon and a number, such as 0:17")
    return word


def _options(arguments):
    """All options, defaults included.

    Returns None if help was asked for.
    """
    parser = _parser()
    values, rest = parser.read(arguments)
    if values is None:
        return None
    if rest:
        parser.unknown(rest[0])
    options = DEFAULTS | values
    if options["--device"] is not None and options["--backend"] != "cuda":
        raise ValueError(f"selftest: --device {options['--device']}: goes with --backend cuda only")
    if options["--pixels"] is None:
        options["--pixels"] = SIMULATED_PIXELS if options["--backend"] == "cudasim" else PIXELS
    return options


# -- the account


def _machine():
    import os
    import platform

    return {"system": platform.platform(), "processor": platform.machine(), "processors": os.cpu_count(),
            "c_library": " ".join(platform.libc_ver())}


def _versions():
    import platform

    import llvmlite
    import numba
    import numpy

    from .._version import __version__

    return {"numbragg": __version__, "python": platform.python_version(), "numpy": numpy.__version__,
            "numba": numba.__version__, "llvmlite": llvmlite.__version__}


def _speed(result):
    """Nanoseconds per step, of the lanes and of the strict evaluator."""
    return [1e9 * seconds / result.lane_steps if result.lane_steps else None
            for seconds in (result.lane_seconds, result.strict_seconds)]


def _row(result):
    lane, strict = _speed(result)
    return {"scenes": result.scenes, "pixels": result.pixels, "steps": result.steps,
            "lane_pixels": result.lane_pixels, "largest_ratio": json_ready(result.ratio),
            "largest_ratio_scene": result.ratio_scene, "violations": result.violations,
            "mismatches": result.mismatches, "recomputed": dict(sorted(result.recomputed.items())),
            "predicted_doubtful": result.predicted, "lane_ns_per_step": lane, "strict_ns_per_step": strict,
            "other_precisions_pixels": result.others, "other_precisions_mismatches": result.others_mismatches}


def _account(tally, options, seconds, device, speeds):
    from ..kernels.drive.crew import available_threads

    failures = [{"scene": f.scene, "what": f.what, "fast": f.fast, "slow": f.slow, "lane": repr(f.lane),
                 "strict": repr(f.strict), "half_width": repr(f.half_width)} for f in tally.total.failures]
    return {
        "program": "numbragg selftest", "versions": _versions(), "machine": _machine(),
        "backend": options["--backend"], "device": device, "seed": options["--seed"], "scene": options["--scene"],
        "kind": options["--kind"],
        "pixels_wanted": options["--pixels"], "threads": options["--threads"] or available_threads(),
        "seconds": seconds, "total": _row(tally.total),
        "lane_fraction": tally.total.lane_pixels / max(tally.total.pixels, 1),
        "kinds": [{"shape": shape, "structure_factors": factors, **_row(result)}
                  for (shape, factors), result in sorted(tally.kinds.items())],
        "refused": dict(sorted(tally.refused.items())), "options": dict(sorted(tally.options.items())),
        "failures": failures, "skipped": tally.skipped,
        "speed": [{"precision": s.precision, "domains": s.domains, "pixels": s.pixels, "device_seconds": s.device,
                   "device_only_seconds": s.device_only, "cpu_seconds": s.cpu, "same_bits": s.same} for s in speeds],
    }


# -- text


def _table(tally):
    head = ("shape", "structure factors", "scenes", "pixels", "steps", "ratio", "viol.", "mism.", "doubtful",
            "predicted", "lanes", "strict")
    rows = [head]
    for name, result in [*sorted(tally.kinds.items()), (("all", ""), tally.total)]:
        lane, strict = _speed(result)
        doubtful = result.recomputed.get("rounding in doubt", 0)
        rows.append((*name, f"{result.scenes}", f"{result.pixels}", f"{result.steps:.3g}",
                     f"{result.ratio:.3f}", f"{result.violations}", f"{result.mismatches}",
                     f"{doubtful}", f"{result.predicted:.1f}",
                     *("-" if v is None else f"{v:.1f}" for v in (lane, strict))))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        left = [text.ljust(width) for text, width in zip(row[:2], widths)]
        right = [text.rjust(width) for text, width in zip(row[2:], widths[2:])]
        yield "  ".join(left + right).rstrip()


def _speed_text(speeds):
    """Times of images of 1024 x 1024 pixels (fewer on the simulator)."""
    yield ""
    yield "seconds for one image: N=5, one structure factor, no oversampling"
    yield f"{'precision':<10}{'pixels':>9}{'domains':>9}{'device':>10}{'stays there':>13}{'CPU':>10}  same bits"
    for s in speeds:
        yield (f"{s.precision:<10}{s.pixels:>9}{s.domains:>9}{s.device:>10.4f}{s.device_only:>13.4f}{s.cpu:>10.4f}  "
               f"{'yes' if s.same else 'NO'}")


def _text(tally, seconds, device, speeds):
    if device is not None:
        yield f"lanes on device {device}"
    total = tally.total
    yield from _table(tally)
    yield ""
    yield "ratio: largest distance between lanes and strict values before rounding, in half-widths"
    yield "doubtful: pixels recomputed because of their rounding; lanes, strict: ns per step"
    yield ""
    share = 100.0 * total.lane_pixels / max(total.pixels, 1)
    yield (f"{total.scenes} scenes, {total.pixels} pixels, {total.steps:.3g} steps in {seconds:.1f} s; "
           f"{share:.2f} % of the pixels by lanes")
    for reason, pixels in sorted(total.recomputed.items()):
        yield f"  recomputed, {reason}: {pixels} pixels"
    for reason, scenes in sorted(tally.refused.items()):
        yield f"  strict throughout, {reason}: {scenes} scenes"
    if tally.skipped:
        yield f"  left out, more than {SIMULATED_STEPS} steps in a pixel: {tally.skipped} scenes"
    if total.others:
        yield f"  other precisions, device against CPU: {total.others} pixels, {total.others_mismatches} mismatches"
    for failure in total.failures:
        yield f"{failure}; numbragg selftest {_words_of(failure.scene)}"
    if speeds:
        yield from _speed_text(speeds)
    verdict = "FAILED" if _failed(tally, speeds) else "passed"
    yield f"{verdict}: {total.violations} violations, {total.mismatches + total.others_mismatches} mismatches"


def _words_of(name):
    """The words that repeat a scene."""
    *kind, number = name.split()
    return "".join(f"--kind {word} " for word in kind) + f"--scene {number}"


def _full_name(number, options):
    """What a scene of the kind asked for is drawn by."""
    return number if options["--kind"] == "any" else f"{options['--kind']} {number}"


def _failed(tally, speeds):
    total = tally.total
    return bool(total.violations or total.mismatches or total.others_mismatches or not all(s.same for s in speeds))


def _description(name):
    """What one scene is."""
    import numpy as np

    from ..kernels.evaluate.certificate import plan
    from ..scene.request import Request
    from ..selftest.scenes import random_scene

    scene = random_scene(name)
    asked, plain = scene.prepared.request, Request()
    yield f"scene {name}: {scene.prepared.steps} steps a pixel, window {tuple(scene.prepared.window)} (fast, slow)"
    yield "  options: " + ", ".join(sorted(scene.options))
    for part in ("crystal", "beam", "detector", "sampling"):
        for field in getattr(plain, part).__slots__:
            value = getattr(getattr(asked, part), field)
            if isinstance(value, np.ndarray):
                yield f"  {field}: array of shape {value.shape}"
            elif repr(value) != repr(getattr(getattr(plain, part), field)):
                yield f"  {field}: {value!r}"
    if asked.revision != plain.revision:
        yield f"  revision: {asked.revision!r}"
    yield f"  structure factors: {scene.prepared.structure_factors!r}"
    yield f"  plan: {plan(scene.prepared.scene)}"


# -- running


def _simulate(arguments):
    """Start anew in a process whose CUDA is simulated: numba must know before it is imported."""
    import os
    import subprocess

    from ..io.children import started
    from ..kernels.stopping import asked, begin_to_end, leave_nothing, nothing_left

    environment = dict(os.environ, NUMBA_ENABLE_CUDASIM="1", NUMBA_DISABLE_JIT="1")
    process = started("from numbragg.commands.cli import entry\nentry()", ["selftest", *arguments], ends_by="SIGTERM",
                      env=environment)
    leave_nothing(process, process.terminate)
    try:
        while process.poll() is None and not asked():
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        if asked() and begin_to_end():
            # one line is enough, and the other process says it
            process.send_signal(asked())
            if process.wait() < 0:
                # it could not, having hardly begun
                return say_end()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        process.stdin.close()
        nothing_left(process)
    # as a shell has it where a signal ended it
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _speeds(options, simulated):
    from ..selftest.device_speed import DOMAINS, measure

    if options["--scene"] is not None:
        return []
    size = {"side": 4, "domains": DOMAINS[:2], "repeats": 1} if simulated else {}
    return list(measure(options["--device"], options["--threads"], **size))


def _compare(options, session, simulated):
    """The tally and the seconds that it took."""
    from ..kernels.drive.cpu import compiled
    from ..selftest.rounds import FAILURES_KEPT, campaign
    from .progress import Progress, say_compiling

    if not simulated and not compiled():
        say_compiling("some minutes")
    if options["--scene"] is not None:
        names, kept = [_full_name(options["--scene"], options)], FAILURES_KEPT
    else:
        kept = 4
        names = (_full_name(f"{options['--seed']}:{number}", options) for number in itertools.count())
    start = time.perf_counter()
    with Progress(options["--pixels"]) as progress:
        tally = campaign(names, options["--pixels"], options["--threads"], progress, kept, session,
                         SIMULATED_STEPS if simulated else None)
    return tally, time.perf_counter() - start


def run(arguments):
    """Run the self-test.

    Returns the exit code.
    """
    options = _options(arguments)
    if options is None:
        return 0
    simulated = options["--backend"] == "cudasim"
    session = None
    if options["--backend"] != "cpu":
        from ..kernels.compile.cuda_target import SIMULATED, cuda
        from ..kernels.drive.cuda import Session

        if simulated and cuda is not None and not SIMULATED:
            return _simulate(arguments)
        session = Session(options["--device"])
    import json

    from ..io.output import OutputSet

    path = options["--json"]
    with OutputSet() as outputs:
        if path not in (None, "-"):
            outputs.reserve(path, "account")
        if options["--scene"] is not None and path != "-":
            say_all("\n".join(_description(_full_name(options["--scene"], options))))
        tally, seconds = _compare(options, session, simulated)
        speeds = [] if session is None else _speeds(options, simulated)
        device = None if session is None else str(session.device)
        account = json.dumps(_account(tally, options, seconds, device, speeds), indent=2, allow_nan=False) + "\n"
        if path not in (None, "-"):
            with outputs.open(path) as file:
                file.write(account.encode())
            outputs.commit()
    say_all(account.rstrip("\n") if path == "-" else "\n".join(_text(tally, seconds, device, speeds)))
    return 1 if _failed(tally, speeds) else 0
