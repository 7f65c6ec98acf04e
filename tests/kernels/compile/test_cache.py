"""Compiled kernels on disk: whose files are believed, checksums, folders that nobody else can write."""

import os
from pathlib import Path
import pickle
import random
import stat
import subprocess
import sys
from types import SimpleNamespace

import forks
from formula_tools import INTERPRETED
import pytest

from numbragg.kernels.compile import cache, cuda_target
from numbragg.kernels.compile.compilation import jit

POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no owners of files")
COMPILED = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A cache of its own, as if this process had just begun: the folder that NUMBRAGG_CACHE_DIR names."""
    monkeypatch.setenv("NUMBRAGG_CACHE_DIR", str(tmp_path / "cache"))
    begin_anew(monkeypatch)
    return tmp_path / "cache"


def begin_anew(monkeypatch):
    monkeypatch.setattr(cache, "_folder", [])
    monkeypatch.setattr(cache, "_said", set())


def kernel():
    """A kernel made anew from one source, which is kept."""
    @jit(variant="sum of a test")
    def summed(x, y):
        return 3.0 * x + y

    return summed


def files(base):
    return sorted(path for path in base.rglob("*") if path.is_file())


def loaded(function):
    """How many signatures were taken from disk."""
    return sum(function.stats.cache_hits.values())


# -- where


def test_variables_that_are_no_absolute_paths(monkeypatch, tmp_path, capfd):
    """Nothing is made in, or loaded from, the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NUMBRAGG_CACHE_DIR", raising=False)
    for relative in ("xdg", "./xdg", "~/xdg"):
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        assert Path(cache.cache_folder()).parent == tmp_path / "home" / ".cache" / "numbragg"
    assert capfd.readouterr().err == ""
    begin_anew(monkeypatch)
    monkeypatch.setenv("NUMBRAGG_CACHE_DIR", "here")
    assert cache.cache_folder() is None and cache.folder_in_use() is None and not cache.kept(kernel)
    line, = capfd.readouterr().err.splitlines()
    assert line.startswith("numbragg: warning: NUMBRAGG_CACHE_DIR: 'here' is no absolute path")
    assert list(tmp_path.iterdir()) == []


@POSIX
@pytest.mark.parametrize("home", [None, "", "relative"])
@pytest.mark.parametrize("entry", [None, "/somewhere"])
def test_home_that_is_not_set(home, entry, monkeypatch):
    import pwd

    def entry_of(number):
        if entry is None:
            raise KeyError(number)
        return SimpleNamespace(pw_dir=entry)

    monkeypatch.setattr(pwd, "getpwuid", entry_of)
    for name in ("NUMBRAGG_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    folder = cache.cache_folder()
    assert folder is None if entry is None else Path(folder).parent == Path("/somewhere/.cache/numbragg")


@COMPILED
def test_kernels_work_where_there_is_no_folder(base, monkeypatch, capfd, tmp_path):
    base.write_text("a file")
    assert cache.folder_in_use() is None and kernel()(1.0, 2.0) == 5.0
    assert capfd.readouterr().err == "" and [path.name for path in tmp_path.iterdir()] == ["cache"]


# -- owners and modes


@POSIX
@COMPILED
def test_what_is_made_is_for_the_user_alone(base):
    old = os.umask(0)
    try:
        assert kernel()(1.0, 2.0) == 5.0
    finally:
        os.umask(old)
    assert len(files(base)) == 2
    for path in (base, *base.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert loaded(kernel()) == 0
    again = kernel()
    assert again(1.0, 2.0) == 5.0 and loaded(again) == 1


@POSIX
@pytest.mark.parametrize("owner, mode, believed", [
    (1000, 0o700, True), (1000, 0o755, True), (1000, 0o775, False), (1000, 0o702, False), (0, 0o755, True),
    (0, 0o775, False), (0, 0o1777, False), (1001, 0o700, False), (65534, 0o755, False)])
def test_whose_files_are_believed(owner, mode, believed, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cache._believed(SimpleNamespace(st_uid=owner, st_mode=mode)) == believed


class Trap:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (os.environ["NUMBRAGG_TRAP"],)


@POSIX
@COMPILED
@pytest.mark.parametrize("what", ["base", "folder", "files"])
@pytest.mark.parametrize("harm", ["mode", "owner"])
def test_what_others_can_write_is_not_loaded(what, harm, base, monkeypatch, capfd, tmp_path):
    """Neither its code nor its pickle runs; one line says so, and the kernel is right."""
    if harm == "owner" and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    assert kernel()(1.0, 2.0) == 5.0
    paths = files(base)
    monkeypatch.setenv("NUMBRAGG_TRAP", str(tmp_path / "trap"))
    for path in paths:
        cache.write_checked(str(path), pickle.dumps(Trap()))
    # the trap works
    pickle.loads(cache.read_checked(paths[0]))
    (tmp_path / "trap").rmdir()
    for path in {"base": [base], "folder": [paths[0].parent], "files": paths}[what]:
        if harm == "mode":
            path.chmod(path.stat().st_mode | 0o020)
        else:
            os.chown(path, 12345, -1)
    begin_anew(monkeypatch)
    assert kernel()(1.0, 2.0) == kernel()(1.0, 2.0) == 5.0
    line, = capfd.readouterr().err.splitlines()
    assert line.startswith("numbragg: warning: ") and "others can write it" in line and str(base) in line
    assert not (tmp_path / "trap").exists()
    begin_anew(monkeypatch)
    again = kernel()
    # files in a folder of ours were replaced; a folder that is not ours is left as it is
    assert again(1.0, 2.0) == 5.0 and loaded(again) == (what == "files")
    assert (tmp_path / "trap").exists() is False


@COMPILED
def test_link_to_a_folder_is_followed(base, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    base.symlink_to(tmp_path / "elsewhere")
    assert kernel()(1.0, 2.0) == 5.0 and len(files(tmp_path / "elsewhere")) == 2


@COMPILED
def test_numba_s_own_variable_does_not_choose_another_place(base, monkeypatch, tmp_path):
    import numba

    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserWideCacheLocator")
    assert kernel()(1.0, 2.0) == 5.0 and len(files(base)) == 2


# -- damage


@COMPILED
def test_every_flipped_bit_is_noticed(base, monkeypatch, capfd):
    """Two hundred at random: nothing is unpickled, and each is said."""
    from numba import float64

    wanted = kernel()
    assert wanted(1.0, 2.0) == 5.0
    signature, paths, rng = wanted.signatures[0], files(base), random.Random(15)
    assert signature == (float64, float64)
    for n in range(200):
        path = paths[n % len(paths)]
        content = path.read_bytes()
        harmed = bytearray(content)
        place = rng.randrange(8 * len(content))
        harmed[place // 8] ^= 1 << place % 8
        path.write_bytes(harmed)
        cache._said.clear()
        fresh = kernel()
        assert fresh._cache.load_overload(signature, fresh.targetctx) is None
        assert f"warning: {path}: is damaged" in capfd.readouterr().err and not path.exists()
        path.write_bytes(content)
        path.chmod(0o600)
    assert fresh._cache.load_overload(signature, fresh.targetctx) is not None


@COMPILED
@pytest.mark.parametrize("harm", [lambda content: content[:-1], lambda content: b"", lambda content: content[:20],
                                  lambda content: content + b"\0", lambda content: bytes(len(content))])
@pytest.mark.parametrize("number", [0, 1])
def test_damaged_files_are_made_anew(number, harm, base, monkeypatch, capfd):
    assert kernel()(1.0, 2.0) == 5.0
    path = files(base)[number]
    path.write_bytes(harm(path.read_bytes()))
    made = kernel()
    assert made(1.0, 2.0) == 5.0 and loaded(made) == 0
    line, = capfd.readouterr().err.splitlines()
    assert line == f"numbragg: warning: {path}: is damaged; the kernel is made anew"
    again = kernel()
    assert again(1.0, 2.0) == 5.0 and loaded(again) == 1 and capfd.readouterr().err == ""


@POSIX
def test_what_is_no_file_is_made_anew(base, monkeypatch, capfd):
    """A pipe would have to wait for whoever writes to it."""
    assert kernel()(1.0, 2.0) == 5.0
    for number, path in enumerate(files(base)):
        path.unlink()
        os.mkfifo(path, 0o600)
        monkeypatch.setattr(cache, "_said", set())
        made = kernel()
        assert made(1.0, 2.0) == 5.0 and loaded(made) == 0, number
        assert capfd.readouterr().err == f"numbragg: warning: {path}: is no file; the kernel is made anew\n"
        assert path.is_file()


def test_a_file_in_the_place_of_another_is_refused(tmp_path):
    one, two = tmp_path / "one.nbc", tmp_path / "two.nbc"
    cache.write_checked(one, b"content")
    assert cache.read_checked(one) == b"content" and list(tmp_path.iterdir()) == [one]
    one.rename(two)
    with pytest.raises(cache.Refused, match="two.nbc: is damaged"):
        cache.read_checked(two)


def test_kernels_for_devices_are_checked_as_well(base, capfd, tmp_path, monkeypatch):
    """A damaged one is no kernel; what it holds is not unpickled."""
    pytest.importorskip("numba.cuda.dispatcher")
    monkeypatch.setenv("NUMBRAGG_TRAP", str(tmp_path / "trap"))
    path = str(tmp_path / "cuda.nbc")
    Path(path).write_bytes(pickle.dumps(Trap()))
    assert cuda_target._read(path) is None and not (tmp_path / "trap").exists() and not os.path.exists(path)
    assert "is damaged" in capfd.readouterr().err
    assert cuda_target._read(None) is None
    cuda_target._write(None, object())


@pytest.mark.slow
@COMPILED
def test_images_from_a_damaged_cache(tmp_path):
    """The whole way: a bit of the kernels of an image flipped, a note, the right image, and a whole cache again."""
    words = ["-m", "numbragg", "-default_F", "1", "-cell", "79", "-N", "8", "-oversample", "1", "-seed", "1",
             "-detpixels", "40", "--quiet"]
    where = tmp_path / "cache"

    def image():
        done = forks.run(words, tmp_path, {"NUMBRAGG_CACHE_DIR": str(where)}, seconds=900)
        assert done.returncode == 0, done.stderr
        return (tmp_path / "floatimage.bin").read_bytes(), done.stderr

    wanted, rng = image()[0], random.Random(4)
    kept = {path: path.read_bytes() for path in files(where)}
    for n in range(200):
        path = rng.choice(sorted(kept))
        harmed = bytearray(kept[path])
        place = rng.randrange(8 * len(harmed))
        harmed[place // 8] ^= 1 << place % 8
        path.write_bytes(harmed)
        found, said = image()
        # the strict kernel is loaded for a pixel that needs it only
        assert found == wanted and ("is damaged" in said or path.read_bytes() == bytes(harmed)), path
        path.write_bytes(kept[path])


def test_processes_without_a_home(tmp_path):
    """HOME relative: nothing is made in the current folder."""
    if INTERPRETED or not hasattr(os, "geteuid"):
        pytest.skip("needs compiled kernels and users")
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("HOME", "NUMBRAGG_CACHE_DIR", "XDG_CACHE_HOME")} | {"XDG_CACHE_HOME": "xdg"}
    code = ("import pwd\ndef nobody(number):\n    raise KeyError(number)\npwd.getpwuid = nobody\n"
            "from numbragg.kernels.compile.compilation import jit\nprint(jit(lambda x: x + 1.0)(1.5))")
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, capture_output=True,
                          text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("2.5\n", "") and list(tmp_path.iterdir()) == []
