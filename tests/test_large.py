"""A report of very many trials says what one of a few says, only more surely."""

import math

import fixtures_large
import pytest

from bench import intervals
from bench.noise import measure_noise
from bench.ranking import compare_to_fastest
from bench.report import load
from bench.sweep import find_sweep

FEW, MANY = fixtures_large.PERIOD, 30 * fixtures_large.PERIOD


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same run with a few rounds, and with thirty times as many that repeat them."""
    folder = tmp_path_factory.mktemp("runs")
    found = {}
    for rounds in (FEW, MANY):
        fixtures_large.write(folder / str(rounds), rounds, 3, (32, 384, 1920), (9600, 48000))
        found[rounds] = load.load_run(folder / str(rounds))
    return found[FEW], found[MANY]


def widths(found):
    return math.log(found.high / found.mean), math.log(found.mean / found.low)


def narrower(count):
    """Half the interval of so many numbers that repeat the few, as a share of that of the few."""
    variance = (FEW - 1) / FEW * count / (count - 1)
    few, many = intervals.t_quantile(FEW - 1), intervals.t_quantile(count - 1)
    return many / few * math.sqrt(variance * FEW / count)


def test_every_row_has_the_same_means_and_intervals_that_are_narrower_by_what_is_due(both):
    few, many = both
    assert len(few.rows) == len(many.rows) == 3 * 3 * 2 * 2
    assert [row.case for row in few.rows] == [row.case for row in many.rows]
    for one, other in zip(few.rows, many.rows, strict=True):
        assert other.rounds == 30 * one.rounds == MANY
        assert other.epoch.mean == pytest.approx(one.epoch.mean, rel=1e-12)
        expected = [narrower(MANY) * width for width in widths(one.epoch)]
        assert widths(other.epoch) == pytest.approx(expected, rel=1e-9)
        for name in ("validation_accuracy", "test_accuracy", "peak_rss_bytes", "first_epoch",
                     "imports", "setup", "parity_error", "roofline_seconds"):  # fmt: skip
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-12)
        assert compare_to_fastest(many.rows, other).mean == pytest.approx(
            compare_to_fastest(few.rows, one).mean, rel=1e-12
        )


def test_a_sweep_and_its_speedups_are_the_same(both):
    few, many = (find_sweep(found.rows, found.workload) for found in both)
    assert len(few.by_batch_size) == len(many.by_batch_size) == 3 * 3
    assert len(few.by_threads) == len(many.by_threads) > 0
    for one, other in zip(few.by_threads, many.by_threads, strict=True):
        assert other.speedup.mean == pytest.approx(one.speedup.mean, rel=1e-12)


def test_noise_is_the_same_but_for_the_degrees_of_freedom_that_a_few_rounds_leave(both):
    few, many = (measure_noise(found.main_records, found.environments) for found in both)
    assert many.within == pytest.approx(few.within, rel=1e-9)
    assert (many.others, many.steal) == pytest.approx((few.others, few.steal), rel=1e-9)
    cases = len(both[0].rows)
    left = {rounds: (cases - 1) * (rounds - 1) for rounds in (FEW, MANY)}
    expected = few.between * math.sqrt(30 * left[FEW] / left[MANY])
    assert many.between == pytest.approx(expected, rel=1e-9)
