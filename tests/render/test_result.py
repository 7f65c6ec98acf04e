"""What a result says of itself, and progress that is told to functions and bars."""

import io

import numpy as np
import pytest

import numbragg as nb

DETECTOR = nb.Detector(pixels=(64, 48))
CRYSTAL = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=4)
OTHER = nb.Crystal(cell=(50, 60, 70, 90, 90, 90), n_cells=3, misset_deg=(10, 20, 30))


def panel(z, pixels=(20, 10)):
    return nb.Panel(origin_mm=(100, 5, z), fast_mm=(0, 0, 0.1), slow_mm=(0, -0.1, 0), pixels=pixels)


PANELS = nb.Detector(panels=[panel(-5), panel(0), panel(5, (7, 9))])


def simulator(detector=DETECTOR):
    return nb.Simulator(detector, nb.Beam(), 100.0, threads=1)


# -- what is printed


def test_repr_of_one_image():
    result = simulator().run(CRYSTAL)
    found = nb.image_statistics(result.image)
    assert repr(result).splitlines() == [
        "<Result of 1 crystal(s) on 1 panel(s), 0 note(s)",
        f"  image: 48 x 64 (slow x fast) float32, maximum {found.maximum:.6g} at {found.maximum_fast} "
        f"{found.maximum_slow} (fast slow), mean {found.mean:.6g}, sum {found.sum:.6g}>"]


def test_repr_of_panels():
    lines = repr(simulator(PANELS).run([CRYSTAL, OTHER])).splitlines()
    assert lines[0] == "<Result of 2 crystal(s) on 3 panel(s), 0 note(s)" and len(lines) == 4
    assert lines[3].startswith("  panel 2: 9 x 7 (slow x fast) float32, maximum ")
    many = nb.Detector(panels=[panel(z) for z in range(-8, 9)])
    lines = repr(simulator(many).run(CRYSTAL)).splitlines()
    assert len(lines) == 6 and lines[-1] == "  and 13 more panels>"
    assert max(map(len, lines)) < 160


def test_repr_of_a_dark_image():
    result = nb.Simulator(DETECTOR, nb.Beam(), 0.0).run(CRYSTAL)
    assert "maximum 0, mean 0, sum 0>" in repr(result)


def test_results_are_equal_if_they_are_the_same():
    one, other = simulator().run(CRYSTAL), simulator().run(CRYSTAL)
    assert (one == one) is True and (one == other) is False and (one != other) is True
    assert (one == 5) is False and len({one, other, one}) == 2
    panels = simulator(PANELS).run([CRYSTAL, OTHER])
    assert (panels == panels) is True and (panels == one) is False
    assert (one.prepared == one.prepared) is True and (one.prepared == other.prepared) is False


def test_a_prepared_scene_is_a_line():
    assert repr(simulator().prepare(CRYSTAL)) == (
        "<Prepared scene of 64 x 48 pixels (fast x slow), 1^2 sub-pixels, 1 steps per pixel>")


@pytest.mark.parametrize("thing", [
    CRYSTAL, nb.Beam(sources=np.full((3, 5), 1e-10)), DETECTOR, nb.Sampling(), simulator(),
    nb.Detector(pixels=(64, 48), mask=np.ones((48, 64))), nb.StructureFactors.constant(5.0)])
def test_configurations_are_compared_to_a_truth(thing):
    assert (thing == thing) is True and (thing == 5) is False and isinstance(hash(thing), int)


def test_results_are_frozen():
    with pytest.raises(AttributeError):
        simulator().run(CRYSTAL).image = None


# -- progress


class Bar:
    """As those of tqdm: not to be called, but updated; and with a truth that is no matter."""

    def __init__(self):
        self.done = []

    def update(self, n=1):
        self.done.append(n)

    def __bool__(self):
        return False


def ways(take):
    """Every call that takes a progress, with one crystal."""
    arguments = (CRYSTAL, nb.Beam(), DETECTOR, 100.0)
    yield nb.simulate(*arguments, progress=take)
    yield simulator().image(CRYSTAL, progress=take)
    yield simulator().run(CRYSTAL, progress=take).image
    yield from simulator().images([CRYSTAL], progress=take)


def test_functions_and_bars_are_told_of_every_pixel():
    wanted = nb.simulate(CRYSTAL, nb.Beam(), DETECTOR, 100.0)
    for number in range(4):
        told, bar = [], Bar()
        for take in (told.append, bar):
            image = list(ways(take))[number]
            assert (image == wanted).all()
        assert sum(told) == sum(bar.done) == 4 * 48 * 64 and min(told) > 0


def test_a_bar_of_tqdm():
    tqdm = pytest.importorskip("tqdm").tqdm
    with tqdm(total=48 * 64, disable=None) as bar:
        nb.simulate(CRYSTAL, nb.Beam(), DETECTOR, 100.0, progress=bar)
    with tqdm(total=48 * 64, file=io.StringIO()) as bar:
        nb.simulate(CRYSTAL, nb.Beam(), DETECTOR, 100.0, progress=bar)
        assert bar.n == 48 * 64


def test_panels_and_sums():
    told = []
    simulator(PANELS).run(CRYSTAL, progress=told.append)
    assert sum(told) == 20 * 10 * 2 + 7 * 9
    told.clear()
    image = simulator().run([CRYSTAL, OTHER], progress=told.append).image
    assert told and np.array_equal(image, simulator().image([CRYSTAL, OTHER]))


@pytest.mark.parametrize("bad", [5, "x", {}, {1}, Bar, [print], True, object()])
def test_what_is_no_progress(bad):
    for call in (lambda: nb.simulate(CRYSTAL, nb.Beam(), DETECTOR, 100.0, progress=bad),
                 lambda: simulator().run(CRYSTAL, progress=bad), lambda: simulator().image(CRYSTAL, bad),
                 lambda: simulator().device_image(CRYSTAL, bad), lambda: next(simulator().images([CRYSTAL], bad))):
        with pytest.raises(ValueError, match="^progress: .* must be a function, or a progress bar"):
            call()


def test_errors_in_a_progress_come_out():
    def stop(pixels):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        simulator().image(CRYSTAL, stop)


@pytest.mark.parametrize("function, name", [(lambda: None, "<lambda>"), (lambda one, two: None, "<lambda>"),
                                            (lambda *, pixels: None, "<lambda>"), (len.__class__.mro, "mro")])
def test_a_function_that_takes_no_number(function, name):
    for run in (simulator().image, simulator().run):
        with pytest.raises(ValueError, match=f"^progress: {name} must take one argument, the number of pixels"):
            run(CRYSTAL, progress=function)


@pytest.mark.parametrize("function", [[].append, lambda pixels, unit="px": None, lambda *numbers: None, print,
                                      max.__call__])
def test_functions_that_take_a_number(function):
    from numbragg.render.progress import checked_progress

    assert checked_progress(function) is function
