"""The files of a report: what they hold for one and for several runs, and how they are written."""

import csv
import importlib.util
import re
from types import SimpleNamespace

import pytest
from support.records import FAST, SLOW, bare, case, run, trials, write, write_on

from bench.errors import UserError
from bench.records import jsonl
from bench.report.base.load import load_run, load_runs
from bench.report.base.parts import Chart
from bench.report.index import write_index
from bench.report.sections.costs.workload import NOTHING_WELL
from bench.report.write import write_report


def write_one(folder):
    return write_report([load_run(folder)]).read_text(encoding="utf-8")


def section(text, heading):
    return text.partition(f"\n## {heading}")[2].partition("\n## ")[0]


def read_tables(text):
    """Return the lines of each Markdown table, by heading."""
    tables = []
    for part in text.split("\n\n"):
        if part.startswith("|"):
            head, _, *lines = (
                [cell.strip() for cell in line.split("|")[1:-1]] for line in part.splitlines()
            )
            tables.append([dict(zip(head, line, strict=True)) for line in lines])
    return tables


@pytest.fixture
def folder(tmp_path):
    """A run with good, failed and missing trials, a workload without a good one, and damage."""
    cases = [case("fast"), case("slow"), case("wrong"), case("fast", workload="textbook")]
    records = [
        *trials(cases[0], 0.5, 0.5),
        *trials(cases[1], 1.0, 1.0),
        *trials(cases[2], 0.1, status="failed", reason="it lied"),
        bare(cases[3], status="timeout", reason="more than 600 s"),
    ]
    folder = write(tmp_path / "results" / "run", run(*cases, command="bench\n```\n<b>"), *records)
    with (folder / "trials.jsonl").open("ab") as stream:
        stream.write(b"<b>\n" * 8)
    return folder


# ----- one run


def test_report_has_opening_damage_workloads_sections_and_command(folder):
    text = write_one(folder)
    opening = text.partition("\n## ")[0]
    assert "2-core Test CPU, 8 GiB · 2 Jan 2025 · " in opening
    *_, last = text.strip().splitlines()
    assert last.startswith("Not measured: second processes")
    assert "Many epochs: fast, 500 ms \\[500, 500\\]" in opening
    assert "**Left out**: trials.jsonl:7: " in opening
    assert opening.count("**Left out**") == 6
    assert "3 other lines or files, damaged too" in opening
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<strong>Left out</strong>: trials.jsonl:7: " in page
    sgd = section(text, "An epoch, once running: fast, ")
    assert "*Epoch time, workload sgd*" in sgd
    assert [line["program"] for line in read_tables(sgd)[0]] == ["fast", "slow"]
    links = re.findall(r"!\[.*?\]\((.*?)\)", sgd)
    assert links == ["epoch-sgd.svg"]
    assert (folder / links[0]).read_text(encoding="utf-8").startswith("<svg")
    assert f"**Epoch time, workload textbook** {NOTHING_WELL}\n" in text
    assert not list(folder.glob("*textbook*"))
    assert "\n\n    bench ``` <b>\n\n" in section(text, "Machine and software")


@pytest.mark.parametrize("absent", ["altair", "vl_convert", "jinja2", "markdown_it"])
def test_without_the_extra_there_are_no_charts_and_no_page(folder, monkeypatch, absent):
    (folder / "report.html").write_text("older, with other numbers")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == absent else find(name)
    )
    assert "](epoch" not in write_one(folder)
    assert not list(folder.glob("*.svg"))
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("draw", "limit", "optimize"), [(False, -1, 0), (True, 2**30, 0), (True, -1, 2)]
)
def test_without_time_room_or_docstrings_there_are_no_charts(
    folder, monkeypatch, draw, limit, optimize
):
    monkeypatch.setattr("resource.getrlimit", lambda _: (limit, limit))
    monkeypatch.setattr("sys.flags", SimpleNamespace(optimize=optimize))
    write_report([load_run(folder)], draw=draw)
    assert (folder / "summary.csv").exists()
    assert not [*folder.glob("*.svg"), *folder.glob("*.html")]


# ----- several runs


def write_all(folders, output):
    return write_report(load_runs(folders), output).read_text(encoding="utf-8")


@pytest.fixture
def two(tmp_path):
    """Two runs of the same two cases: one machine takes a tenth of the other's time."""
    fast = [*trials(case("a", threads=4), 0.01, 0.01), *trials(case("b", threads=4), 0.03, 0.03)]
    slow = [*trials(case("a"), 0.1, 0.1), *trials(case("b"), 0.2, 0.2)]
    return [write_on(tmp_path / "fast", FAST, *fast), write_on(tmp_path / "slow", SLOW, *slow)]


def test_files_of_several_runs_have_a_column_for_each_machine_and_name_faults(two, tmp_path):
    (two[0] / "report.html").write_text("")
    with (two[1] / "trials.jsonl").open("ab") as stream:
        stream.write(b"{}\n")
    output = tmp_path / "results" / "both"
    text = write_all(two, output)
    (ratios,) = read_tables(section(text, "Relative to a, 0 of 1 programs"))
    assert [line["program"] for line in ratios] == ["a", "b"]
    assert [line["range, × a"] for line in ratios] == ["1.0", "2.0 to 3.0"]
    machines = [heading.rpartition(", ")[0] for heading in ratios[0]][1:3]
    assert machines == [FAST["name"], SLOW["name"]]
    with (output / "summary.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    expected = [(machine["name"], name) for machine in (FAST, SLOW) for name in "ab"]
    assert [(line["machine"], line["implementation"]) for line in lines] == expected
    assert '<tr data-of="a">' in (output / "report.html").read_text(encoding="utf-8")
    assert "report: ../../fast/report.html" in text
    assert f"report: softmax-bench report {two[1]}".replace("_", "\\_") in text
    assert text.count("left out") == 1
    assert text.count("`softmax-bench ab` decides") == 1
    assert "\n- slow: left out: trials.jsonl:5: " in text


@pytest.mark.parametrize("name", jsonl.PLANS)
def test_measurements_are_never_overwritten_by_a_report(two, tmp_path, name):
    output = tmp_path / "both"
    output.mkdir()
    (output / name).write_text("{}")
    with pytest.raises(UserError, match="Choose another --output"):
        write_all(two, output)
    assert [path.name for path in output.iterdir()] == [name]


# ----- writing


@pytest.mark.parametrize("kind", ["report", "index"])
def test_nothing_is_written_through_a_link(folder, tmp_path, monkeypatch, kind):
    drawn = Chart("chart.svg", "a chart", "<svg></svg>", ["a chart"])
    monkeypatch.setattr("bench.report.write.draw_chart", lambda _: drawn)  # which takes long
    loaded = load_run(folder)  # which refuses a folder with links

    def write_again():
        return write_report([loaded]) if kind == "report" else write_index(folder.parent)

    before = set(folder.parent.rglob("*"))
    write_again()
    written = set(folder.parent.rglob("*")) - before
    assert (folder / drawn.file in written) == (kind == "report")
    for path in written:
        path.rename(tmp_path / f"to-{path.name}")
        path.symlink_to(tmp_path / f"to-{path.name}")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("to-*")}
    write_again()
    assert not any(path.is_symlink() for path in written)
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_unwritable_folder_is_a_user_error(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.report.write.can_draw", lambda: False)  # charts take long
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*file"):
        write_report([load_run(folder)], tmp_path / "file")
    (folder / "report.md").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        write_one(folder)
