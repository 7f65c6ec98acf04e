"""The one command for all checks: each of its parts goes red, and one part that does is enough."""

import inspect
import os
from pathlib import Path
import re
import subprocess
import sys
import textwrap
import time

import browser_part
import check
import debian
import dials_part
from golden_cases import CASES
import oldest
from places import ROOT
from processors import PROCESSORS
import pytest
from test_documentation import blocks

CONFIG = (ROOT / "setup.cfg").read_text(encoding="utf-8")


def status(command, folder, **environment):
    """Run a command in a folder.

    Returns its exit status and all that it printed.
    """
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300)
    return done.returncode, done.stdout


# -- the command


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch):
    """Nothing is installed by a test; DIALS and a browser are there unless the test says otherwise."""
    monkeypatch.setattr(dials_part, "installed", lambda: True)
    monkeypatch.setattr(browser_part, "program", lambda: "chromium")
    monkeypatch.setattr(debian, "possible", lambda: False)
    monkeypatch.setattr(oldest, "MAKE", [sys.executable, "-c", "print('oldest: made')"])


@pytest.mark.parametrize("statuses", [{}, {"lint": 1}, {"types": 2}, {"tests": 5}, {"oldest": 1}, {"dials": 1},
                                      {"browser": 1},  {"tests": 1, "oldest": 1}])
def test_one_part_that_fails_is_enough(statuses, monkeypatch, capfd):
    monkeypatch.setattr(check, "commands", lambda part, words, coverage: [
        [sys.executable, "-c", f"raise SystemExit({statuses.get(part, 0)})"]])
    assert check.main([]) == (1 if statuses else 0)
    summary = capfd.readouterr().out.partition("-- summary\n")[2].splitlines()
    assert [line.split()[:2] for line in summary[:-1]] == [
        [part, "FAILED" if part in statuses else "passed"] for part in check.PARTS]
    assert summary[-1] == ("-- FAILED" if statuses else "-- passed")


def test_other_parts_run_beside_the_tests(monkeypatch, capfd, tmp_path):
    """Each side waits for the other; what the other parts say comes whole, and behind what the tests say."""
    wait = ("import pathlib, sys, time\nprint('begin', sys.argv[1], flush=True)\npathlib.Path(sys.argv[1]).touch()\n"
            "until = time.monotonic() + 60\nwhile not pathlib.Path(sys.argv[2]).exists():\n"
            "    assert time.monotonic() < until\n    time.sleep(0.01)\nprint('end', sys.argv[1], flush=True)\n")
    names = {"tests": ("tests", "types"), "types": ("types", "tests")}
    monkeypatch.setattr(check, "commands", lambda part, words, coverage: [
        [sys.executable, "-c", wait, *(str(tmp_path / name) for name in names.get(part, (part, part)))]])
    assert check.main([]) == 0
    lines = capfd.readouterr().out.splitlines()
    said = [line.rpartition("/")[2] for line in lines if line.startswith(("begin", "end"))]
    assert said == [name for part in ("tests", "lint", "types", "oldest", "browser", "dials") for name in (part, part)]


@pytest.mark.skipif(not hasattr(os, "setpriority"), reason="this system has no priorities")
def test_other_parts_stand_back(tmp_path):
    program = ("import os, sys, time\nuntil = time.monotonic() + 60\n"
               "while os.getpriority(os.PRIO_PROCESS, 0) != int(sys.argv[1]):\n"
               "    assert time.monotonic() < until\n    time.sleep(0.01)\nsys.exit(7)\n")
    here = os.getpriority(os.PRIO_PROCESS, 0)
    assert check.lower_priority() == min(here + 5, 19)
    with open(tmp_path / "said", "w") as output:
        assert check._status([sys.executable, "-c", program, str(check.lower_priority())], output) == 7
    assert check._status([sys.executable, "-c", program, str(here)], None) == 7


def test_an_interrupt_ends_the_other_parts(monkeypatch):
    """The one that runs has it, too; those that would follow do not begin."""
    ran, coming_up, until = [], [], time.monotonic() + 60
    submit = check.ThreadPoolExecutor.submit
    monkeypatch.setattr(check.ThreadPoolExecutor, "submit", lambda self, *words: coming_up.append(
        submit(self, *words)) or coming_up[-1])

    def run(part, words=(), coverage=False, output=None):
        ran.append(part)
        if part == "tests":
            raise KeyboardInterrupt
        while not coming_up[-1].cancelled() and time.monotonic() < until:
            time.sleep(0.01)
        return True

    monkeypatch.setattr(check, "run", run)
    with pytest.raises(KeyboardInterrupt):
        check.main([])
    assert set(ran) <= {"lint", "tests"} and len(coming_up) == 5 and coming_up[-1].cancelled()


def stand_in(monkeypatch, folder, script):
    """A stand-in for apt-get, and programs that are there when a file of their part's name is."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(dials_part, "installed", (folder / "dials").exists)
    monkeypatch.setattr(browser_part, "program", lambda: "x" if (folder / "chromium").exists() else None)
    monkeypatch.setattr(debian, "LIMIT", 0.5 if "sleep" in str(script) else 60)
    monkeypatch.setattr(check, "commands", lambda part, words, coverage: [
        [sys.executable, "-c", "raise SystemExit(1)"]])
    if script is not None:
        (folder / "apt-get").write_text(f"#!/bin/sh\nfor last; do :; done\n{script}\n")
        (folder / "apt-get").chmod(0o755)
        monkeypatch.setattr(debian, "possible", lambda: True)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.parametrize("part, name, package", [("dials", "DIALS", "dials"), ("browser", "Chromium", "chromium")])
@pytest.mark.parametrize("script, said", [
    (None, "{name} is not installed, and only root on Debian installs it"),
    ("echo E: no such package; exit 100", "apt-get could not install {package}: E: no such package"),
    ("exec sleep 5", "apt-get took more than 0.5 s to install {package}"), ("touch chromium dials", None)])
def test_a_program_is_installed_or_left_out(part, name, package, script, said, monkeypatch, capfd, tmp_path):
    """A stand-in for apt-get: it fails, takes too long, or leaves what is wanted."""
    stand_in(monkeypatch, tmp_path, script)
    # where the program has come, its tests run, and here they fail
    assert check.main(["--only", part]) == (1 if said is None else 0)
    summary = capfd.readouterr().out.partition("-- summary\n")[2]
    assert (f"{part:8} FAILED" if said is None
            else f"{part:8} left out: {said.format(name=name, package=package)}") in summary


@pytest.mark.parametrize("missing, there", [("chromium", "dials"), ("python3-hdf5plugin", "chromium")])
def test_programs_fail_apart_in_one_run(missing, there, monkeypatch, capfd, tmp_path):
    """One that is not to be had leaves the other alone; only one apt-get runs at a time."""
    stand_in(monkeypatch, tmp_path, f"""
        [ -e running ] && touch twice
        touch running
        sleep 0.2
        rm running
        [ "$last" = {missing} ] && exit 100
        [ "$last" = update ] || touch {there}
        exit 0""")
    monkeypatch.setattr(debian, "LIMIT", 60)
    assert check.main(["--only", "dials", "--only", "browser"]) == 1
    summary = capfd.readouterr().out.partition("-- summary\n")[2]
    left, ran = ("browser", "dials") if there == "dials" else ("dials", "browser")
    assert f"{left:8} left out: apt-get could not install" in summary and f"{ran:8} FAILED" in summary
    assert not (tmp_path / "twice").exists()


def test_root_on_debian_installs(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    assert not debian.possible()


def test_a_report_that_fails_is_enough(monkeypatch, capfd):
    monkeypatch.setattr(check, "commands", lambda part, words, coverage: [
        [sys.executable, "-c", f"raise SystemExit({number})"] for number in (0, 0, 1)])
    assert not check.run("tests")


def test_parts_can_be_left_out(monkeypatch, capfd):
    asked = []
    monkeypatch.setattr(check, "run", lambda part, words=(), coverage=False, output=None: asked.append(
        (part, tuple(words), coverage)) or True)
    assert check.main(["--without", "oldest", "-k", "golden"]) == 0
    # the tests beside the others, which are one after the other
    assert ("tests", ("-k", "golden"), False) in asked
    assert [each for each in asked if each[0] != "tests"] == [
        (part, (), False) for part in ("lint", "types", "browser", "dials")]
    assert "oldest   left out" in capfd.readouterr().out
    asked.clear()
    assert check.main(["--only", "types"]) == 0 and asked == [("types", (), False)]
    asked.clear()
    assert check.main(["--only", "tests", "--coverage"]) == 0 and asked == [("tests", (), True)]
    with pytest.raises(SystemExit):
        check.main(["--only", "types", "--without", "types"])


def test_continuous_integration_runs_the_command_of_the_readme():
    lines = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
             if line.startswith("python3 -m venv ") and "tests/check.py" in line]
    assert lines == [
        'python3 -m venv .venv && .venv/bin/pip install -e ".[test,test-cuda]" && .venv/bin/python tests/check.py']
    assert 'grep -E "^python3 -m venv .*tests/check.py" README.md' in (ROOT / ".ci" / "run").read_text()


# -- what hangs


def test_a_test_that_hangs_is_named_and_the_others_run(tmp_path):
    """Also one that lets no Python run."""
    (tmp_path / "setup.cfg").write_text(CONFIG)
    text = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    (tmp_path / "conftest.py").write_text(re.sub(r"^PATIENCE = \d+$", "PATIENCE = 1.5", text, flags=re.MULTILINE))
    (tmp_path / "test_it.py").write_text(
        "import ctypes, time\nimport pytest\n\n\ndef test_before():\n    pass\n\n\n"
        "def test_hangs():\n    ctypes.PyDLL(None).sleep(60)\n\n\n"
        "@pytest.mark.slow\ndef test_that_takes_long():\n    time.sleep(3)\n\n\ndef test_behind():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "1", "-m", "slow or not slow"]
    code, said = status([*command, "test_it.py"], tmp_path, PYTHONPATH=str(ROOT / "tests"))
    assert code == 1 and "3 passed" in said and "1 failed" in said, said
    assert "test_it.py::test_hangs" in said and 'line 10 in test_hangs' in said, said


def test_a_part_that_hangs_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "LIMIT", 0.5)
    with open(tmp_path / "said", "w+") as output:
        assert check._status([sys.executable, "-c", "import time; time.sleep(60)"], output) == 1
        output.seek(0)
        assert output.read() == "took longer than 0.5 s, and was ended\n"


def test_an_environment_that_hangs_is_ended(monkeypatch, capfd):
    monkeypatch.setattr(oldest, "MAKE", [sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(oldest, "LIMIT", 0.5)
    with oldest.Environment() as environment:
        assert oldest.run(environment.ready()) == 1
    assert environment.process.poll() is not None
    assert "not ready after 0.5 s" in capfd.readouterr().out


# -- lint


@pytest.mark.parametrize("text, rule", [
    ("import os\n", "F401"), ("print(nothing)\n", "F821"), (f"x = '{'x' * 114}'\n", ""),
    (f"x = '{'x' * 115}'\n", "E501"), ("import sys\nimport os\n\nprint(os, sys)\n", "I001"),
    ("x = 1 \n", "W291"), ("import os\nimport sys\n\nprint(os, sys)\n", ""),
    ("def f():\n    return 1\n\n\ndef f():\n    return 2\n", "F811")])
def test_lint(text, rule, tmp_path):
    (tmp_path / "module.py").write_text(text)
    command, = check.commands("lint")
    assert command[-1] == "."
    code, said = status([*command[:-1], str(tmp_path / "module.py")], ROOT)
    assert (code, rule in said) == (1 if rule else 0, True), said


# -- types

RIGHT = """\
import numbragg as nb
from numbragg.io.raw import read_raw
from numbragg.testing import reference_image

crystal = nb.Crystal(cell=(50, 60, 70, 90, 90, 90))
image = nb.simulate(crystal, nb.Beam(), nb.Detector(), 100.0, threads=2)
counts = nb.add_noise(image, seed=1)
shape: tuple[int, ...] = counts.shape
print(reference_image("-N 1").dtype, read_raw("a", (3, 4)))
"""

WRONG = ["nb.simulate(crystal)", "nb.simulate(crystal, nb.Beam(), nb.Detector(), 'F')", "nb.no_such_thing",
         "counts.no_such_thing", "read_raw('a', 5)", "nb.add_noise(image, seed='x')", "nb.Beam(no_such_field=1)",
         "reference_image('-N 1').no_such_thing", "nb.Simulator(nb.Detector(), nb.Beam(), 1.0).image(5)"]


@pytest.mark.parametrize("wrong", [[], WRONG])
def test_types(wrong, tmp_path):
    """Of the package as others see it."""
    (tmp_path / "use.py").write_text(RIGHT + "".join(f"{line}\n" for line in wrong))
    command, = check.commands("types")
    code, said = status([*command, str(tmp_path / "use.py")], ROOT, MYPYPATH=str(ROOT))
    found = {int(number) for number in re.findall(r"use\.py:(\d+): error", said)}
    start = RIGHT.count("\n") + 1
    assert code == (1 if wrong else 0) and found == set(range(start, start + len(wrong))), said


def test_types_are_looked_at_in_all_documented_modules():
    import configparser

    from test_docs import API, named

    config = configparser.ConfigParser(interpolation=None)
    config.read_string(CONFIG)
    places = [ROOT / name.strip(" ,") for name in config["mypy"]["files"].split("\n") if name.strip()]
    assert [place for place in places if not place.exists()] == []
    for qualified in API:
        home = Path(inspect.getfile(named(qualified)))
        assert any(place == home or place in home.parents for place in places), qualified


# -- tests

WARNS = "import warnings\ndef test_it():\n    warnings.warn('x', {})\n"


@pytest.mark.parametrize("text, code", [
    ("def test_it():\n    pass\n", 0), ("def test_it():\n    assert False\n", 1),
    (WARNS.format("DeprecationWarning"), 1), (WARNS.format("RuntimeWarning"), 1),
    ("import numpy as np\ndef test_it():\n    np.float32(1) / np.float32(0)\n", 1),
    ("import pytest\n@pytest.mark.parametrize('x', [])\ndef test_it(x):\n    pass\n", 2),
    ("import pytest\n@pytest.mark.xfail(reason='x')\ndef test_it():\n    pass\n", 1)])
def test_tests(text, code, tmp_path):
    """Warnings, tests without cases, and expected failures that pass are failures."""
    (tmp_path / "setup.cfg").write_text(CONFIG)
    (tmp_path / "test_it.py").write_text(text)
    found, said = status([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"], tmp_path)
    assert found == code, said


def test_coverage_is_measured_and_printed(tmp_path):
    (tmp_path / "setup.cfg").write_text(CONFIG)
    for package in ("numbragg", "kernels"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("x = 1\ny = x or 2\n\n\ndef f():\n    return 3\n")
    (tmp_path / "numbragg" / "never.py").write_text("x = 1\n")
    (tmp_path / "test_it.py").write_text("def test_it():\n    import kernels\n    assert kernels.f()\n")
    first, *reports = check.commands("tests", ["-q", "-p", "no:cacheprovider", "test_it.py"], coverage=True)
    environment = {"PYTHONPATH": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                   "PYTEST_ADDOPTS": "-p pytest_cov -p xdist"}
    code, said = status(first, tmp_path, **environment)
    assert code == 0, said
    shares = [status(report, tmp_path, **environment) for report in reports]
    assert [code for code, _ in shares] == [0, 0], shares
    assert [said.split()[-1] for _, said in shares][1] == "100%" or "100%" in shares[1][1]
    never, = [line for line in shares[0][1].splitlines() if "never" in line]
    assert never.split()[-1] == "0%" and "100%" not in shares[0][1]


def test_coverage_without_data_is_a_failure(tmp_path):
    _, *reports = check.commands("tests", coverage=True)
    assert all(status(report, tmp_path)[0] == 1 for report in reports)


# -- oldest

SETTINGS = textwrap.dedent("""\
    [options]
    install_requires =
        numba>=0.61
        numpy>=2.0
    [options.extras_require]
    demo =
        tqdm>=4.60
        matplotlib>=3.8.4
    plot =
        matplotlib>=3.8.4
    io =
        h5py>=3.11
    campaign =
        dask>=2024.8
    """)


def test_oldest_versions_are_those_of_the_settings():
    assert oldest.requirements(SETTINGS) == ["dask==2024.8", "h5py==3.11", "matplotlib==3.8.4", "numba==0.61",
                                             "numpy==2.0", "tqdm==4.60"]
    pinned = oldest.requirements(CONFIG)
    assert {line.partition("==")[0] for line in pinned} >= {"llvmlite", "numba", "numpy", "tifffile", "h5py"}


@pytest.mark.parametrize("line, says", [("numpy", "numpy: a lower limit"), ("numpy<3", "numpy<3"),
                                        ("numpy>=1,<3", "numpy>=1,<3"), ("tqdm>=5", "two lower limits")])
def test_oldest_versions_that_are_not_said_are_refused(line, says):
    with pytest.raises(ValueError, match=says):
        oldest.requirements(SETTINGS.replace("numpy>=2.0", line))


@pytest.mark.parametrize("statuses, code", [([0, 0, 0, 0], 0), ([1], 1), ([0, 1], 1), ([0, 0, 1], 1),
                                            ([0, 0, 0, 1], 1), ([0, 0, 0, 5], 5)])
def test_oldest_fails_where_anything_does(statuses, code, monkeypatch, capsys, tmp_path):
    """No environment, no network, no installation: nothing was tested, which is no pass."""
    left = list(statuses)
    monkeypatch.setattr(oldest.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(
        command, left.pop(0)))
    assert oldest.main(["--make", str(tmp_path)]) == 0
    assert oldest.main(["--run", str(tmp_path)]) == code and left == []
    assert ("nothing was tested" in capsys.readouterr().out) == (len(statuses) < 4)


@pytest.mark.parametrize("made", [False, True])
def test_oldest_is_made_meanwhile(made, monkeypatch, capsys):
    script = "import pathlib, sys; print('oldest: of old'); " + ("pathlib.Path(sys.argv[1], 'made').touch()" * made)
    monkeypatch.setattr(oldest, "MAKE", [sys.executable, "-c", script])
    monkeypatch.setattr(oldest.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 7))
    assert oldest.main([]) == (7 if made else 1)
    assert "oldest: of old\n" in capsys.readouterr().out


def test_oldest_leaves_nothing_behind(monkeypatch):
    """What is not waited for ends, and its folder goes."""
    monkeypatch.setattr(oldest, "MAKE", ["sh", "-c", "sleep 100; :"])
    with oldest.Environment() as environment:
        folder, process = Path(environment.folder), environment.process
        assert folder.is_dir()
    assert not folder.exists() and process.returncode == -15


def test_oldest_runs_tests_that_are_there():
    for name in oldest.TESTS:
        place, _, test = name.partition("::")
        assert (ROOT / place).exists()
        assert not test or f"def {test}(" in (ROOT / place).read_text(encoding="utf-8")
    names = [re.fullmatch(r"tests/test_golden\.py::test_same_files_as_c\[(.*)-fixed]", test)[1]
             for test in oldest.reference_files()]
    assert len(set(names)) == len(names) and len(names) < len(CASES) / 3
    # what is left out has the name that it is left out by
    assert set(oldest.LEFT_OUT) < {f"tests/io/test_same_bytes.py::test_other_processors[{name}]" for name in PROCESSORS}
    # but for those that are large, and two odd files, something of every group
    assert {case["group"] for case in CASES.values()} - {CASES[name]["group"] for name in names} == {"large", "edge"}


def test_examples_of_the_pages_have_right_types(tmp_path):
    """What users copy passes their own type checker."""
    pytest.importorskip("mypy")
    files = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        code = "\n".join(text for _, text in blocks(page, "python") if "$ " not in text)
        if "import numbragg" in code:
            files.append(tmp_path / f"{page.stem.replace('-', '_')}.py")
            files[-1].write_text(code)
    assert len(files) >= 4
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import numbragg as nb\nnb.Detector(pixels='many')\nnb.Crystal(n_cells=[1, 2, 'three'])\n")
    done = subprocess.run([sys.executable, "-m", "mypy", "--config-file", str(ROOT / "setup.cfg"), *map(str, files),
                           str(wrong)], cwd=ROOT, capture_output=True, text=True)
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 2 and all("wrong.py" in line for line in errors), done.stdout + done.stderr
