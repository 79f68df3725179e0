"""Each printed ratio is the quotient of the printed times, also where a run adjusts its epochs."""

import io

import pandas as pd
import pytest
from support.records import case, numbers_in, ok, read_cells

from bench.analysis.sweep import find_thread_speedups
from bench.report.opening import make_opening
from bench.report.render.csv import render_csv
from bench.report.sections.costs.scaling import tabulate_threads
from bench.report.sections.costs.workload import describe_workload
from bench.report.sections.setting.runs import describe_noise

# Of each program, its epoch and the machine's slowness in each of its processes. As measured,
# other programs would be first, and ratios up to twice as large.
PROGRAMS = {
    "a": (0.1, (1.5, 1.0, 1.4)),
    "b": (0.13, (0.9, 1.0, 1.0)),
    "c": (0.4, (1.0, 1.6, 0.9)),
    "d": (0.7, (0.8, 1.0, 0.8)),
}
NOISE = (1.0, 1.01, 0.99)  # of the processes that the machine's speed does not explain
ROUNDING = 0.011  # of a quotient of two times of three digits, and of a ratio


@pytest.fixture
def run(load):
    """Return a run of programs at two batch sizes, with one thread and two, that adjusts."""
    return load(
        *(
            ok(
                case(name, batch_size=batch_size, threads=threads),
                number,
                epoch_seconds=[seconds] * 5,
                kernel_seconds=[0.002 * slowness] * 6,
            )
            for name, (epoch, factors) in PROGRAMS.items()
            for batch_size, of_size in ((32, 1.0), (128, 0.5))
            for threads, of_threads in ((1, 1.0), (2, 0.6))
            for number, (slowness, noise) in enumerate(zip(factors, NOISE, strict=True), 1)
            for seconds in [epoch * of_size * of_threads * slowness * noise]
        )
    )


def list_quotients(times):
    return [time / times[0] for time in times]


def test_epochs_are_at_the_mean_speed_and_one_line_says_so(run):
    for row in run.rows:
        seconds = [*row.epochs_by_round.values()]
        assert max(seconds) / min(seconds) == pytest.approx(1.01 / 0.99, rel=0.01)
    line, spread = describe_noise([run]).text, (run.adjustment.before, run.adjustment.after)
    assert numbers_in(line) == pytest.approx([100 * share for share in spread], rel=0.02)
    assert "As measured they are in trials.jsonl" in line


def test_ratios_of_the_comparison_are_quotients_of_its_times(run):
    cells = read_cells(describe_workload(run, "sgd").tables[0])
    times, ratios = (
        [numbers_in(line[heading])[0] for line in cells] for heading in ("epoch, ms", "× fastest")
    )
    assert [line["program"] for line in cells] == [*PROGRAMS]
    assert list_quotients(times) == pytest.approx(ratios, rel=ROUNDING)


def test_ratios_of_summary_csv_are_quotients_of_its_times(run):
    table = pd.read_csv(io.BytesIO(render_csv(run.rows)))
    groups = table.groupby(["batch_size", "threads"])
    fastest = groups["epoch_seconds"].transform("min")
    assert (table["epoch_seconds"] / fastest).tolist() == pytest.approx(table["times_fastest"])


def test_ratios_of_the_opening_are_quotients_of_its_times(run):
    opening = make_opening(run)
    for standing in opening.standings:
        means = [key.mean for *_, key in standing.lines]
        times, ratios = (
            [numbers_in(line[place])[0] for line in standing.lines] for place in (1, 2)
        )
        assert list_quotients(means) == pytest.approx(ratios, rel=ROUNDING / 2)
        assert list_quotients(times) == pytest.approx(ratios, rel=ROUNDING)
    (steady,) = (standing for standing in opening.standings if standing.key == "steady")
    (sentence,) = (text for text in opening.answers if text.startswith("Many epochs"))
    assert numbers_in(sentence)[-1] == pytest.approx(numbers_in(steady.lines[1][2])[0], rel=0.05)


def test_speedups_of_threads_are_quotients_of_their_times(run):
    pairs = find_thread_speedups(run.rows, "sgd")
    assert len(pairs) == 8
    for pair in pairs:
        quotient = pair.single.epoch.mean / pair.multiple.epoch.mean
        assert pair.speedup.mean == pytest.approx(quotient)
    (table,) = tabulate_threads(pairs, "")
    for line in read_cells(table):
        for heading in ("batch size 32", "batch size 128"):
            speedup, *_, single, multiple = numbers_in(line[heading])
            assert single / multiple == pytest.approx(speedup, rel=ROUNDING)
