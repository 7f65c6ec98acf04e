"""Output files: whole or not at all, whatever goes wrong."""

import errno
import os
from pathlib import Path
import stat
import subprocess
import sys

import pytest

from numbragg.io import output
from numbragg.io.output import OutputSet

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device files of Linux")


def names(folder):
    return sorted(os.listdir(folder))


def put(out, path, content):
    with out.open(path) as file:
        file.write(content)


def test_files_appear_at_the_commit(tmp_path):
    one, two = tmp_path / "one.bin", str(tmp_path / "two.bin")
    with OutputSet() as out:
        assert out.reserve(one, "first") is True
        assert out.reserve(two, "second") is True
        assert not one.exists()
        put(out, one, b"1")
        put(out, two, b"22")
        assert not {"one.bin", "two.bin"} & set(names(tmp_path))
        out.commit()
        assert names(tmp_path) == ["one.bin", "two.bin"]
    assert one.read_bytes() == b"1" and Path(two).read_bytes() == b"22"
    assert names(tmp_path) == ["one.bin", "two.bin"]


def test_relative_paths(folder):
    with OutputSet() as out:
        out.reserve("plain.bin", "file")
        put(out, "plain.bin", b"x")
        out.commit()
    assert names(folder) == ["plain.bin"]


def test_old_files_stay_until_the_commit(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    with OutputSet() as out:
        out.reserve(path, "image")
        put(out, path, b"new")
        assert path.read_bytes() == b"old"
        out.commit()
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("while_writing", [False, True])
def test_nothing_is_left_after_an_exception(tmp_path, error, while_writing):
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    with pytest.raises(error):
        with OutputSet() as out:
            out.reserve(path, "image")
            out.reserve(tmp_path / "other.bin", "other")
            with out.open(path) as file:
                file.write(b"new")
                if while_writing:
                    raise error
            raise error
    assert names(tmp_path) == ["image.bin"] and path.read_bytes() == b"old"


def test_without_commit_nothing_is_written(tmp_path):
    with OutputSet() as out:
        out.reserve(tmp_path / "image.bin", "image")
        put(out, tmp_path / "image.bin", b"new")
    assert names(tmp_path) == []


def test_what_was_only_reserved_is_dropped(tmp_path):
    old = tmp_path / "old.bin"
    old.write_bytes(b"old")
    with OutputSet() as out:
        out.reserve(old, "image")
        out.reserve(tmp_path / "written.bin", "image too")
        put(out, tmp_path / "written.bin", b"x")
        out.commit()
    assert names(tmp_path) == ["old.bin", "written.bin"] and old.read_bytes() == b"old"


def test_opening_again_starts_anew(tmp_path):
    path = tmp_path / "image.bin"
    with OutputSet() as out:
        out.reserve(path, "image")
        put(out, path, b"a longer content")
        put(out, path, b"short")
        out.commit()
    assert path.read_bytes() == b"short"


def test_closed_after_commit_and_discard(tmp_path):
    out = OutputSet()
    out.reserve(tmp_path / "image.bin", "image")
    out.discard()
    out.discard()
    assert names(tmp_path) == []
    for action in (out.commit, lambda: out.reserve(tmp_path / "x", "x")):
        with pytest.raises(RuntimeError, match="already committed or discarded"):
            action()


def test_only_reserved_files_can_be_opened(tmp_path):
    with OutputSet() as out, pytest.raises(ValueError, match="was not reserved"):
        with out.open(tmp_path / "image.bin"):
            pass


# -- destinations that cannot be


@pytest.mark.parametrize("name, error", [
    ("nodir/image.bin", FileNotFoundError),
    ("folder", IsADirectoryError),
    ("folder/", IsADirectoryError),
    ("new/", IsADirectoryError),
    ("", FileNotFoundError),
    ("file/image.bin", NotADirectoryError),
    ("n" * 300, OSError),
    ("loop", OSError),
])
def test_impossible_destinations(tmp_path, monkeypatch, name, error):
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    Path("file").write_bytes(b"")
    os.symlink("loop", "loop")
    before = names(tmp_path)
    with OutputSet() as out:
        with pytest.raises(error) as caught:
            out.reserve(name, "image")
        assert caught.value.filename == name
        assert "numbragg-" not in str(caught.value)
        assert out.reserve(name, "image", optional=True) is False
        with pytest.raises(ValueError, match="was not reserved"):
            with out.open(name):
                pass
        out.reserve("good.bin", "another")
        put(out, "good.bin", b"")
        out.commit()
    assert names(tmp_path) == sorted(before + ["good.bin"])


def test_a_protected_file_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    path.chmod(0o444)
    # the superuser may write anything, so the answer is given here
    monkeypatch.setattr(output.os, "access", lambda name, mode: False)
    with OutputSet() as out, pytest.raises(PermissionError) as caught:
        out.reserve(path, "image")
    assert caught.value.filename == str(path)
    assert names(tmp_path) == ["image.bin"]


def test_two_outputs_need_two_files(folder):
    os.symlink("image.bin", "link.bin")
    for other in ("image.bin", "./image.bin", str(folder / "image.bin"), "link.bin"):
        with OutputSet() as out:
            out.reserve("image.bin", "float image")
            with pytest.raises(ValueError) as caught:
                out.reserve(other, "noise image", optional=True)
            assert "float image" in str(caught.value) and "noise image" in str(caught.value)
    assert names(folder) == ["link.bin"]


# -- links, modes


def test_links_are_followed(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "real.bin").write_bytes(b"old")
    (tmp_path / "link.bin").symlink_to("elsewhere/real.bin")
    (tmp_path / "dangling.bin").symlink_to(folder / "new.bin")
    with OutputSet() as out:
        for name in ("link.bin", "dangling.bin"):
            out.reserve(tmp_path / name, name)
            put(out, tmp_path / name, name.encode())
        out.commit()
    assert names(tmp_path) == ["dangling.bin", "elsewhere", "link.bin"]
    assert (tmp_path / "link.bin").is_symlink() and (tmp_path / "dangling.bin").is_symlink()
    assert names(folder) == ["new.bin", "real.bin"]
    assert (folder / "real.bin").read_bytes() == b"link.bin"


@pytest.mark.skipif(os.name != "posix", reason="mode bits")
def test_mode_bits(tmp_path):
    old = tmp_path / "old.bin"
    old.write_bytes(b"")
    old.chmod(0o604)
    umask = os.umask(0o027)
    try:
        with OutputSet() as out:
            for name in ("old.bin", "new.bin"):
                out.reserve(tmp_path / name, name)
                put(out, tmp_path / name, b"x")
            out.commit()
        (tmp_path / "usual.bin").write_bytes(b"")
    finally:
        os.umask(umask)
    mode = {name: stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in names(tmp_path)}
    assert mode["old.bin"] == 0o604
    assert mode["new.bin"] == mode["usual.bin"] == 0o640


# -- things that go wrong at the end


def test_failing_rename_is_reported(tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("one.bin", "two.bin", "three.bin")]
    for path in paths:
        path.write_bytes(b"old")
    replace = os.replace

    def failing(source, target):
        if str(target).endswith("two.bin"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), source, None, target)
        replace(source, target)

    monkeypatch.setattr(output.os, "replace", failing)
    with pytest.raises(OSError) as caught:
        with OutputSet() as out:
            for path in paths:
                out.reserve(path, path.name)
                put(out, path, b"new")
            out.commit()
    assert caught.value.filename == str(paths[1]) and caught.value.errno == errno.EIO
    assert f"already written: {paths[0]}" in str(caught.value)
    assert [path.read_bytes() for path in paths] == [b"new", b"old", b"old"]
    assert names(tmp_path) == ["one.bin", "three.bin", "two.bin"]


def test_folder_in_the_way_at_the_end(tmp_path):
    path = tmp_path / "image.bin"
    with pytest.raises(OSError) as caught:
        with OutputSet() as out:
            out.reserve(path, "image")
            put(out, path, b"x")
            path.mkdir()
            out.commit()
    assert caught.value.filename == str(path)
    assert names(tmp_path) == ["image.bin"]


def test_full_disk_while_writing(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # a limit on the size of files refuses writes in the middle, like a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (10000, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            with OutputSet() as out:
                out.reserve(path, "image")
                out.reserve(tmp_path / "small.bin", "small")
                put(out, tmp_path / "small.bin", b"fits")
                put(out, path, bytes(100000))
                out.commit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(path)
    assert names(tmp_path) == ["image.bin"] and path.read_bytes() == b"old"


def test_no_space_left_while_writing(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    out = OutputSet()
    out.reserve(path, "image")
    with pytest.raises(OSError) as caught:
        with out.open(path) as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    # even without a context manager nothing is left
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert names(tmp_path) == ["image.bin"] and path.read_bytes() == b"old"


def test_errors_about_other_files_keep_their_name(tmp_path):
    with OutputSet() as out:
        out.reserve(tmp_path / "image.bin", "image")
        with pytest.raises(FileNotFoundError) as caught:
            with out.open(tmp_path / "image.bin"):
                open(tmp_path / "input.hkl", "rb")
    assert caught.value.filename == str(tmp_path / "input.hkl")


# -- devices


@LINUX
def test_full_device(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"old")
    with pytest.raises(OSError) as caught:
        with OutputSet() as out:
            out.reserve(path, "image")
            out.reserve("/dev/full", "other")
            put(out, path, b"new")
            put(out, "/dev/full", b"x")
            out.commit()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")
    # devices come first, so no file was replaced
    assert names(tmp_path) == ["image.bin"] and path.read_bytes() == b"old"


@LINUX
def test_null_device_takes_any_number(tmp_path):
    before = os.stat("/dev/null")
    with OutputSet() as out:
        out.reserve("/dev/null", "float image")
        out.reserve("/dev/null", "noise image")
        for _ in range(2):
            put(out, "/dev/null", b"x")
        out.commit()
    assert os.stat("/dev/null").st_rdev == before.st_rdev
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


SCRIPT = """
import sys
from numbragg.io.output import OutputSet
with OutputSet() as out:
    out.reserve(sys.argv[1], "image")
    with out.open(sys.argv[1]) as file:
        file.write(b"header")
        file.seek(0)
        file.write(b"H")
    out.commit()
"""


@LINUX
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output(tmp_path, name):
    command = [sys.executable, "-c", SCRIPT, name]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"Header"
    # also when it is a file, which must not be replaced under the one who opened it
    with open(tmp_path / "out.bin", "w+b") as file:
        subprocess.run(command, stdout=file, check=True)
        file.seek(0)
        assert file.read() == b"Header"
    assert names(tmp_path) == ["out.bin"] and (tmp_path / "out.bin").read_bytes() == b"Header"
    (tmp_path / "link").symlink_to(name)
    command[-1] = str(tmp_path / "link")
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"Header"
    assert (tmp_path / "link").is_symlink()


@LINUX
def test_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE)
    with OutputSet() as out:
        out.reserve(path, "image")
        put(out, path, b"data")
        out.commit()
    assert reader.communicate(timeout=20)[0] == b"data"
    assert stat.S_ISFIFO(os.stat(path).st_mode)
