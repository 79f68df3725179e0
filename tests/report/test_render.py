"""Numbers, Markdown, summary.csv and pages: what is shown is right, and text stays text."""

import base64
import csv
import hashlib
import io
import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.devices import CONDITIONS, on
from support.records import bare, case, environment, trials

from bench.analysis.intervals import Interval
from bench.analysis.noise import measure_noise
from bench.analysis.summary import summarize
from bench.report.render import html, markdown, numbers, vega
from bench.report.render.csv import build_frame
from bench.report.render.markdown import escape
from bench.report.sections import Table
from bench.report.sections.comparison import list_faults
from bench.report.sections.workload import describe_noisy_pairs

HERE = {"here": environment()}


# ----- numbers


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (9.994, "9.99"),
        (9.999, "10.0"),
        (99.96, "100"),
        (999.4, "999"),
        (999.6, "1,000"),
        (1, "1.00"),
        (1234.5, "1,230"),
        (1_139_999, "1,140,000"),
        (0.001, "0.00100"),
        (0.0123456, "0.0123"),
        (0.00099999, "0.00100"),
        (1.5e-7, "0.000000150"),
        (-9.999, "-10.0"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_number_has_three_digits(value, shown):
    assert numbers.format_number(value) == shown


@given(st.floats(1e-9, 1e12), st.integers(1, 6))
def test_rounding_is_to_the_nearest_with_all_digits(value, digits):
    shown = numbers.format_number(value, digits)
    back = float(shown.replace(",", ""))
    assert back != 0
    assert abs(back / value - 1) <= 0.5000001 * 10 ** (1 - digits)
    whole = shown.replace(",", "").replace(".", "").lstrip("0")
    assert len(whole) >= digits
    assert not whole[digits:].strip("0")
    if "." in shown:
        assert len(whole) == digits


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "—"),
        (0.0, "0 µs"),
        (999.4e-6, "999 µs"),
        (999.6e-6, "1.00 ms"),
        (0.001, "1.00 ms"),
        (0.0123, "12.3 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (1.0, "1.00 s"),
        (9.999, "10.0 s"),
        (1234.0, "1,230 s"),
    ],
)
def test_duration_has_the_unit_that_fits(seconds, shown):
    assert numbers.format_duration(seconds) == shown


def test_interval_has_the_unit_of_its_mean():
    assert numbers.format_duration(Interval(0.9, 0.8, 1.2)) == "900 ms [800, 1,200]"
    assert numbers.format_duration(Interval(0.9996, 0.8, 1.2)) == "1.00 s [0.800, 1.20]"
    assert numbers.format_duration(Interval(0.9)) == "900 ms"
    assert numbers.format_duration(None) == "—"


def test_only_the_fastest_is_exactly_1():
    assert numbers.format_factor(Interval(1.0, 1.0, 1.0)) == "1"
    assert numbers.format_factor(Interval(1.0001, 0.9, 1.1)) == "1.00 [0.900, 1.10]"
    assert numbers.format_factor(Interval(2.5)) == "2.50"
    assert numbers.format_factor(None) == "—"


# ----- Markdown


def unescaped(text):
    """Read Markdown's escapes back, as a renderer would."""
    text = re.sub(r"\\([\\`*_{}\[\]|#~])", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@given(st.text())
def test_escaped_text_reads_back_the_same(text):
    line = escape(text)
    assert len(line.splitlines()) <= 1
    assert "<" not in line
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*_\[\]#~]", line)
    assert unescaped(line) == " ".join(text.split())


def test_table_aligns_numbers_right():
    text = markdown.render_table(Table("", ("a_b", "n"), [["a|b", "1"], ["c", "2\n3"]], 1))
    assert text == "| a\\_b | n |\n| --- | ---: |\n| a\\|b | 1 |\n| c | 2 3 |\n"


# ----- sentences


def tied(device, **changes):
    """Records of two implementations that three rounds do not rank."""
    return [
        *on(device, "a", (1.0, 1.0, 1.0), **changes),
        *on(device, "b", (1.1, 1.2, 1.3), **changes),
    ]


def test_throttled_gpu_is_no_cause_for_rows_of_a_cpu():
    hot = {"device_conditions": CONDITIONS | {"throttle_after": 4.0}}
    records = [*tied("cpu"), *tied("gpu", **hot)]
    noise = replace(measure_noise(records, HERE), between=None, drift=None)
    (both,) = describe_noisy_pairs(summarize(records, HERE), noise)
    assert "(the GPU was throttled by power cap in 6 of 6 trials)" in both
    assert both.endswith(": a and b, a (gpu) and b (gpu).")
    (cpu,) = describe_noisy_pairs(summarize(tied("cpu"), HERE), noise)
    assert "throttled" not in cpu
    assert cpu.endswith(": a and b.")


def test_unavailable_at_several_sizes_is_one_line():
    absent = {"status": "unavailable", "reason": "no GPU"}
    wrong = {"status": "failed", "reason": "wrong"}
    records = [
        *(
            bare(case("a", device="gpu", batch_size=size), number, **absent)
            for size in (8, 32)
            for number in (1, 2)
        ),
        bare(case("a", device="gpu", batch_size=128), status="unavailable", reason="another"),
        bare(case("a", batch_size=8), **absent),
        *(bare(case("b", batch_size=size), **wrong) for size in (8, 32)),
    ]
    alike = "2 threads, 48,000 samples"
    assert sorted(line[1:] for line in list_faults(summarize(records, HERE))) == [
        ["a", f"cpu, batch size 8, {alike}", "unavailable", "1 of 1", "no GPU"],
        ["a", "gpu, 2 sizes", "unavailable", "4 of 4", "no GPU"],
        ["a", f"gpu, batch size 128, {alike}", "unavailable", "1 of 1", "another"],
        ["b", f"cpu, batch size 32, {alike}", "failed", "1 of 1", "wrong"],
        ["b", f"cpu, batch size 8, {alike}", "failed", "1 of 1", "wrong"],
    ]


# ----- summary.csv


def test_csv_has_every_number_unrounded():
    records = [
        *trials(case("fast"), 0.123456789, 0.123456789),
        *trials(case("slow"), 0.5, 0.5),
        bare(case("absent"), 1, status="unavailable", reason="no GPU"),
        bare(case("absent"), 2, status="unavailable", reason="no GPU"),
    ]
    found = summarize(records, HERE)
    table = build_frame(found).set_index("implementation")
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
def test_csv_text_is_no_formula(text, cell):
    (found,) = summarize(trials(case(text, framework="torch"), 0.5, 0.5), HERE)
    found = replace(found, version=text, parity_error=-1.5e-6)
    written = build_frame([found]).to_csv(index=False)
    (line,) = csv.DictReader(io.StringIO(written, newline=""))
    assert (line["implementation"], line["version"]) == (cell, cell)
    assert line["objective"] == "softmax"
    assert line["parity_error"] == "-1.5e-06"


def test_csv_has_gpu_columns_if_one_was_tried():
    plain = build_frame(summarize(on("cpu"), HERE))
    found = build_frame(summarize([*on("cpu"), *on("gpu", predict=0.005)], HERE)).set_index(
        "device"
    )
    assert [name for name in found.reset_index() if name not in plain] == [
        "predict_seconds",
        "predict_seconds_low",
        "predict_seconds_high",
        "peak_device_bytes",
        "epoch_joules",
    ]
    gpu = found.loc["gpu"]
    assert (gpu["predict_seconds"], gpu["predict_seconds_high"]) == pytest.approx((0.005, 0.005))
    assert (gpu["peak_device_bytes"], gpu["epoch_joules"]) == (600 * 2**20, 10.0)
    assert found.loc["cpu"][["peak_device_bytes", "epoch_joules"]].isna().all()


# ----- pages

# Unescaped, as no sentence of ours is: what is left when an escape was forgotten.
RAW = "a <script>x</script> [e](javascript:x) ![f](g) <b>&amp; <http://h.example>"


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """Templates of the test beside those of the suite."""
    for file in html.TEMPLATES.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = '{% extends "base.html.j2" %}{% block main %}{{ said }}{{ note|prose }}{% endblock %}'
    (tmp_path / "own.html.j2").write_text(text)
    monkeypatch.setattr(html, "TEMPLATES", tmp_path)
    return tmp_path


def written(**values):
    return html.render_page("own.html.j2", **{"title": "t", "said": "s", "note": "n", **values})


def policy_of(text):
    (found,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', text)
    return dict(part.split(" ", 1) for part in unescape(found).split("; "))


def hashes(texts):
    digests = [hashlib.sha256(text.encode()).digest() for text in texts]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def test_policy_names_scripts_and_fetches_nothing(templates):
    text = written(scripts=["one()", "two('ü')"])
    found = policy_of(text)
    assert found["default-src"] == "'none'"
    assert found["img-src"] == "data:"
    assert found["base-uri"] == found["form-action"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert scripts[1:] == ["one()", "two('ü')"]
    assert found["script-src"].split() == hashes(scripts)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert found["style-src"].split() == hashes(styles)
    assert text.index("Content-Security-Policy") < text.index("<style>") < text.index("<script>")


def test_script_cannot_be_ended_by_its_text(templates):
    text = written(scripts=["a = '</script><b>'\r\nb = '<!-- </SCRIPT'\rc"])
    ours = text.partition("a = ")[2]
    assert ours.startswith("'<\\/script><b>'\nb = '<\\!-- <\\/SCRIPT'\nc</script>")
    assert "\r" not in ours


def test_values_stay_text(templates):
    text = written(title="<i>", said="<script>x</script>", note=RAW)
    assert "<title>&lt;i&gt;</title>" in text
    assert "&lt;script&gt;x&lt;/script&gt;" in text
    main = text.partition("<main>")[2].partition("</main>")[0]
    assert re.findall("<[^>]*>", main) == []


@given(st.text())
@example("a_b **c** `d` <e> &lt; [f](g) ![h](i) \\ # | ~~j~~")
@example("1. x")
@example("    x")
def test_escaped_prose_reads_back_the_same(text):
    found = str(html.render_prose(escape(text)))
    assert "<" not in found
    # A NUL is no character of a page: the standard puts U+FFFD in its place.
    assert unescape(found) == " ".join(text.split()).replace("\0", "\ufffd")


@given(st.text(alphabet="<>script/=![]()`*_&;a \\:#"))
@example(RAW)
def test_prose_has_only_harmless_elements(text):
    found = set(re.findall(r"<\s*/?\s*([a-z]+)[^>]*>", str(html.render_prose(text))))
    assert found <= {"strong", "em", "code", "br"}


# ----- Vega


@pytest.fixture
def bundles(tmp_path, monkeypatch):
    """Count how often the script is bundled; the cache is the test's own."""
    monkeypatch.setenv("SOFTMAX_BENCH_CACHE", str(tmp_path / "cache"))
    calls = []
    monkeypatch.setattr(vega, "_bundle", lambda: calls.append(1) or "script('ü')")
    yield calls
    vega.load_library.cache_clear()


def load_afresh():
    vega.load_library.cache_clear()
    return vega.load_library()


def test_script_is_bundled_once_for_each_version(bundles, monkeypatch):
    assert [load_afresh(), load_afresh()] == ["script('ü')"] * 2
    assert len(bundles) == 1
    monkeypatch.setattr(vega.importlib.metadata, "version", lambda _: "another")
    load_afresh()
    assert len(bundles) == 2


def test_unwritable_cache_costs_only_time(bundles, tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    assert [load_afresh(), load_afresh()] == ["script('ü')"] * 2
