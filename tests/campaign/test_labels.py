"""Labels: against all steps in plain Python, against the image, in the files of a campaign, and what is refused."""

import json
import os
import sys
import threading
import time
from types import SimpleNamespace

from campaign_tools import SMALL, changed, hashes, write
from formula_tools import INTERPRETED
import naive
import naive_labels
import numpy as np
import pytest
import render_tools
from test_shots import GEOMETRY, PLAIN

from numbragg import StructureFactors
from numbragg.campaign import labels
from numbragg.campaign.labels import COLUMNS, LEFT_OUT, Labels, label_shot
from numbragg.campaign.shots import Maker
from numbragg.commands.cli import main
from numbragg.scene.prepare import prepare
from numbragg.scene.request import Draft

#: Few unit cells and large pixels: spots lie on one another.
BASE = {"cell_given": True, "cell_lengths": [40.0, 50.0, 60.0], "pixels_f": 14, "pixels_s": 11, "pixel_size": 2e-3,
        "distance": 0.05, "oversample": 2, "n_cells": [6.0, 5.0, 4.0], "shape": "gauss", "spot_metric": "hkl",
        "mosaic_domains": 3, "mosaic_spread": 0.02, "misset": "angles", "fluence": 1e26}
LATTICES = ({"misset_angles": [0.1, 0.2, 0.3]}, {"misset_angles": [0.13, 0.2, 0.3], "n_cells": [5.0, 5.0, 5.0]})
PANELS = ({}, {"rotation_y": 0.3, "distance": 0.06})


@pytest.fixture(scope="module")
def crowded():
    """A shot of two lattices on two panels: prepared, its images, and what plain Python finds in it."""
    shot, images, found = [], [], []
    factors = StructureFactors.constant(50.0)
    for panel in PANELS:
        prepared, image, lattices = [], np.zeros((11, 14), np.float32), []
        for lattice in LATTICES:
            draft = Draft(**BASE | panel | lattice)
            prepared.append(prepare(draft.freeze(), factors))
            part = np.zeros_like(image)
            render_tools.render(prepared[-1].scene, prepared[-1].window, None, part, interpolating=False)
            image += part
            p = SimpleNamespace(**{slot: getattr(draft, slot) for slot in draft.__slots__})
            s = naive.scene(p, default_f=50.0, umats=prepared[-1].scene.crystal.mosaic,
                            misset_angles=lattice["misset_angles"])
            lattices.append((s, naive_labels.reflections(s)))
        shot.append(tuple(prepared))
        images.append(image)
        found.append(lattices)
    return tuple(shot), images, found


@pytest.mark.parametrize("thresholds", [(1.0, 0.1), (2.0, 0.6), (0.1, 0.4)])
def test_spots_and_masks_are_those_of_all_steps(thresholds, crowded):
    shot, images, found = crowded
    expected, masks = naive_labels.labels([[here for _, here in lattices] for lattices in found], *thresholds)
    made = label_shot(Labels(True, True, *thresholds), shot, images, 2)
    assert len(expected) > 20 and any(spot["overlap"] for spot in expected)
    assert not all(spot["overlap"] for spot in expected)
    for name in ("lattice", "h", "k", "l", "panel", "pixels", "overlap"):
        assert made.spots[name].tolist() == [spot[name] for spot in expected], name
    for name in ("intensity", "slow", "fast"):
        assert np.allclose(made.spots[name], [spot[name] for spot in expected], rtol=2.0 * LEFT_OUT, atol=0.0), name
    for mask, theirs in zip(made.masks, masks):
        assert {(int(slow), int(fast)): int(mask[slow, fast]) for slow, fast in zip(*np.nonzero(mask))} == theirs
    scenes = {(lattice, panel): found[panel][lattice][0] for panel in (0, 1) for lattice in (0, 1)}
    for number, spot in enumerate(expected):
        d = naive_labels.resolution(scenes[spot["lattice"], spot["panel"]], (spot["h"], spot["k"], spot["l"]))
        assert made.spots["resolution_angstrom"][number] == pytest.approx(d, rel=1e-13)
    # the same indices in two lattices are two spots
    keys = [(spot["h"], spot["k"], spot["l"], spot["panel"]) for spot in expected]
    assert len(set(keys)) < len(keys)


def test_all_spots_are_the_image(crowded):
    """But for what is left out, and float32's rounding of the images that are added up."""
    shot, images, _ = crowded
    made = label_shot(Labels(True, False, 1e-9, 1e-3), shot, images)
    assert made.masks is None
    total = sum(float(image.sum(dtype=np.float64)) for image in images)
    assert abs(float(made.spots["intensity"].sum()) - total) <= 1e-7 * total
    for panel, image in enumerate(images):
        mine = made.spots["panel"] == panel
        assert abs(float(made.spots["intensity"][mine].sum()) - float(image.sum(dtype=np.float64))) <= 1e-7 * total


def test_what_is_passed_over_is_what_is_said(crowded, monkeypatch):
    """With a larger part that may be, so that there is something: the difference is within it, and not nothing."""
    shot, images, _ = crowded
    faint = Labels(True, True, 1e-3, 0.1)
    whole = label_shot(faint, shot, images)
    monkeypatch.setattr(labels, "LEFT_OUT", 20.0)
    less = label_shot(faint, shot, images)
    difference = whole.spots["intensity"] - less.spots["intensity"]
    assert (difference >= 0.0).all() and 1e-5 < difference.sum() <= 20.0 * faint.min_photons
    assert all((a == b).all() for a, b in zip(whole.masks, less.masks))


LABELS = "[labels]\nmin_photons = 0.5\nmask_photons = 0.05\n"
MEANS = changed(("[sampling]", '[output]\nkind = "mean"\n[sampling]'))


def of(text, **more):
    return Maker(write(text), **more)


def content(shot):
    return ([shot.labels.spots[name].tobytes() for name, _ in COLUMNS],
            [mask.tobytes() for mask in shot.labels.masks or ()])


def test_shots_of_a_campaign(folder):
    maker = of(MEANS + LABELS, threads=1)
    other = of(MEANS + '[background]\nlayers = "water:5um"\n' + LABELS, threads=2)
    several = False
    for number in range(6):
        shot, beside = maker.shot(number), other.shot(number)
        # of any threads, and without the background
        assert content(shot) == content(beside)
        spots, mask = shot.labels.spots, shot.labels.masks[0]
        assert [spots[name].dtype for name, _ in COLUMNS] == [kind for _, kind in COLUMNS]
        if shot.row["blank"]:
            assert len(spots["h"]) == 0 and not mask.any()
            continue
        several = several or len(set(spots["lattice"].tolist())) > 1
        assert mask.dtype == np.int32 and set(np.unique(mask).tolist()) <= set(range(len(spots["h"]) + 1))
        assert 0.0 <= shot.row["photons"] - float(spots["intensity"].sum()) < 0.2 * shot.row["photons"]
        for n, (slow, fast, pixels) in enumerate(zip(spots["slow"], spots["fast"], spots["pixels"]), 1):
            if pixels == 1:
                assert mask[int(slow), int(fast)] == n
    assert several
    assert maker.spent.label > 0.0 and of(MEANS).shot(0).labels is None


def test_a_shot_that_fails_has_none(folder):
    text = changed(("[sampling]", '[background]\nlayers = "water:5um"\n[sampling]')) + LABELS
    text += '[vary.distance_mm]\ndistribution = "list"\nvalues = [60.0, 0.001]\nrepeat = true\n'
    assert of(text).shot(1).failed is not None and of(text).shot(1).labels is None


def test_masked_pixels_and_panels(folder):
    """Panels of a file, in one image; what they leave out is in no spot."""
    (folder / "two.geom").write_text(GEOMETRY)
    text = changed(("pixels = [40, 32]\npixel_mm = 0.5\ndistance_mm = 60.0", 'file = "two.geom"'), text=PLAIN)
    made = of(text.replace("1e22", "1e27").replace("n_cells = 20", "n_cells = 4") + LABELS).shot(0)
    assert [mask.shape for mask in made.labels.masks] == [(16, 20)] * 2
    assert set(made.labels.spots["panel"].tolist()) == {0, 1}


@pytest.mark.parametrize("table, said", [
    ("[labels]\nspot = true\n", "labels.spot: unknown key; did you mean labels.spots?"),
    ("[labels]\nspots = 1\n", "labels.spots: 1 must be True or False"),
    ("[labels]\nmin_photons = 0\n", "labels.min_photons: 0 must be above 0 in photons"),
    ("[labels]\nmask_photons = -1.5\n", "labels.mask_photons: -1.5 must be above 0 in photons"),
    ("[labels]\nmask_photons = \"few\"\n", "labels.mask_photons: 'few' is not a number in photons"),
    ("[labels]\nspots = false\nmask = false\n",
     "labels: spots and mask are both false; ask for one of them, or leave the table out"),
    ('[labels]\n[evaluation]\nrevision = "main"\n', "labels: factors that multiply a running sum leave no parts of it"),
])
def test_refusals(table, said, folder):
    text = changed(("oversample = 1", 'oversample = 1\nper_step = ["solid_angle"]'))
    with pytest.raises(ValueError) as refused:
        of(text + table)
    assert str(refused.value) == f"set.toml: {said}"


@pytest.mark.skipif(INTERPRETED, reason="files of many shots are for compiled kernels")
class TestFiles:
    """What of labels is in the folder of a campaign."""

    @pytest.fixture(autouse=True)
    def libraries(self):
        pytest.importorskip("h5py", reason="files of shots are HDF5")
        pytest.importorskip("pyarrow", reason="tables are Parquet")

    def test_tables_and_masks(self, folder):
        import h5py
        import pyarrow.parquet
        from test_store import made

        maker, head = made(SMALL + LABELS)
        made(SMALL + LABELS, where="again")
        own = hashes("out")
        assert own == hashes("again") and {"spots.parquet", "shots_000001.spots.parquet"} <= own.keys()
        rows = pyarrow.parquet.read_table("out/spots.parquet").to_pylist()
        order = [tuple(row[name] for name in ("shot", "lattice", "h", "k", "l", "panel")) for row in rows]
        assert order == sorted(set(order)) and len(order) > 10
        for number in range(12):
            shot = maker.shot(number)
            mine = [row for row in rows if row["shot"] == number]
            for name, _ in COLUMNS:
                assert [row[name] for row in mine] == shot.labels.spots[name].tolist()
            with h5py.File(f"out/shots_{number // 4:06d}.h5") as file:
                assert (file["entry/numbragg/spot_mask"][number % 4] == shot.labels.masks[0]).all()
                assert file["entry/numbragg/panels/places"][:].tolist() == [[0, 0, 40, 32]]
        without, _ = made(where="without")
        assert "spots.parquet" not in hashes("without")
        # images are the same
        with h5py.File("out/shots_000000.h5") as file, h5py.File("without/shots_000000.h5") as plain:
            assert (file["entry/data/data"][:] == plain["entry/data/data"][:]).all()
            assert "spot_mask" not in plain["entry/numbragg"]

    def test_verify_finds_a_label(self, folder):
        import h5py
        import pyarrow.parquet
        from test_store import made

        from numbragg.campaign.verify import verify_shots

        maker, head = made(SMALL + LABELS)
        assert verify_shots(maker, "out", head, list(range(12))) == []
        path = "out/shots_000000.spots.parquet"
        table = pyarrow.parquet.read_table(path)
        column = table.schema.get_field_index("intensity")
        values = table.column("intensity").to_numpy().copy()
        values[0] *= 1.0 + 1e-15
        pyarrow.parquet.write_table(table.set_column(column, "intensity", [values]), path)
        with h5py.File("out/shots_000000.h5", "r+") as file:
            file["entry/numbragg/spot_mask"][1, 2, 3] += 1
        number = table.column("shot")[0].as_py()
        assert number != 1
        # sizes alone would tell
        assert verify_shots(maker, "out", head, [number])[0].startswith(f"shot {number}: shots_000000")
        with open("out/shots_000000.json", encoding="utf-8") as file:
            account = json.load(file)
        for name, about in account["files"].items():
            about["bytes"] = os.path.getsize(f"out/{name}")
        with open("out/shots_000000.json", "w", encoding="utf-8") as file:
            json.dump(account, file)
        assert verify_shots(maker, "out", head, [1]) == [
            "shot 1: the mask of spots of frame 1 of shots_000000.h5 is another"]
        assert verify_shots(maker, "out", head, [number]) == [
            f"shot {number}: spots in shots_000000.spots.parquet have another intensity"]
        # what cannot be read any more is said, and the others are looked at
        with open(path, "r+b") as file:
            file.write(bytes(os.path.getsize(path)))
        found = verify_shots(maker, "out", head, [0, 1, 2, 3, 4])
        assert len(found) == 4 and all("cannot be read as Parquet" in line for line in found)

    def test_one_of_the_two(self, folder):
        import h5py
        from test_store import made

        from numbragg.campaign.verify import verify_shots

        maker, head = made(SMALL + "[labels]\nmask = false\n", where="spots")
        assert verify_shots(maker, "spots", head, [0, 1, 2]) == []
        with h5py.File("spots/shots_000000.h5") as file:
            assert "spot_mask" not in file["entry/numbragg"]
        maker, head = made(SMALL + "[labels]\nspots = false\n", where="mask")
        assert verify_shots(maker, "mask", head, [0, 1, 2]) == [] and "spots.parquet" not in hashes("mask")

    def test_a_failed_shot(self, folder):
        import h5py
        import pyarrow.parquet
        from test_store import made

        from numbragg.campaign.verify import verify_shots

        text = changed(("[sampling]", '[background]\nlayers = "water:5um"\n[sampling]')) + LABELS
        text += '[vary.distance_mm]\ndistribution = "list"\nvalues = [60.0, 0.001]\nrepeat = true\n'
        maker, head = made(text)
        assert verify_shots(maker, "out", head, [0, 1, 2, 3]) == []
        with h5py.File("out/shots_000000.h5") as file:
            assert not file["entry/numbragg/spot_mask"][1].any() and not file["entry/numbragg/spot_mask"][3].any()
        shots = set(pyarrow.parquet.read_table("out/spots.parquet").column("shot").to_pylist())
        assert shots and not shots & {1, 3, 5, 7, 9, 11}

    def test_estimate_counts_them(self, folder):
        from numbragg.campaign.estimate import estimate

        assert estimate(of(SMALL + LABELS, threads=1)).bytes > estimate(of(SMALL, threads=1)).bytes

    def test_check_and_merge_name_them(self, folder, capfd):
        from numbragg.commands.cli import main

        write(SMALL + LABELS)
        assert main(["campaign", "check", "set.toml"]) == 0
        assert ("  labels: lists of spots and masks; spots above 0.5 photons, their pixels above 0.05\n"
                in capfd.readouterr().out)
        assert main(["campaign", "run", "set.toml", "--out", "out", "--shard", "0/1", "--quiet"]) == 0
        assert main(["campaign", "merge", "out"]) == 0
        assert capfd.readouterr().out == ("out: truth.parquet and spots.parquet of 12 shots, 0 of which failed, and "
                                          "manifest.json\n")


def test_memory_is_counted(crowded, monkeypatch):
    shot, images, _ = crowded
    monkeypatch.setattr("numbragg.memory.available", lambda: 0)
    with pytest.raises(ValueError, match="labels: reflections in 14 x 11 pixels need .* GB; 0 GB of memory are"):
        label_shot(Labels(), shot, images, 1)


def test_bytes_with_a_thread_that_looks_at_frames(folder):
    """As Dask's profiler does: what it holds is closed later than it would be."""
    write("[labels]\nmin_photons = 1.0\nmask_photons = 0.1\n" + changed(("shots_per_file = 4", "shots_per_file = 1")))
    over = threading.Event()

    def look():
        while not over.is_set():
            held = list(sys._current_frames().values())
            time.sleep(0.004)
            del held

    watching = threading.Thread(target=look)
    for name in ("alone", "watched"):
        if name == "watched":
            watching.start()
        try:
            assert main(["campaign", "run", "set.toml", "--out", name, "--shard", "0/1", "--quiet"]) == 0
        finally:
            if name == "watched":
                over.set()
                watching.join()
    assert hashes("alone") == hashes("watched")
