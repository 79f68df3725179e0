"""The spreadsheet has every number, and every reason."""

import csv
import io
from dataclasses import replace

import pytest
from support.devices import on
from support.records import bare, case, environment, trials

from bench.analysis.summary import summarize
from bench.report.render.csv import frame

HERE = {"here": environment()}


def test_the_frame_has_every_number_unrounded():
    records = [
        *trials(case("fast"), 0.123456789, 0.123456789), *trials(case("slow"), 0.5, 0.5),
        bare(case("absent"), 1, status="unavailable", reason="no GPU"),
        bare(case("absent"), 2, status="unavailable", reason="no GPU"),
    ]  # fmt: skip
    found = summarize(records, HERE)
    table = frame(found).set_index("implementation")
    assert list(table.index) == ["fast", "slow", "absent"]
    fast, slow, absent = (table.loc[name] for name in table.index)
    assert fast["epoch_seconds"] == fast["epoch_seconds_low"] == fast["epoch_seconds_high"]
    assert fast["epoch_seconds"] == pytest.approx(0.123456789, rel=1e-12)
    assert slow["times_fastest"] == pytest.approx(0.5 / 0.123456789)
    assert slow["samples_per_second"] == pytest.approx(96000)
    assert (slow["rounds"], slow["rounds_ok"], slow["ranked"]) == (2, 2, True)
    assert (slow["validation_accuracy"], slow["test_accuracy"]) == (0.8396, 0.8321)
    assert (slow["first_epoch_seconds"], slow["import_seconds"]) == pytest.approx((3.0, 2.0))
    assert (slow["setup_seconds"], slow["peak_rss_bytes"]) == pytest.approx((0.25, 2**29))
    assert (slow["parity_error"], slow["version"], slow["reasons"]) == (1.5e-6, "torch 2.9.1", "")
    keys = ("objective", "style", "data", "workload", "device", "batch_size", "threads", "samples")
    shown = ("softmax", "idiomatic", "resident", "sgd", "cpu", 32, 2, 48000)
    assert tuple(slow[key] for key in keys) == shown
    assert (absent["rounds"], absent["rounds_ok"], absent["ranked"]) == (2, 0, False)
    assert absent["reasons"] == "unavailable: no GPU"
    assert absent[["epoch_seconds", "times_fastest", "parity_error"]].isna().all()


def test_every_reason_is_said_once_and_in_order():
    reasons = ["d", "b", "a", "c", "b", "e"]
    records = [bare(case(), n, status="timeout", reason=one) for n, one in enumerate(reasons)]
    (said,) = frame(summarize(records, HERE))["reasons"]
    assert said == "timeout: a; timeout: b; timeout: c; timeout: d; timeout: e"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("\r=1", "'=1"),
        ("\rplain", "plain"),
        ('a\rb\nc\u2028d, "e"', 'a b c d, "e"'),
        ("a=1", "a=1"),
    ],
)
def test_no_text_is_a_formula_or_a_second_line_and_numbers_are_numbers(text, cell):
    (found,) = summarize(trials(case(text, framework="torch"), 0.5, 0.5), HERE)
    found = replace(found, version=text, parity_error=-1.5e-6)
    written = frame([found]).to_csv(index=False)
    (line,) = csv.DictReader(io.StringIO(written, newline=""))
    assert (line["implementation"], line["version"]) == (cell, cell)
    assert line["objective"] == "softmax"
    assert line["parity_error"] == "-1.5e-06"


def test_a_gpu_adds_the_numbers_that_only_its_tables_show():
    plain = frame(summarize(on("cpu"), HERE))
    found = frame(summarize([*on("cpu"), *on("gpu", predict=0.005)], HERE)).set_index("device")
    assert [name for name in found.reset_index() if name not in plain] == [
        "predict_seconds", "predict_seconds_low", "predict_seconds_high", "peak_device_bytes",
        "epoch_joules",
    ]  # fmt: skip
    gpu = found.loc["gpu"]
    assert (gpu["predict_seconds"], gpu["predict_seconds_high"]) == pytest.approx((0.005, 0.005))
    assert (gpu["peak_device_bytes"], gpu["epoch_joules"]) == (600 * 2**20, 10.0)
    assert found.loc["cpu"][["peak_device_bytes", "epoch_joules"]].isna().all()
