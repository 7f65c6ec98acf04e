"""The benchmarks of campaigns: each runs on something tiny and times nothing that is wrong; the model is arithmetic."""

import os

import pytest
from test_benchmarks import run_script

pytest.importorskip("h5py", reason="files of shots are HDF5")
pytest.importorskip("pyarrow", reason="tables of truth are Parquet")
pytestmark = pytest.mark.usefixtures("benchmark_scripts")


def test_overhead_runs():
    (record,), text = run_script("campaign.py", "--edge", "48", "--shots", "6", "--rounds", "2", "--table")
    assert (record["benchmark"], record["edge"], record["steps"], record["shots"]) == ("campaign overhead", 48, 10, 6)
    assert min(record["shot_ms"]) > sum(record["parts_ms"].values()) > 0.0 and record["allowed"] is None
    assert all(value > 0.0 for value in record["overhead"]) and text.count("\n| ") == 3


def test_an_overhead_that_is_too_large_is_an_error(monkeypatch, capsys):
    import campaign

    monkeypatch.setattr(campaign, "SIZES", ((32, 2, 3, 0.0),))
    assert campaign.main(["--rounds", "1"]) == 1
    assert "32 x 32 pixels, 2 steps: overhead " in capsys.readouterr().err


def test_wrong_frames_are_not_timed(folder):
    import campaign

    from numbragg.campaign.shots import Maker

    maker = Maker(campaign.write_description(24, 2, 3), threads=1)
    _, frames = campaign.make_file(maker)
    campaign.check(maker, frames)
    frames[2, 3, 4] += 1
    with pytest.raises(SystemExit, match="shot 2: the file has other pixels"):
        campaign.check(maker, frames)


def test_timed_functions_are_put_back():
    import campaign

    class Owner:
        def work(self):
            return sum(range(200000))

    own, timed = Owner.work, campaign.Timed()
    with timed.watching(part=(Owner, "work")):
        assert Owner().work() == own(None) and Owner.work is not own
    assert Owner.work is own and 0.0 < timed.wall["part"] < 10.0 and timed.cpu.keys() == {"part"}


def test_model():
    """Workers, scheduler, storage and network: the lowest of them, and how many workers each is enough for."""
    from campaign_scaling import limits, saturation

    cost = {"seconds": 0.01, "bytes": 1e4}
    constants = {"tasks": 200.0, "storage": 5e8, "network": 1e9}
    assert limits(cost, constants, 16) == {"workers": 1600.0, "scheduler": 20000.0, "storage": 5e4, "network": 1e5}
    assert saturation(cost, constants) == {"scheduler": 200.0, "storage": 500.0, "network": 1000.0}


@pytest.mark.slow
def test_scaling_runs():
    pytest.importorskip("distributed", reason="has the workers")
    (record,), text = run_script("campaign_scaling.py", "--edge", "48", "--rounds", "1", "--shots", "40", "--tasks",
                                 "20", "--table")
    assert record["constants"]["tasks"] > 1.0 and record["constants"]["storage"] > 1e5
    assert len(record["two_over_one"]["rate"]) == 3 and text.count("| 48 x 48, 10 steps |") == 7


def test_published_scene_runs(tmp_path):
    (record,), text = run_script("campaign_published.py", "--pixels", "48", "40", "--domains", "4", "--precision",
                                 "single", "--alone", "--table")
    assert (record["pixels"], record["steps"], record["shots"], record["labels"]) == (48 * 40, 4, 1, False)
    assert record["hours_16"] == pytest.approx(record["seconds"] * 10_000 / 16 / 3600)
    assert record["hours_published"] == pytest.approx(8.03) and "campaign, single" in text


def test_the_published_campaign_is_the_published_scene(folder):
    """Its crystal, detector and beam are those that the scene's own benchmark simulates."""
    from campaign_published import write_description
    from published_scene import SCENES, Shot

    from numbragg.campaign.shots import Maker

    mine = Maker(write_description(".", 1, "exact", (40, 32), 4), threads=1).base[0][0]
    shot = Shot(SCENES["pilatus"], (40, 32), 4)
    theirs = shot.simulator().prepare(shot.crystal)
    assert mine.n_cells == theirs.n_cells and mine.fluence == theirs.fluence and mine.steps == theirs.steps
    assert mine.placement.distance == theirs.placement.distance and mine.placement.origin == theirs.placement.origin
    for name in ("shape", "mosaic_spread", "mosaic_domains", "spot_metric", "mosaicity"):
        assert getattr(mine.request.crystal, name) == getattr(theirs.request.crystal, name)
    assert (mine.scene.crystal.mosaic == theirs.scene.crystal.mosaic).all()


@pytest.mark.skipif("NB_C_BIN" not in os.environ, reason="NB_C_BIN names no C program")
def test_others_are_scaled_by_steps():
    from campaign_published import others

    found = others((64, 48), 8)
    assert found["scale"] == 64 * 48 * 8 / (8 * 8 * 2)
    assert found["c"]["scaled"] == found["scale"] * found["c"]["seconds"]
