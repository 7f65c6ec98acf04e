"""The reader: shots by their numbers, in this process and others, and what it says of files that are not there."""

import multiprocessing
import os
import pickle
import re
import subprocess
import sys

from campaign_tools import SMALL, changed, ran, write
from formula_tools import INTERPRETED
import numpy as np
from places import ROOT
import pytest

pytest.importorskip("h5py", reason="files of shots are HDF5")
pytest.importorskip("pyarrow", reason="tables are Parquet")
pytestmark = pytest.mark.skipif(INTERPRETED, reason="files of many shots are for compiled kernels")

LABELS = "[labels]\nmin_photons = 0.5\nmask_photons = 0.05\n"


@pytest.fixture(scope="module")
def campaign_folder(tmp_path_factory):
    """A campaign with labels that is not merged, and what makes its shots."""
    from numbragg.campaign.shots import Maker

    place = tmp_path_factory.mktemp("read")
    made = ran(place, SMALL + LABELS, "--shard", "0/1")
    return Maker(place / "set.toml", threads=1), made


def reader(folder):
    from numbragg.campaign.reader import CampaignReader

    return CampaignReader(folder)


def test_shots_by_their_numbers(campaign_folder):
    maker, folder = campaign_folder
    with reader(folder) as shots:
        assert len(shots) == 12 and [record.number for record in shots] == list(range(12))
        for number in (3, 11, 0, 5):
            made = maker.shot(number)
            record = shots[number]
            assert (record.image == made.images[0]).all() and record.image.dtype == np.int32
            assert record.truth == shots.truth(number)
            assert record.truth["shot"] == number and record.truth["a_matrix"] == made.row["a_matrix"]
            assert (shots.mask(number) == made.labels.masks[0]).all() and shots.mask(number).dtype == np.int32
            assert list(shots.spots(number)) == list(made.labels.spots)
            for name, values in shots.spots(number).items():
                assert values.tobytes() == made.labels.spots[name].tobytes() and values.dtype == \
                    made.labels.spots[name].dtype
        assert (shots[-1].image == shots[11].image).all() and shots[np.int64(-12)].number == 0
        # a list of spots is the caller's own
        shots.spots(0)["h"][:] = 99
        assert not (shots.spots(0)["h"] == 99).any()
        for number in (12, -13):
            with pytest.raises(IndexError, match=rf"has shots 0 to 11, and not {number}"):
                shots[number]
        with pytest.raises(TypeError, match="a shot is asked for by its number, not by '3'"):
            shots["3"]
    # closed, and opened again where it is asked
    assert shots.image(1).shape == (32, 40)
    shots.close()


def spots_of(shots, number):
    """In a process of its own."""
    return number, shots.image(number).tobytes(), shots.spots(number)["intensity"].tobytes(), os.getpid()


@pytest.mark.parametrize("how", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_other_processes(how, campaign_folder):
    """A reader that has files open here goes to workers, which open their own."""
    if how not in multiprocessing.get_all_start_methods():
        pytest.skip(f"processes are not started by {how} here")
    _, folder = campaign_folder
    shots = reader(folder)
    expected = [spots_of(shots, number)[:3] for number in range(12)]
    with multiprocessing.get_context(how).Pool(2) as pool:
        found = pool.starmap(spots_of, [(shots, number) for number in range(12)], chunksize=1)
    assert [each[:3] for each in found] == expected and os.getpid() not in {each[3] for each in found}
    # and what is open here still is
    assert shots.image(0).tobytes() == expected[0][1]
    assert pickle.loads(pickle.dumps(shots)).image(7).tobytes() == expected[7][1]
    shots.close()


def test_a_child_of_a_fork_opens_files_of_its_own(campaign_folder):
    """Without being sent there: what a parent opened is not used, nor closed."""
    if not hasattr(os, "fork"):
        pytest.skip("there are no forks here")
    _, folder = campaign_folder
    program = ("import os, sys\nfrom numbragg.campaign.reader import CampaignReader\n"
               f"shots = CampaignReader({folder!r})\nimage = shots.image(0)\nmine = shots._files[0].id.id\n"
               "child = os.fork()\nif child == 0:\n"
               "    same = (shots.image(0) == image).all() and shots._process == os.getpid()\n"
               "    shots.close()\n    os._exit(0 if same else 1)\n"
               "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
               "assert shots._files[0].id.id == mine and (shots.image(0) == image).all()\n")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def copied(campaign_folder, folder):
    """A copy of the campaign in the current folder."""
    import shutil

    shutil.copytree(campaign_folder[1], "out")
    return folder / "out"


@pytest.mark.parametrize("damage, said", [
    (lambda folder: os.remove(folder / "shots_000001.h5"), "shots_000001.h5: missing"),
    (lambda folder: os.remove(folder / "shots_000001.json"), "shots_000001.h5: missing"),
    (lambda folder: os.truncate(folder / "shots_000001.h5", 1000), "shots_000001.h5: 1000 bytes, and must be "),
    (lambda folder: os.truncate(folder / "shots_000001.spots.parquet", 7),
     "shots_000001.spots.parquet: 7 bytes, and must be "),
])
def test_files_that_are_not_whole(damage, said, copied):
    damage(copied)
    with reader("out") as shots:
        assert shots[3].number == 3 and shots[8].number == 8
        for ask in (shots.image, shots.truth, shots.spots, shots.mask):
            with pytest.raises(ValueError) as refused:
                ask(5)
            message = str(refused.value)
            assert message.startswith(f"{copied}: shots from 4 on are not there ({said}") and "\n" not in message
            assert message.endswith("; numbragg campaign run makes them")


@pytest.mark.parametrize("name, ask", [("shots_000000.h5", "image"), ("shots_000000.parquet", "truth"),
                                       ("shots_000000.spots.parquet", "spots")])
def test_files_of_the_right_size_that_are_damaged(name, ask, copied):
    size = os.path.getsize(copied / name)
    (copied / name).write_bytes(b"x" * size)
    with pytest.raises(ValueError) as refused:
        getattr(reader("out"), ask)(0)
    assert str(refused.value).startswith(f"{copied / name}: cannot be read as ") and "\n" not in str(refused.value)


def test_no_labels_and_no_campaign(folder):
    from numbragg.commands.cli import main

    write(changed(("shots = 12", "shots = 2")))
    assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/1", "--quiet"]) == 0
    shots = reader("out")
    assert shots[1].number == 1
    with pytest.raises(ValueError, match=r"has no lists of spots; \[labels\] with spots = true makes them"):
        shots.spots(0)
    with pytest.raises(ValueError, match=r"has no masks of spots; \[labels\] with mask = true makes them"):
        shots.mask(0)
    with pytest.raises(ValueError, match="has no labels"):
        shots.places()
    with pytest.raises(ValueError, match="is no campaign's folder"):
        reader(".")


def loader_of_the_page():
    """The script of the page that has a Dataset."""
    text = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
    return re.search(r"```python\n(# shots_dataset\.py\n.*?)```", text, re.DOTALL)[1]


def test_the_dataset_of_the_page_is_short():
    code = loader_of_the_page()
    assert len(code[code.index("class "):].strip().splitlines()) <= 20


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_the_dataset_of_the_page(how, campaign_folder, folder):
    """With several workers, as a process of its own."""
    pytest.importorskip("torch", reason="has the loader")
    (folder / "shots_dataset.py").write_text(loader_of_the_page())
    program = f"""
import numpy as np, torch
from numbragg.campaign.reader import CampaignReader
from shots_dataset import Shots

if __name__ == "__main__":
    data = Shots({campaign_folder[1]!r})
    data[0]
    loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=3, multiprocessing_context={how!r})
    batches = list(loader)
    images, masks = (torch.cat(part).numpy() for part in zip(*batches))
    with CampaignReader({campaign_folder[1]!r}) as shots:
        for number in range(12):
            assert (images[number, 0] == shots.image(number)).all(), number
            assert (masks[number] == (shots.mask(number) > 0)).all(), number
    print(images.shape, masks.shape)
"""
    (folder / "train.py").write_text(program)
    done = subprocess.run([sys.executable, "-W", "ignore", "train.py"], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "(12, 1, 32, 40) (12, 32, 40)\n"), done.stderr
