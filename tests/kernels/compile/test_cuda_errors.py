"""What CUDA cannot do is said in one line, and nothing else is done in its place."""

import json

from formula_tools import INTERPRETED
import pytest

import numbragg as nb
from numbragg.commands.cli import main
from numbragg.configs.run_options import Evaluation
from numbragg.kernels.compile import cuda_target

WORDS = ["-cell", "50", "50", "50", "90", "90", "90", "-default_F", "100", "-N", "5", "-lambda", "1", "-distance",
         "100", "-detpixels", "16", "-pixel", "0.1", "-noprogress"]


class Gpu:
    """As numba-cuda describes a device."""

    def __init__(self, name, compute_capability):
        self.name, self.compute_capability = name, compute_capability


class Cuda:
    """In place of numba-cuda: with these devices, or this error."""

    def __init__(self, gpus):
        self._gpus = gpus

    @property
    def gpus(self):
        if isinstance(self._gpus, Exception):
            raise self._gpus
        return self._gpus


NO_DRIVER = ImportError("Error at driver init: \n\nCUDA driver library cannot be found.\n"
                        "Ensure that a driver is there.\n:")

BROKEN = {
    "no driver": (Cuda(NO_DRIVER), None, "backend: 'cuda' finds no CUDA driver and device: "
                  "CUDA driver library cannot be found"),
    "no numba-cuda": (None, None, "backend: 'cuda' needs numba-cuda and its CUDA wheels "
                                  "(pip install 'numba-cuda[cu13]>=0.30,<0.31'): "
                                  "No package metadata was found for numba-cuda"),
    "no device": (Cuda([]), None, "backend: 'cuda' finds a CUDA driver, but no device"),
    "no such device": (Cuda([Gpu(b"A", (9, 0))]), 1, "device: 1 does not exist; there are 1, counted from 0"),
    "too old": (Cuda([Gpu(b"A", (9, 0)), Gpu("Old", (7, 0))]), 1,
                "device: 1 (Old) has compute capability 7.0; must be at least 7.5"),
}


@pytest.fixture
def broken(monkeypatch):
    """Puts one of these in place."""
    def put(name):
        fake, number, message = BROKEN[name]
        monkeypatch.setattr(cuda_target, "cuda", fake)
        monkeypatch.setattr(cuda_target, "SIMULATED", False)
        monkeypatch.setattr(cuda_target, "_missing", ImportError("No package metadata was found for numba-cuda"))
        return number, message

    return put


def simulator(**how):
    return nb.Simulator(nb.Detector(pixels=(4, 4)), nb.Beam(), 100.0, threads=1, **how)


@pytest.mark.parametrize("name", BROKEN)
def test_cuda_that_cannot_be_had_is_an_error(broken, name):
    number, message = broken(name)
    with pytest.raises(ValueError) as caught:
        simulator(backend="cuda", device=number).image(nb.Crystal(cell=(50, 50, 50, 90, 90, 90)))
    assert str(caught.value) == message


@pytest.mark.parametrize("name", BROKEN)
def test_command_line_fails_with_one_line_and_writes_nothing(broken, name, folder, capsys):
    number, message = broken(name)
    words = ["--backend", "cuda"] + ([] if number is None else ["--device", str(number)])
    assert main([*WORDS, *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"numbragg: error: {message}\n")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["no driver", "no numba-cuda", "no device"])
def test_auto_says_that_it_chose_the_processors(broken, name):
    _, message = broken(name)
    found = simulator(backend="auto")
    assert found.backend.name == "cpu" and found.backend.device is None
    assert found.backend.remark == f"backend auto: cpu ({message.removeprefix('backend: ')})"
    assert simulator().backend.remark is None


@pytest.mark.parametrize("name", ["no such device", "too old", "no driver"])
def test_auto_with_a_number_does_not_choose_another(broken, name):
    _, message = broken(name)
    with pytest.raises(ValueError) as caught:
        simulator(backend="auto", device=1).backend
    assert str(caught.value) == message


@pytest.mark.skipif(INTERPRETED, reason="a whole run")
@pytest.mark.parametrize("words", [[], ["--backend", "auto"]])
def test_statistics_say_what_computed(broken, words, folder, capsys):
    broken("no driver")
    assert main([*WORDS, *words, "--stats-json", "stats.json"]) == 0
    stats = json.loads((folder / "stats.json").read_text())
    assert (stats["backend"], stats["device"]) == ("cpu", None)
    said = [note for note in stats["notices"] if note.startswith("backend auto: cpu (")]
    assert len(said) == (1 if words else 0)
    assert all(f"note: {note}" in capsys.readouterr().out for note in said)


@pytest.mark.parametrize("arguments, message", [
    ({"backend": "gpu"}, "backend: 'gpu' must be one of 'cpu', 'cuda', 'auto'"),
    ({"device": 0}, "device: 0 does not go with backend='cpu', which has none"),
    ({"backend": "cuda", "device": -1}, "device: -1 must be a whole number from 0 to 2147483647"),
    ({"backend": "cuda", "device": 0.5}, "device: 0.5 is not a whole number")])
def test_arguments_that_do_not_go(arguments, message):
    with pytest.raises(ValueError) as caught:
        Evaluation(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("words, message", [
    (["--backend", "gpu"], "--backend gpu: must be cpu or cuda or auto"),
    (["--device", "1"], "device: 1 does not go with backend='cpu', which has none"),
    (["--backend", "cuda", "--device", "-1"], "--device -1: must not be negative")])
def test_words_that_do_not_go(words, message, folder, capsys):
    assert main([*WORDS, *words]) == 2
    assert capsys.readouterr().err == f"numbragg: error: {message}\n" and list(folder.iterdir()) == []


def test_a_trace_is_not_computed_there(capsys):
    assert main(["trace", "1", "1", *WORDS, "--backend", "cuda"]) == 2
    assert "--backend cuda: a trace is computed on the CPU" in capsys.readouterr().err


@pytest.mark.parametrize("words, message", [
    (["--backend", "gpu"], "selftest: --backend gpu: there are cpu, cuda, cudasim"),
    (["--device", "0"], "selftest: --device 0: goes with --backend cuda only"),
    (["--backend", "cuda"], BROKEN["no driver"][2])])
def test_selftest_refuses(broken, words, message, capsys):
    broken("no driver")
    assert main(["selftest", *words]) == 2
    assert capsys.readouterr().err == f"numbragg: error: {message}\n"


def test_image_on_the_device_needs_a_device():
    with pytest.raises(ValueError, match="backend: 'cpu' computes on the CPU here, so no image is on a device"):
        simulator().device_image(nb.Crystal(cell=(50, 50, 50, 90, 90, 90)))


def test_errors_of_a_device_become_one_line():
    class Foreign(Exception):
        pass

    Foreign.__module__ = "numba.cuda.cudadrv.driver"
    for text, message in (("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY",
                           "device: out of memory (it)"),
                          ("[702] CUDA_ERROR_LAUNCH_TIMEOUT\nmore",
                           "device: it failed: [702] CUDA_ERROR_LAUNCH_TIMEOUT")):
        with pytest.raises(cuda_target.DeviceError) as caught:
            with cuda_target.device_errors("it"):
                raise Foreign(text)
        assert str(caught.value) == message
    # what is no concern of the device's goes its way
    with pytest.raises(KeyError), cuda_target.device_errors("it"):
        raise KeyError("x")
