"""Numbers, Markdown, summary.csv and pages: every value is there, and text is escaped."""

import base64
import csv
import hashlib
import io
import math
import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.records import HERE, bare, case, ok, trials
from support.sweeps import on

from bench.analysis.intervals import Interval
from bench.analysis.summary import summarize
from bench.report.base import numbers
from bench.report.base.parts import Chart, Picture, Section, Table
from bench.report.render import html, markdown
from bench.report.render.csv import render_csv
from bench.report.render.markdown import escape

# What is left in a text of a record if an escape was forgotten.
RAW = "a | b <script>x</script> [e](javascript:x) ![f](g) *h* <b>&amp; <http://h.example>"


# ----- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0, "0"),
        (9.994, "9.99"),
        (9.999, "10.0"),
        (999.6, "1,000"),
        (1_139_999, "1,140,000"),
        (0.00099999, "0.00100"),
        (1.5e-7, "0.000000150"),
        (-9.999, "-10.0"),
        (float("inf"), "inf"),
    ],
)
def test_number_has_three_digits(value, text):
    assert numbers.format_number(value) == text


@given(st.floats(1e-9, 1e12), st.integers(1, 6))
def test_rounding_is_to_the_nearest_with_all_digits(value, digits):
    text = numbers.format_number(value, digits).replace(",", "")
    assert abs(float(text) / value - 1) <= 0.5000001 * 10 ** (1 - digits)
    whole = text.replace(".", "").lstrip("0")
    assert len(whole) >= digits
    assert not whole[digits:].strip("0")
    assert "." not in text or len(whole) == digits


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0.0, "0 µs"),
        (999.4e-6, "999 µs"),
        (999.6e-6, "1.00 ms"),
        (0.9996, "1.00 s"),
        (1234.0, "1,230 s"),
        (Interval(0.9, 0.8, 1.2), "900 ms [800, 1,200]"),
        (Interval(0.9996, 0.8, 1.2), "1.00 s [0.800, 1.20]"),
        (Interval(0.9), "900 ms"),
    ],
)
def test_duration_has_the_unit_of_its_mean(seconds, text):
    assert numbers.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        ([0.024, Interval(0.085, 0.08, 0.09), 1.95, None], (1e3, "ms")),
        ([0.3, 1.2, 14.0], (1.0, "s")),
        ([3e-5, 9.999e-4], (1e6, "µs")),
        ([0.9996], (1.0, "s")),
        ([None], (1.0, "s")),
    ],
)
def test_column_has_the_unit_of_its_median_time(times, unit):
    assert numbers.choose_unit(times) == unit


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Interval(1.0, 1.0, 1.0), "1"),
        (Interval(1.0001, 0.9, 1.1), "1.00 [0.900, 1.10]"),
        (Interval(2.5), "2.50"),
        (None, "—"),
    ],
)
def test_only_the_fastest_is_exactly_1(ratio, text):
    assert numbers.format_factor(ratio) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("24.2 ms [23.1, 25.2], two groups", ["24.2_ms_[23.1,_25.2],", "two", "groups"]),
        (r"1.48 \[1.27, 2.33\]", [r"1.48_\[1.27,_2.33\]"]),
        ("64 [&lt; 8, &gt; 1,920]", ["64_[&lt;", "8,_&gt;", "1,920]"]),
        ("20 % of 3 MiB", ["20_%", "of", "3_MiB"]),
        ("32, 2 threads of 1.8 × 10⁻⁶", ["32,", "2", "threads", "of", "1.8_×_10⁻⁶"]),
    ],
)
def test_number_unit_and_interval_stay_together(text, parts):
    kept = numbers.keep_together(text)
    assert kept.replace("\N{NO-BREAK SPACE}", "_").split(" ") == parts
    assert " ".join(kept.split()) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [(1.84e-6, "1.8 × 10⁻⁶"), (9.99e-6, "1.0 × 10⁻⁵"), (0.0, "0"), (math.nan, "nan"), (None, "—")],
)
def test_error_is_a_power_of_ten(error, text):
    assert numbers.format_error(error) == text


# ----- Markdown


def test_every_part_of_a_section_is_there_and_escaped():
    table = Table(f"t {RAW}", ("name", f"h {RAW}"), [[RAW, "1"], ["b\nc", RAW]], 1, note="**n**")
    picture = Picture("p", f"p {RAW}", lambda: None)
    section = Section(
        f"s {RAW}",
        [table],
        text="*x*",
        pictures=[picture, replace(picture, name="absent")],
        remarks=[f"r {RAW}", "r2"],
        empty="nothing",
    )
    charts = {"p": Chart("p.svg", picture.title, "")}
    text = escape(RAW)
    assert (
        markdown.render_report("T", ["o *x*"], [section], charts)
        == f"""# T

o *x*

## s {text}

*x*

### t {text}

| name | h {text} |
| --- | ---: |
| {text} | 1 |
| b c | {text} |

**n**

![p {text}](p.svg)

- r {text}
- r2
"""
    )
    assert markdown.render_section(Section("e_", empty="nothing"), {}) == ["**e\\_** nothing\n"]
    claim = Section("t_1", finding="one <b>", text="*x*")
    assert markdown.render_section(claim, {})[:2] == ["## one &lt;b&gt;\n", "*t\\_1*\n"]
    # What a page folds is not here, where there is a page.
    folded = replace(section, folded=True)
    whole = markdown.render_report("T", [], [folded], charts)
    short = markdown.render_report("T", [], [folded], charts, "report.html")
    assert ("| name |" in whole, "| name |" in short) == (True, False)
    assert ("[report.html](report.html)" in whole, "[report.html](report.html)" in short) == (
        False,
        True,
    )


@given(st.text())
@example("a_b **c** `d` <e> &lt; [f](g) ![h](i) \\ # | ~~j~~")
@example("1. x")
@example("    x")
def test_escaped_text_reads_back_the_same(text):
    line = escape(text)
    assert len(line.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", line)
    rendered = str(html.render_markdown(line))
    assert "<" not in rendered
    # A NUL is no character of a page: the standard puts U+FFFD in its place.
    assert unescape(rendered) == " ".join(text.split()).replace("\0", "\ufffd")


# ----- summary.csv


def read_csv(*records):
    text = render_csv(summarize(records, HERE)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_every_number_unrounded():
    fast, slow, absent = read_csv(
        *trials(case("fast"), 0.123456789, 0.123456789),
        ok(case("slow"), 1, 0.5, predict_seconds=[0.25]),
        ok(case("slow"), 2, 0.5, predict_seconds=[0.26]),
        *(bare(case("absent"), n, status="unavailable", reason="no GPU") for n in (1, 2)),
    )
    assert float(fast["epoch_seconds_low"]) == pytest.approx(0.123456789, rel=1e-12)
    values = {
        "epoch_seconds": 0.5,
        "epoch_seconds_low": 0.5,
        "epoch_seconds_high": 0.5,
        "times_fastest": 0.5 / 0.123456789,
        "samples_per_second": 96000,
        "rounds": 2,
        "rounds_ok": 2,
        "validation_accuracy": 0.8396,
        "test_accuracy": 0.8321,
        "first_epoch_seconds": 3.0,
        "import_seconds": 2.0,
        "setup_seconds": 0.25,
        "peak_rss_bytes": 2**29,
        "parity_error": 1.5e-6,
        "batch_size": 32,
        "threads": 2,
        "samples": 48000,
    }
    assert {name: float(slow[name]) for name in values} == pytest.approx(values)
    ends = [float(slow[f"predict_seconds{end}"]) for end in ("_low", "", "_high")]
    assert ends[0] < ends[1] < ends[2]
    names = ("implementation", "version", "objective", "style", "data", "workload", "device")
    texts = ["slow", "torch 2.9.1", "softmax", "idiomatic", "resident", "sgd", "cpu"]
    assert [slow[name] for name in names] == texts
    assert (slow["ranked"], slow["reasons"]) == ("True", "")
    assert (absent["rounds_ok"], absent["ranked"]) == ("0", "False")
    assert absent["reasons"] == "unavailable: no GPU"
    assert absent["epoch_seconds"] == absent["parity_error"] == ""


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        *((f"{sign}1", f"'{sign}1") for sign in "＝＋－＠"),  # noqa: RUF001 - full-width
        (" =1", "' =1"),
        ('a, "e"', 'a, "e"'),
        ("a=1", "a=1"),
    ],
)
def test_csv_text_is_no_formula(text, cell):
    (line,) = read_csv(*trials(case(text), 0.5, 0.5))
    assert line["implementation"] == cell


def test_csv_has_gpu_columns_if_one_was_tried():
    (plain,) = read_csv(*on("cpu"))
    lines = read_csv(*on("cpu"), *on("gpu", predict=0.005))
    cpu, gpu = sorted(lines, key=lambda line: line["device"])
    values = {
        "peak_device_bytes": 600 * 2**20,
        "framework_peak_bytes": 200 * 2**20,
        "epoch_joules": 10.0,
    }
    assert [name for name in gpu if name not in plain] == list(values)
    assert {name: float(gpu[name]) for name in values} == pytest.approx(values)
    assert float(gpu["predict_seconds"]) == 0.005
    assert cpu["peak_device_bytes"] == cpu["epoch_joules"] == ""


# ----- pages


def hash_texts(texts):
    digests = [hashlib.sha256(text.encode()).digest() for text in texts]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def test_policy_names_scripts_and_fetches_nothing():
    scripts = ["one()", "two('ü')"]
    text = html.render_page("index.html.j2", scripts=scripts, title="<i><b>", tables=[], charts=[])
    assert not re.search("<i>|<b>", text)
    (content,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', text)
    policy = dict(part.split(" ", 1) for part in unescape(content).split("; "))
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert scripts[1:] == ["one()", "two('ü')"]
    assert policy.pop("script-src").split() == hash_texts(scripts)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert policy.pop("style-src").split() == hash_texts(styles)
    assert policy.pop("img-src") == "data:"
    assert set(policy) == {"default-src", "base-uri", "form-action"}
    assert set(policy.values()) == {"'none'"}
    assert text.index("Content-Security-Policy") < text.index("<style>") < text.index("<script>")


def test_cell_is_sorted_and_compared_by_all_of_an_interval():
    assert html.write_key(Interval(2.0, 1.0, 3.0)) == "2 1 3"
    assert html.write_key(Interval(2.0, other=4.0)) == "2 - - 4"


@example("# a")
@given(st.text(alphabet="<>script/=![]()`*_&;a \\:#"))
@example(RAW)
def test_markdown_has_only_harmless_elements(text):
    inline = {"strong", "em", "code", "br"}
    blocks = inline | {"p", "h", "hr", "pre", "ul", "ol", "li", "blockquote"}  # h: h1 to h6
    for allowed in (inline, blocks):
        rendered = str(html.render_markdown(text, blocks=allowed is blocks))
        assert set(re.findall(r"<\s*/?\s*([a-z]+)[^>]*>", rendered)) <= allowed
