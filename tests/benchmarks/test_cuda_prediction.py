"""The script that predicts speed from machine code: how it reads code, and that the page shows its records."""

import sys

from places import ROOT
import pytest

sys.path.insert(0, str(ROOT / "benchmarks"))

import cuda_prediction as prediction  # noqa: E402

CODE = """
//--------------------- .text.kernel --------------------------
        .section        .text.kernel,"ax",@progbits
kernel:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
.L_x_1:
        /*0010*/                   LDG.E.64 R2, [R4.64] ;
.L_x_2:
        /*0020*/                   LDG.E R3, [R4.64] ;
        /*0030*/                   DFMA R2, R4, R6, R8 ;
        /*0040*/              @!P0 DMUL R2, R4, R6 ;
        /*0050*/                   MUFU.RCP64H R3, R5 ;
        /*0060*/                   F2I.S64.F64.TRUNC R2, R2 ;
        /*0070*/                   IMAD R3, R3, R3, RZ ;
        /*0080*/                   NOP ;
        /*0090*/               @P0 BRA `(.L_x_2) ;
        /*00a0*/              @!P1 BRA `(.L_x_1) ;
        /*00b0*/                   EXIT ;
.L_x_3:
        /*00c0*/                   BRA `(.L_x_3);
"""


def test_loop_and_counts():
    body = prediction.step_loop(prediction.instructions_of(CODE), least=2)
    assert len(body) == 8 and body[0].startswith("LDG.E R3")
    assert prediction.counts_of(body) == {"load": 1, "bytes": 4, "double": 2, "special": 1, "convert": 1, "integer": 1,
                                          "other": 2, "all": 8}
    with pytest.raises(SystemExit, match="no loop over steps"):
        prediction.step_loop(prediction.instructions_of(CODE), least=3)


def test_slowest_unit_sets_the_rate():
    device = dict(processors=10, clock=1e9, double=2, single=128, integer=64, special=16, convert=2)
    cycles, limit, rate = prediction.prediction({"double": 100, "integer": 64, "all": 256, "bytes": 64}, device)
    assert limit == "double"
    assert [cycles[unit] for unit in ("double", "integer", "issue", "load")] == [50.0, 1.0, 2.0, 0.5]
    assert rate == 10 * 1e9 / 50.0


def test_page_shows_the_records():
    page = prediction.PAGE.read_text(encoding="utf-8")
    records = prediction.read_records(ROOT / "benchmarks" / "predictions" / "cuda.jsonl")
    assert prediction.with_table(page, records) == page
    assert "Predicted, not measured" in page
    assert all(r["what"] == "prediction, no measurement" and r["spilled"] == 0 for r in records)
    assert all(r["registers"] <= (168 if "tricubic" in r["kernel"] else 128) for r in records)
    other = [dict(r, steps_per_second=1.0) for r in records]
    assert prediction.with_table(page, other) != page


def test_device_rates_are_the_data_sheets():
    """Peak rates of double precision in the data sheets, in 1e12 operations a second, two for each multiply-add."""
    for name, peak in (("H100 SXM", 33.5), ("A100 SXM", 9.7), ("RTX 4090", 1.29)):
        device = prediction.DEVICES[name]
        assert abs(device["processors"] * device["double"] * device["clock"] * 2.0 / 1e12 / peak - 1.0) < 0.01
