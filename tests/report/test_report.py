"""Reports say what the numbers say, to everybody and no more strongly than they allow."""

import csv
import importlib.util
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import MACHINE, bare, case, environment, run, trials, write

from bench.analysis import summary
from bench.analysis.intervals import Interval
from bench.cli.console import print_report
from bench.errors import UserError
from bench.records import store
from bench.records.schema import Parity
from bench.report import write as files
from bench.report.charts import epochs
from bench.report.render import markdown, numbers
from bench.report.render import text as prose
from bench.report.sections import comparison as tables
from bench.report.sections.headline import Part

HERE = {"here": environment()}
# Raw newlines, cell separators, code, HTML and emphasis, as a hostile record may have them.
HOSTILE = "a | b\n# c `d` <script>x</script> [e](f) *g* _h_ ~~i~~ &lt; \\| ![j](k)"


def rows_of(*records):
    return summary.summarize(records, HERE)


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
def test_three_digits_are_shown(value, shown):
    assert numbers.significant(value) == shown


@given(st.floats(1e-9, 1e12), st.integers(1, 6))
def test_what_is_shown_has_all_its_digits_and_is_the_nearest(value, digits):
    shown = numbers.significant(value, digits)
    back = float(shown.replace(",", ""))
    assert back != 0
    assert abs(back / value - 1) <= 0.5000001 * 10 ** (1 - digits)
    whole = shown.replace(",", "").replace(".", "").lstrip("0")
    assert len(whole) >= digits
    assert not whole[digits:].strip("0")
    if "." in shown:
        assert len(whole) == digits


@given(st.floats(1e-7, 1e4))
def test_a_time_never_shows_a_column_of_zeros_or_a_thousand_of_a_unit(value):
    amount, unit = numbers.duration(value).split()
    assert float(amount.replace(",", "")) > 0
    assert unit == "s" or float(amount.replace(",", "")) < 1000
    assert unit == "µs" or float(amount.replace(",", "")) >= 1


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
def test_a_time_has_the_unit_that_fits(seconds, shown):
    assert numbers.duration(seconds) == shown


def test_an_interval_has_the_unit_of_its_mean():
    assert numbers.duration_interval(Interval(0.9, 0.8, 1.2)) == "900 ms [800, 1,200]"
    assert numbers.duration_interval(Interval(0.9996, 0.8, 1.2)) == "1.00 s [0.800, 1.20]"
    assert numbers.duration_interval(Interval(0.9)) == "900 ms"
    assert numbers.duration_interval(None) == "—"


def test_only_the_fastest_itself_is_exactly_one():
    assert numbers.factor(Interval(1.0, 1.0, 1.0)) == "1"
    assert numbers.factor(Interval(1.0001, 0.9, 1.1)) == "1.00 [0.900, 1.10]"
    assert numbers.factor(Interval(2.5)) == "2.50"
    assert numbers.factor(None) == "—"


def test_other_quantities_are_shown_with_their_digits():
    assert (numbers.count(1_139_999.0), numbers.count(None)) == ("1,140,000", "—")
    assert (numbers.mebibytes(512 * 2**20), numbers.mebibytes(None)) == ("512 MiB", "—")
    assert (numbers.share(0.8396), numbers.share(1), numbers.share(None)) == (
        "0.8396",
        "1.0000",
        "—",
    )
    assert (numbers.error(6.09e-6), numbers.error(0.0), numbers.error(None)) == (
        "6.1e-06", "0.0e+00", "—",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_wait_is_said_as_people_say_it(seconds, shown):
    assert numbers.clock(seconds) == shown


# ----- Markdown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a\\|b"),
        ("a\nb\r\n\tc", "a b c"),
        ("<script>", "&lt;script&gt;"),
        ("\\<b>", "\\\\&lt;b&gt;"),
        ("`x`", "\\`x\\`"),
        ("[a](b)", "\\[a\\](b)"),
        ("*a* _b_ ~~c~~", "\\*a\\* \\_b\\_ \\~\\~c\\~\\~"),
        ("&lt;", "&amp;lt;"),
        ("# a {b}", "\\# a \\{b\\}"),
        (None, "None"),
        (7, "7"),
    ],
)
def test_text_of_a_record_is_harmless(text, escaped):
    assert prose.escape(text) == escaped


def unescaped(text):
    """Read Markdown's escapes back, as a renderer would."""
    text = re.sub(r"\\([\\`*_{}\[\]|#~])", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@given(st.text())
def test_any_text_is_one_line_without_markup_and_still_says_the_same(text):
    line = prose.escape(text)
    assert len(line.splitlines()) <= 1
    assert "<" not in line
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*_\[\]#~]", line)
    assert unescaped(line) == " ".join(text.split())


def test_a_table_has_a_line_a_row_and_its_numbers_flush_right():
    text = markdown.table(["name", "n"], [["a|b", "1"], ["c", "2\n3"]], numeric={1})
    assert text == "| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n| c | 2 3 |\n"


def test_a_finding_is_escaped_where_it_is_of_a_record_and_nowhere_else():
    parts = [Part("On this "), Part("a|b\n*c*", "record"), Part(", "), Part("d_[e](f)", "name"),
             Part(" trains fastest: 1.00 s [0.900, 1.10].")]  # fmt: skip
    assert prose.sentence(parts) == (
        "On this a\\|b \\*c\\*, **d\\_\\[e\\](f)** trains fastest: 1.00 s [0.900, 1.10]."
    )


# ----- the whole report


@pytest.fixture
def complete(tmp_path):
    """A run with all that can happen: good, failed, unavailable, hostile, a figure, one missing."""
    fast, slow = case("fast"), case("slow", style="tuned")
    wrong, absent, odd = case("wrong"), case("absent"), case(HOSTILE, framework=HOSTILE)
    other = case("ovr", objective="one-vs-rest")
    textbook = case("textbook-only", workload="textbook")
    figure = case("figure-keras", framework="keras", workload="figure")
    planned = run(
        fast, slow, wrong, absent, odd, other, textbook, figures=(figure,),
        command="python -m bench run\n```\n<script>",
    )  # fmt: skip
    parity = Parity(2e-4, 1e-5, passed=False)
    records = [
        *trials(fast, 0.5, 0.5), *trials(slow, 1.0, 1.0), *trials(odd, 2.0, 2.0),
        *trials(wrong, 0.1, 0.1, status="failed", reason=HOSTILE, parity=parity),
        *(bare(absent, n, status="unavailable", reason="torch is not installed") for n in (1, 2)),
        *trials(other, 0.25), bare(other, 2, status="interrupted"),
        bare(textbook, status="timeout", reason="more than 600 s"),
        bare(figure, trial="r1-figure-keras", kind="figure", status="ok", figure_seconds=12.0,
             figure={"validation_accuracy": 0.8495, "validation_loss": 0.44}),
    ]  # fmt: skip
    return write(
        tmp_path / "results" / "run", planned, *records, machine={**MACHINE, "host": HOSTILE}
    )


def cells(line):
    return [unescaped(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def section(text, heading):
    return text.partition(f"\n## {heading}")[2].partition("\n## ")[0]


def table_of(text):
    lines = [cells(line) for line in text.splitlines() if line.startswith("|")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


@pytest.fixture
def text(complete):
    return files.write(complete).read_text(encoding="utf-8")


def test_a_report_opens_with_the_machine_the_command_and_what_is_missing(text):
    opening = text.partition("\n## ")[0]
    assert opening.startswith("# Softmax classifier: the frameworks compared\n")
    assert "Measured on 2-core Test CPU, 8 GiB, started 2025-01-02T03:04:05+00:00, by" in opening
    assert "\n    python -m bench run ``` <script>\n" in opening
    assert "**1 planned trials are missing**: go on with `--resume`." in opening


def test_what_is_left_out_is_said_in_every_form_a_few_of_it(complete, capsys):
    path = complete / "trials.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"round":1', b'"round":3', 1) + b"<b>\n" * 7)
    print_report(complete)
    opening = (complete / "report.md").read_text(encoding="utf-8").partition("\n## ")[0]
    page = (complete / "report.html").read_text(encoding="utf-8")
    changed = "trials.jsonl:1: was changed after it was written"
    assert f"**Left out**: {changed}." in opening
    assert f"<strong>Left out</strong>: {changed}." in page
    out = capsys.readouterr().out
    assert f"left out: {changed}\n" in out
    assert opening.count("**Left out**") == out.count("left out: ") == 6
    assert "3 other lines or files, damaged too" in opening


def test_a_report_is_written_through_no_link(complete, tmp_path):
    files.write(complete)
    names = [path.name for path in complete.iterdir() if path.is_file()]
    written = [name for name in names if name.endswith((".md", ".html", ".csv", ".svg"))]
    assert len(written) > 4
    for name in written:
        (complete / name).unlink()
        (complete / name).symlink_to(tmp_path / "other")
    files.write(complete)
    assert not (tmp_path / "other").exists()
    assert all((complete / name).read_bytes() for name in written)


def test_of_a_whole_run_nothing_is_left_out(complete, capsys):
    print_report(complete)
    assert "left out" not in capsys.readouterr().out
    for name in ("report.md", "report.html"):
        assert "Left out" not in (complete / name).read_text(encoding="utf-8")


def test_a_report_shows_what_is_ranked_with_its_correctness_in_the_row(text):
    sgd = section(text, "Workload sgd: SGD(learning_rate=0.05)")
    said = "On this 2-core Test CPU, 8 GiB, **fast** trains fastest: 500 ms [500, 500] an epoch, "
    assert said in sgd
    assert "2 threads, 48,000 samples; 1 or 2 processes a row.)" in sgd
    shown = table_of(sgd)
    assert [row["implementation"] for row in shown][:3] == ["ovr", "fast", "slow"]
    assert shown[3]["implementation"] == " ".join(HOSTILE.split())
    assert shown[2] == {
        "implementation": "slow", "framework": "torch 2.9.1", "objective": "softmax",
        "style": "tuned", "data": "resident", "validation accuracy": "0.8396",
        "test accuracy": "0.8321", "epoch": "1.00 s [1.00, 1.00]", "samples/s": "48,000",
        "times the fastest": "2.00 [2.00, 2.00]", "first epoch": "3.00 s", "set-up": "250 ms",
        "import": "2.00 s",
        "share of the ceiling": "—", "peak memory": "512 MiB", "parity error": "1.5e-06",
    }  # fmt: skip
    assert shown[0]["times the fastest"] == "0.500"
    assert shown[0]["objective"] == "one-vs-rest"
    assert shown[1]["times the fastest"] == "1"


def test_words_are_set_flush_left_and_numbers_flush_right(text):
    def words(heading):
        lines = [cells(line) for line in section(text, heading).splitlines() if line[:1] == "|"]
        return [name for name, rule in zip(*lines[:2], strict=True) if rule == "---"]

    first = ["implementation", "framework", "objective", "style", "data"]
    assert words("Workload sgd") == first
    assert words("The textbook's figures") == ["program", "quantity", "verdict", "framework"]
    assert words("Failed") == list(tables.FAULT_HEADINGS)


def test_a_workload_of_which_nothing_went_well_says_so(text):
    textbook = section(text, "Workload textbook: RMSprop(")
    assert "No trial of this workload went well; see below." in textbook
    assert "|" not in textbook


def test_a_report_has_the_textbooks_figures(text):
    accuracy, loss = table_of(section(text, "The textbook's figures and ours"))
    assert (accuracy["program"], accuracy["quantity"]) == ("figure-keras", "validation accuracy")
    assert (accuracy["textbook"], accuracy["ours"]) == ("0.8463", "0.8495")
    assert accuracy["verdict"] == "differs by 0.0032: within 0.01"
    assert (accuracy["took"], accuracy["framework"]) == ("12.0 s", "keras 3.12")
    assert (loss["quantity"], loss["ours"]) == ("validation loss", "0.4400")


def test_every_trial_that_did_not_go_well_has_its_reason(text):
    found = table_of(section(text, "Failed and unavailable"))
    shown = [(row["implementation"], row["status"], row["trials"]) for row in found]
    assert shown == [
        ("absent", "unavailable", "2 of 2"),
        ("wrong", "failed", "2 of 2"),
        ("textbook-only", "timeout", "1 of 1"),
    ]
    assert found[0]["reason"] == "torch is not installed"
    assert found[1]["reason"] == " ".join(HOSTILE.split())
    assert found[2]["workload"] == "textbook"
    assert found[0]["problem"] == "cpu, batch size 32, 2 threads, 48,000 samples"


def test_a_report_says_what_machine_and_software_it_was(text):
    machine = section(text, "Machine and software")
    for line in (
        "- Run a run, seed 42, at most 600 s a trial.", "- id: 0123456789ab", "- cores: 2",
        "- Python 3.11.9, scikit-learn 1.7, torch 2.9.1, jax 0.8, keras 3.12",
        "- NumPy's BLAS: openblas 0.3", "- softmax-bench 0.1.0, commit abcdef, with changes",
        "- data: fashion-mnist (a mirror)",
    ):  # fmt: skip
        assert f"\n{line}\n" in machine
    assert "gpus" not in machine


def test_nothing_of_a_record_becomes_markup(text):
    outside_code = [line for line in text.splitlines() if not line.startswith("    ")]
    assert not [line for line in outside_code if "<script" in line]
    assert not [line for line in outside_code if re.search(r"(?<!\\)\[e\]", line)]
    assert not [line for line in outside_code if re.search(r"(?<!\\)`d", line)]


def test_machines_and_software_of_all_environments_are_listed(complete):
    others = [
        environment(id="variables", variables={"A": "1"}),
        environment(id="later", software={"python": "3.12.1"}, suite={"version": "0.2.0"}),
        environment(id="moved", machine={"name": "another machine"}),
    ]
    for other in others:
        store.add_environment(complete, other)
    text = files.write(complete).read_text(encoding="utf-8")
    assert "Measured on 2-core Test CPU, 8 GiB and another machine, started" in text
    assert (text.count("- Python 3.11.9"), text.count("- Python 3.12.1")) == (1, 1)
    assert (text.count("- softmax-bench 0.1.0"), text.count("- softmax-bench 0.2.0")) == (1, 1)
    assert text.count("commit unknown\n") == 1


def test_a_run_in_which_all_went_well_says_so(tmp_path):
    one = case("only", workload="textbook", threads=1)
    folder = write(tmp_path / "run", run(one), *trials(one, 0.5))
    text = files.write(folder).read_text(encoding="utf-8")
    assert "None: every trial went well." in section(text, "Failed and unavailable")
    assert "Not part of this run; `python -m bench run`" in section(text, "The textbook's figures")
    assert "1 thread, 48,000 samples; 1 process a row.)" in text
    assert "missing" not in text


def test_a_run_without_a_trial_has_a_report_too(tmp_path):
    folder = store.create(tmp_path / "run", run(case()))
    text = files.write(tmp_path / "run").read_text(encoding="utf-8")
    assert folder is None
    assert "Measured on no machine yet" in text
    assert "**2 planned trials are missing**" in text


def test_a_report_that_cannot_be_written_is_an_error_of_one_line(complete):
    (complete / "report.md").mkdir()
    with pytest.raises(UserError, match=r"cannot write to .*run: Is a directory"):
        files.write(complete)
    with pytest.raises(UserError, match="holds no run"):
        files.write(complete.parent)


def test_the_csv_has_the_numbers_of_the_table(complete, text):
    with (complete / "summary.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    every = {(line["workload"], line["implementation"]): line for line in lines}
    assert next(iter(lines[0])) == "implementation"
    assert len(every) == len(lines) == 7
    assert every["sgd", "wrong"]["ranked"] == "False"
    shown = table_of(section(text, "Workload sgd"))
    assert len(shown) == 4
    for row in shown:
        name = row["implementation"]
        line = next(line for line in lines if " ".join(line["implementation"].split()) == name)
        assert line["ranked"] == "True"
        number = {key: float(value) for key, value in line.items()
                  if key.endswith(("seconds", "second", "error", "accuracy", "fastest", "bytes",
                                   "low", "high")) and value}  # fmt: skip
        low, high = number.get("epoch_seconds_low"), number.get("epoch_seconds_high")
        epoch = Interval(number["epoch_seconds"], low, high)
        assert row["epoch"] == numbers.duration_interval(epoch)
        assert row["samples/s"] == numbers.count(number["samples_per_second"])
        assert row["first epoch"] == numbers.duration(number["first_epoch_seconds"])
        assert row["import"] == numbers.duration(number["import_seconds"])
        assert row["parity error"] == numbers.error(number["parity_error"])
        assert row["validation accuracy"] == numbers.share(number["validation_accuracy"])
        assert row["test accuracy"] == numbers.share(number["test_accuracy"])
        assert row["peak memory"] == numbers.mebibytes(number["peak_rss_bytes"])
        times = row["times the fastest"].split()[0]
        assert times in {"1", numbers.significant(number["times_fastest"])}


# ----- charts


def test_charts_are_drawn_and_linked_and_have_every_name(complete, text):
    sgd = section(text, "Workload sgd")
    links = re.findall(r"!\[(.*?)\]\((.*?)\)", sgd)
    assert [file for _, file in links] == ["epoch-sgd.svg", "cold-start-sgd.svg"]
    for _, file in links:
        svg = (complete / file).read_text(encoding="utf-8")
        assert svg.startswith("<svg")
        assert svg.endswith("</svg>\n")
        assert "<script" not in svg
        for name in ("fast", "slow", "ovr (one-vs-rest)", "workload sgd"):
            assert f">{name}<" in svg or f", {name}<" in svg
        assert ">wrong<" not in svg
    assert not list(complete.glob("*textbook*"))


def test_the_chart_of_epochs_has_the_numbers_of_the_table():
    fast, slow = rows_of(*trials(case("fast"), 0.5), *trials(case("slow", style="own"), 1.0, 4.0))
    chart = epochs.epochs([fast, slow], "a title").to_dict()
    points = chart["layer"][0]["data"]["values"] if "data" in chart["layer"][0] else (
        chart["data"]["values"]
    )  # fmt: skip
    assert [(one["name"], one["style"], one["label"]) for one in points] == [
        ("fast", "idiomatic", "500"),
        ("slow", "own", "2,000"),
    ]
    assert [(one["mean"], one["low"], one["high"]) for one in points] == [
        pytest.approx((500, 500, 500)),
        pytest.approx((2000, slow.epoch.low * 1e3, slow.epoch.high * 1e3)),
    ]


def layers_of(chart):
    """Layers by their mark, each with the points that it draws."""
    found = chart.to_dict()
    return [
        (layer["mark"], layer.get("data", found.get("data", {}))["values"])
        for layer in found["layer"]
    ]


def test_the_least_epoch_is_one_dashed_line_for_each_problem_with_its_label():
    plain, same = rows_of(*trials(case("a"), 0.5), *trials(case("b"), 1.0))
    known = [replace(plain, roofline_seconds=0.0150528), replace(same, roofline_seconds=0.0150528)]
    lines = [
        (mark, points) for mark, points in layers_of(epochs.epochs(known, "a title"))
        if points == [{"least": pytest.approx(15.0528), "said": "least: 15.1"}]
    ]  # fmt: skip
    assert [mark["type"] for mark, _ in lines] == ["rule", "text"]
    assert lines[0][0]["strokeDash"] == [4, 3]
    other = [known[0], replace(same, roofline_seconds=0.004)]
    (points, _) = (points for _, points in layers_of(epochs.epochs(other, "a title"))
                   if "least" in points[0])  # fmt: skip
    assert [point["said"] for point in points] == ["least: 4.00", "least: 15.1"]
    svg = epochs.svg(epochs.epochs(known, "a title"))
    assert svg.count(">least: 15.1<") == 1


def test_what_nobody_can_see_is_not_in_a_file():
    (row,) = rows_of(*trials(case("a"), 0.5))
    svg = epochs.svg(epochs.cold_start([row], "a title"))
    paths = re.findall(r"<path[^>]*>", svg)
    assert paths
    assert not [path for path in paths if ' d=""' in path or "h0v0h0Z" in path]


def test_without_a_ceiling_a_chart_has_no_line_of_it():
    chart = epochs.epochs(rows_of(*trials(case("a"), 0.5)), "a title")
    assert not [points for _, points in layers_of(chart) if "least" in points[0]]
    assert len(layers_of(chart)) == 3


def test_a_cold_start_is_all_its_phases():
    (row,) = rows_of(*trials(case("fast"), 0.5))
    points = epochs.cold_start([row], "a title").to_dict()["data"]["values"]
    assert [(point["phase"], point["seconds"]) for point in points] == [
        ("import", pytest.approx(2.0)), ("set-up", pytest.approx(0.25)),
        ("first epoch", pytest.approx(3.0)), ("next four epochs", pytest.approx(2.0)),
    ]  # fmt: skip
    assert epochs.cold_seconds(row) == pytest.approx(7.25)
    (row,) = rows_of(*trials(case("fast"), 0.5, setup_seconds=None))
    assert epochs.cold_seconds(row) == pytest.approx(7.0)


def test_the_cold_start_chart_begins_with_the_quickest(complete):
    found = rows_of(
        *trials(case("late"), 0.1, import_seconds=60.0), *trials(case("early"), 0.5, 0.5)
    )
    drawn = files.draw(complete, found)
    assert list(drawn) == ["sgd"]
    svg = (complete / "cold-start-sgd.svg").read_text(encoding="utf-8")
    assert svg.index(">early<") < svg.index(">late<")


def test_a_workload_of_any_name_stays_in_the_folder_and_in_its_link(tmp_path):
    drawn = files.draw(tmp_path, rows_of(*trials(case(workload="../a) <b>"), 0.5)))
    ((_, pictures),) = drawn.items()
    files_of = [drawn.file for drawn in pictures]
    assert files_of == ["epoch----a---b-.svg", "cold-start----a---b-.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files_of)


def test_a_name_of_any_characters_can_be_drawn():
    odd = [*map(chr, range(1, 32)), *"\x7f\x85\xa0\u2028\u2029\ufeff\"'\\`", "</script>", "${x}"]
    found = rows_of(*(one for text in odd for one in trials(case(f"a{text}b"), 0.5)))
    for chart in (epochs.epochs(found, "".join(odd)), epochs.cold_start(found, "a title")):
        assert epochs.svg(chart).startswith("<svg")


@pytest.mark.parametrize("absent", ["altair", "vl_convert", "jinja2", "markdown_it"])
def test_without_the_extra_there_are_no_charts_and_no_page(complete, monkeypatch, absent):
    (complete / "report.html").write_text("of earlier, with other numbers")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == absent else find(name)
    )
    text = files.write(complete).read_text(encoding="utf-8")
    assert not list(complete.glob("*.svg"))
    assert not (complete / "report.html").exists()
    assert "](epoch" not in text


# ----- the README


@pytest.fixture
def readme(complete):
    path = complete.parents[1] / "README.md"
    path.write_text(f"before\n{files.START}\nold\n{files.END}\nafter ü\n", encoding="utf-8")
    return path


def test_the_part_between_the_two_marks_is_replaced_and_nothing_else(complete, readme):
    files.update_readme(readme, complete)
    once = readme.read_text(encoding="utf-8")
    before, rest = once.split(f"{files.START}\n")
    part, after = rest.split(f"\n{files.END}")
    assert (before, after) == ("before\n", "\nafter ü\n")
    assert part == files.readme_part(complete, readme.parent)
    files.update_readme(readme, complete)
    assert readme.read_text(encoding="utf-8") == once


def test_the_readme_shows_the_first_workload_and_links_to_the_rest(complete, readme):
    part = files.readme_part(complete, readme.parent)
    assert part.startswith("On this 2-core Test CPU, 8 GiB, **fast** trains fastest: 500 ms [500,")
    assert part.splitlines()[0].endswith(" (cpu, batch size 32, 2 threads, 48,000 samples.)")
    shown = table_of(part)
    assert list(shown[0]) == [
        "implementation", "framework", "objective", "validation accuracy", "epoch", "samples/s",
        "times the fastest", "share of the ceiling", "first epoch", "parity error",
    ]  # fmt: skip
    assert [row["implementation"] for row in shown][:3] == ["ovr", "fast", "slow"]
    assert "](results/run/epoch-sgd.svg)" in part
    assert part.splitlines()[-1] == (
        "The [whole report](results/run/report.md) has the other workload, the textbook's figures "
        "and how everything was measured."
    )


@pytest.mark.parametrize("content", ["no marks", files.START, files.END,
                                     f"{files.END}\n{files.START}"])  # fmt: skip
def test_a_readme_without_its_marks_is_left_alone(complete, readme, content):
    readme.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"README.md lacks the marks <!-- results.* and <!-- end"):
        files.update_readme(readme, complete)
    assert readme.read_text(encoding="utf-8") == content


def test_a_readme_that_cannot_be_read_is_an_error_of_one_line(complete, readme):
    readme.write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"cannot renew .*README.md: .*can't decode"):
        files.update_readme(readme, complete)
    readme.unlink()
    with pytest.raises(UserError, match=r"cannot renew .*README.md: .*No such file"):
        files.update_readme(readme, complete)


def test_a_run_that_the_readme_cannot_link_to_is_refused(complete, readme, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(
        UserError, match=r"run is outside .*elsewhere: the README cannot link to it"
    ):
        files.readme_part(complete, tmp_path / "elsewhere")


def test_a_run_without_a_row_cannot_be_shown(tmp_path):
    folder = write(tmp_path / "run", run(case()), bare(case()))
    with pytest.raises(UserError, match="run has no row to show"):
        files.readme_part(folder, tmp_path)


# ----- the tables


def test_every_column_but_two_goes_alone():
    priorities = sorted(column.priority for column in tables.COLUMNS)
    assert priorities == [1, *range(1, len(tables.COLUMNS))]


def test_what_is_unavailable_at_several_sizes_for_one_reason_is_one_line():
    absent = {"status": "unavailable", "reason": "no GPU"}
    wrong = {"status": "failed", "reason": "wrong"}
    records = [
        *(bare(case("a", device="gpu", batch_size=size), number, **absent)
          for size in (8, 32) for number in (1, 2)),
        bare(case("a", device="gpu", batch_size=128), status="unavailable", reason="another"),
        bare(case("a", batch_size=8), **absent),
        *(bare(case("b", batch_size=size), **wrong) for size in (8, 32)),
    ]  # fmt: skip
    alike = "2 threads, 48,000 samples"
    assert sorted(line[1:] for line in tables.faults(rows_of(*records))) == [
        ["a", f"cpu, batch size 8, {alike}", "unavailable", "1 of 1", "no GPU"],
        ["a", "gpu, 2 sizes", "unavailable", "4 of 4", "no GPU"],
        ["a", f"gpu, batch size 128, {alike}", "unavailable", "1 of 1", "another"],
        ["b", f"cpu, batch size 32, {alike}", "failed", "1 of 1", "wrong"],
        ["b", f"cpu, batch size 8, {alike}", "failed", "1 of 1", "wrong"],
    ]
