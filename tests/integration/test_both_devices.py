"""Wherever rows of a CPU and of a GPU stand together, a reader can tell which is which."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console
from support.devices import CONDITIONS, on, swept_on
from support.records import case, environment, run, trials, write

from bench.analysis import noise as noises
from bench.analysis.startup import find_curves
from bench.analysis.summary import summarize
from bench.analysis.sweep import find_sweep
from bench.cli import terminal
from bench.report import write as files
from bench.report.charts import accuracy, epochs, parity, scaling
from bench.report.load import load
from bench.report.render import text as prose
from bench.report.sections import curves as curve_tables
from bench.report.sections.comparison import label
from bench.report.sections.order import sections

HERE = {"here": environment()}
BOTH = [*on("cpu"), *on("gpu", times=0.5)]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A written report of a sweep on both devices, its memory by phase included."""
    records = [
        *swept_on("cpu", phase_rss_bytes={"epochs": 2**30}),
        *swept_on("gpu", phase_rss_bytes={"epochs": 2**31}),
    ]
    folder = write(tmp_path_factory.mktemp("both") / "run", run(case("a")), *records)
    return files.write(folder).parent


def block(text, title):
    """Return the lines of the first table below a title."""
    found = re.search(r"(?:^\|.*\n)+", text[text.index(title) :], re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in found[0].splitlines()]


def test_a_name_says_where_a_case_is_not_on_the_cpu():
    assert label(case("a")) == "a"
    assert label(case("a", device="gpu")) == "a (gpu)"
    assert label(case("a", objective="one-vs-rest", device="gpu")) == "a (one-vs-rest) (gpu)"


def test_the_comparison_has_a_column_of_the_device_only_where_there_are_two(swept, tmp_path):
    heading, _, *lines = block((swept / "report.md").read_text(encoding="utf-8"), "## Workload")
    assert heading[:3] == ["implementation", "device", "framework"]
    assert [line[:2] for line in lines] == [["a", "cpu"], ["a", "gpu"]]
    alone = files.write(write(tmp_path / "run", run(case("a")), *on("gpu")))
    heading, *_ = block(alone.read_text(encoding="utf-8"), "## Workload")
    assert "device" not in heading


def test_the_part_of_a_readme_has_the_device_too(swept):
    heading, *_ = block(files.readme_part(swept, swept.parent), "|")
    assert heading[:3] == ["implementation", "device", "framework"]


@pytest.mark.parametrize("width", [50, 240])
def test_the_terminal_has_it_too_however_narrow_it_is(width):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(terminal.comparison_table(console, summarize(BOTH, HERE), "sgd"))
    title, heading, *lines = console.file.getvalue().splitlines()
    assert (title.strip(), heading.split()[:2]) == ("workload sgd", ["implementation", "device"])
    assert [line.split()[:2] for line in lines] == [["a", "cpu"], ["a", "gpu"]]


def test_the_page_has_one_column_of_the_device(swept):
    text = (swept / "report.html").read_text(encoding="utf-8")
    table = text.partition('id="comparison"')[2].partition("</table>")[0]
    assert len(re.findall(r">\s*device\s*<", table)) == 1


def test_charts_name_the_device():
    found = summarize(BOTH, HERE)
    threads = [record for count, seconds in ((1, 2.0), (2, 1.0))
               for record in trials(case("a", device="gpu", threads=count), seconds)]  # fmt: skip
    sweep = find_sweep(summarize(threads, HERE), "sgd")
    drawn = (
        epochs.epochs(found, "t"), epochs.cold_start(found, "t"),
        accuracy.over_time(find_curves(BOTH), "t"), parity.errors(found, (1e-5,), "t"),
        scaling.by_threads(sweep, "t"),
    )  # fmt: skip
    texts = [re.findall(r">(a(?: \(gpu\))?)<", epochs.svg(chart)) for chart in drawn]
    assert [set(names) for names in texts] == [{"a", "a (gpu)"}] * 4 + [{"a (gpu)"}]


def test_accuracy_against_time_has_a_table_for_each_device():
    made = curve_tables.tables(find_curves(BOTH), "sgd")
    assert [table.title.partition(": ")[2][:4] for table in made] == ["cpu,", "gpu,"]
    assert [[line[0] for line in table.lines] for table in made] == [["a"], ["a"]]


def test_memory_has_a_table_for_each_device(swept):
    found = {each.title: each for each in sections(load(swept))}["Memory"]
    assert [table.title.partition(": ")[2][:3] for table in found.tables] == ["cpu", "gpu"]
    assert [table.lines for table in found.tables] == [
        [["a", "1,020 MiB"]],
        [["a", "2,050 MiB"]],
    ]
    (picture,) = found.pictures
    names = re.findall(r">(a(?: \(gpu\))?)<", epochs.svg(picture.chart()))
    assert names == ["a", "a (gpu)"]


def untold(device, **changes):
    """Records of two implementations that three rounds do not tell apart."""
    return [*on(device, "a", (1.0, 1.0, 1.0), **changes),
            *on(device, "b", (1.1, 1.2, 1.3), **changes)]  # fmt: skip


def test_a_gpu_that_was_held_back_is_blamed_for_its_own_rows_alone():
    hot = {"device_conditions": CONDITIONS | {"throttle_after": 4.0}}
    records = [*untold("cpu"), *untold("gpu", **hot)]
    noise = replace(noises.measure_noise(records, HERE), between=None, drift=None)
    (both,) = prose.too_noisy(summarize(records, HERE), noise)
    assert both.endswith(
        "(the GPU was throttled by power cap in 6 of 6 trials): a and b, a (gpu) and b (gpu) "
        "cannot be told apart."
    )
    (cpu,) = prose.too_noisy(summarize(untold("cpu"), HERE), noise)
    assert cpu == "Not told apart by so many processes: a and b."


def test_a_precision_that_was_not_reached_names_the_device():
    (row,) = summarize(on("gpu"), HERE)
    assert "**Not reached** by a (gpu) (2 of " in prose.precision([row], 0.01)
