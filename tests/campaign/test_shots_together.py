"""Small shots that are made together: the same as one by one, in any order; failures and kills stay their own."""

from campaign_tools import SMALL, changed, write
import numpy as np
import pytest

from numbragg.campaign import shots as made_by
from numbragg.campaign.shots import Maker

#: Beam, detector and crystals vary; a shot of each five fails, and some are blank.
TEXT = changed(("[sampling]", '[background]\nlayers = "water:5um"\n[sampling]')) + """
[vary.distance_mm]
distribution = "list"
values = [60.0, 61.0, 0.001, 62.0, 60.0]
repeat = true
[vary.n_cells]
distribution = "uniform"
low = 10
high = 20
"""


def same(first, second):
    assert (first.number, first.failed, repr(first.row)) == (second.number, second.failed, repr(second.row))
    assert (first.images is None) == (second.images is None) == (first.failed is not None)
    if first.images is not None:
        assert all(np.array_equal(a, b) for a, b in zip(first.images, second.images, strict=True))


@pytest.mark.parametrize("pixels", [1, 5 * 40 * 32, 1 << 20])
def test_together_and_alone(pixels, folder, monkeypatch):
    """One at a time, five, and all; alone they are made backwards, by a maker of their own."""
    monkeypatch.setattr(made_by, "_PIXELS_AT_ONCE", pixels)
    together = list(Maker(write(TEXT), threads=1).shots(range(12)))
    assert [shot.number for shot in together] == list(range(12))
    assert [shot.number for shot in together if shot.failed] == [2, 7]
    assert 0 < sum(shot.row["blank"] for shot in together) < 12
    other = Maker("set.toml", threads=1)
    for shot in reversed(together):
        same(shot, other.shot(shot.number))


def test_each_shot_has_what_a_simulator_of_its_own_has(folder):
    """Tables, domains and places that serve for several beams are those that each would have."""
    maker = Maker(write(TEXT), threads=1)
    for shot in maker.shots([0, 1, 3]):
        same(shot, Maker("set.toml", threads=1).shot(shot.number))
    first, second = list(maker._kept.values())[-1], maker._first
    assert first is not second and first.structure_factors is second.structure_factors


def test_what_is_of_the_machine_is_raised(folder, monkeypatch):
    maker = Maker(write(SMALL), threads=1)
    real = made_by.count_panels

    def counted(response, images, shot, **how):
        if how["frame"] == 3:
            raise how_it_ends
        return real(response, images, shot, **how)

    monkeypatch.setattr(made_by, "count_panels", counted)
    for how_it_ends in (MemoryError("no room"), OSError(28, "No space left on device")):
        with pytest.raises(type(how_it_ends)):
            list(maker.shots(range(5)))
    how_it_ends = ZeroDivisionError("a b")
    assert [shot.failed for shot in maker.shots(range(5))] == [None, None, None, "ZeroDivisionError: a b", None]
