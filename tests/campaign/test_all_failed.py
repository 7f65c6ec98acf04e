"""Files of shots all of which failed, and failures that are the machine's and no shot's."""

from campaign_tools import SMALL, changed, write
import pytest

from numbragg.campaign.reader import CampaignReader
from numbragg.campaign.shots import Maker
from numbragg.commands.cli import main


def test_a_file_of_failures_alone_is_written(folder, capfd):
    """Though no shot says how many panels there are."""
    pytest.importorskip("h5py", reason="files of shots are HDF5")
    pytest.importorskip("pyarrow", reason="tables of truth are Parquet")
    text = changed(("shots = 12", "shots = 3")) + (
        '[vary.distance_mm]\ndistribution = "uniform"\nlow = 59\nhigh = 61\n'
        '[vary.cell_angle_offset_deg]\ndistribution = "constant"\nvalue = 80.0\nalike = "all"\n')
    assert main(["campaign", "run", write(text), "--out", "out", "--shard", "0/1"]) == 0
    assert "3 of 3 shots failed" in capfd.readouterr().err
    with CampaignReader("out") as shots:
        assert all(record.truth["failed"] for record in shots)
        assert shots.dataset(0, "entry/numbragg/shots/panel_origin_mm").shape == (3, 1, 3)


def test_a_backend_that_is_missing_is_no_failure_of_shots(folder, monkeypatch):
    from numbragg.render import simulation

    def missing(self):
        raise ValueError("backend: 'cuda' is missing")

    monkeypatch.setattr(simulation.Simulator, "backend", property(missing))
    with pytest.raises(ValueError, match="backend: 'cuda' is missing"):
        Maker(write(SMALL), threads=1)
