"""Tables say what the records say: every number here is worked out by hand."""

import math

import pytest
from support.records import bare, case, environment, ok, run, trials

from bench.result import Parity
from bench.summary import summarize

HERE = {"here": environment()}


def one(*records):
    (found,) = summarize(records, HERE)
    return found


def names(found):
    return [row.case.implementation for row in found]


def test_a_process_gives_its_median_epoch_and_processes_their_geometric_mean():
    # Medians 0.2 and 0.8: the geometric mean is 0.4; of means or pooled epochs it would be another.
    row = one(
        ok(case(), 1, epoch_seconds=[9.0, 0.2, 0.1, 0.2, 0.3]),
        ok(case(), 2, epoch_seconds=[0.7, 0.1, 0.9, 5.0]),
    )
    assert row.epochs_by_round == {1: 0.2, 2: pytest.approx(0.8)}
    assert row.epoch.mean == pytest.approx(0.4)
    # 12.706 * ln(4) / sqrt(2) / sqrt(2) = 8.807
    assert row.epoch.high == pytest.approx(0.4 * math.exp(8.807), rel=1e-3)
    assert row.samples_per_second == pytest.approx(48000 / 0.4)


def test_times_are_averaged_geometrically_and_bytes_and_accuracies_arithmetically():
    row = one(
        ok(case(), 1, first_epoch_seconds=1.0, import_seconds=2.0, setup_seconds=0.1,
           peak_rss_bytes=100, validation_accuracy=[0.8] * 5, test_accuracy=[0.7] * 5),
        ok(case(), 2, first_epoch_seconds=4.0, import_seconds=8.0, setup_seconds=0.9,
           peak_rss_bytes=300, validation_accuracy=[0.9] * 5, test_accuracy=[0.8] * 5),
    )  # fmt: skip
    assert (row.first_epoch, row.imports, row.setup) == pytest.approx((2.0, 4.0, 0.3))
    assert row.peak_rss_bytes == 200
    assert (row.validation_accuracy, row.test_accuracy) == pytest.approx((0.85, 0.75))


def test_accuracy_is_taken_after_the_workloads_own_last_epoch():
    # As many epochs as half a second holds are timed, so that a fast one trains on to its 200th.
    many = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    row = one(ok(case(), validation_accuracy=many, test_accuracy=many[::-1]))
    assert (row.validation_accuracy, row.test_accuracy) == (0.5, 0.3)
    row = one(ok(case(epochs=2), validation_accuracy=many, test_accuracy=many[::-1]))
    assert (row.validation_accuracy, row.test_accuracy) == (0.2, 0.6)


def test_what_was_not_measured_is_left_out_of_an_average_and_absent_without_any():
    row = one(ok(case(), 1, peak_rss_bytes=None), ok(case(), 2, peak_rss_bytes=300))
    assert row.peak_rss_bytes == 300
    row = one(ok(case(), peak_rss_bytes=None, first_epoch_seconds=None, parity=None))
    assert (row.peak_rss_bytes, row.first_epoch, row.parity_error) == (None, None, None)


def test_the_largest_parity_error_stands_in_the_row_whatever_became_of_its_trial():
    errors = [(1, 1e-6, True), (2, 3e-2, False), (3, 2e-6, True)]
    records = [
        ok(case(), number, status="ok" if passed else "failed", parity=Parity(error, 1e-5, passed))
        for number, error, passed in errors
    ]
    assert one(*records).parity_error == 3e-2


def test_a_row_with_a_failed_trial_is_not_ranked_and_says_why():
    row = one(ok(case(), 1), ok(case(), 2, status="failed", reason="other mathematics"))
    assert (row.ranked, row.rounds) == (False, 2)
    assert row.faults == (("failed", "other mathematics"),)
    assert list(row.epochs_by_round) == [1]


@pytest.mark.parametrize("status", ["timeout", "out-of-memory"])
def test_a_row_is_ranked_by_the_trials_that_went_well_where_none_was_wrong(status):
    row = one(ok(case(), 1, 0.5), bare(case(), 2, status=status))
    assert (row.ranked, row.epoch.mean, row.rounds) == (True, pytest.approx(0.5), 2)
    assert row.faults == ((status, "no reason was given"),)


def test_an_unavailable_row_has_a_reason_and_no_numbers():
    row = one(bare(case(), status="unavailable", reason="no GPU"))
    assert (row.ranked, row.epoch, row.samples_per_second) == (False, None, None)
    assert (row.validation_accuracy, row.imports, row.epochs_by_round) == (None, None, {})
    assert row.faults == (("unavailable", "no GPU"),)


def test_an_interrupted_trial_is_still_to_be_made_and_no_fault():
    assert summarize([bare(case(), status="interrupted")], HERE) == []
    row = one(bare(case(), 1, status="interrupted"), ok(case(), 1), ok(case(), 2))
    assert (row.ranked, row.rounds, row.faults) == (True, 2, ())


def test_rows_are_sorted_by_workload_device_rank_and_time():
    slow, fast, wrong = case("slow"), case("fast"), case("wrong")
    textbook, gpu = case("textbook", workload="textbook"), case("gpu", device="gpu")
    records = [
        *trials(textbook, 0.1), *trials(gpu, 0.1), bare(case("absent"), status="unavailable"),
        *trials(slow, 0.9), *trials(wrong, 0.2, status="failed"), *trials(fast, 0.4),
    ]  # fmt: skip
    expected = ["fast", "slow", "absent", "wrong", "gpu", "textbook"]
    assert names(summarize(records, HERE)) == expected


def test_cases_are_told_apart_by_everything_that_decides_the_number():
    records = [ok(case()), ok(case(threads=1)), ok(case(batch_size=8)), ok(case(extra="old"))]
    assert sorted(row.rounds for row in summarize(records, HERE)) == [1, 1, 2]


def test_figures_are_no_rows():
    assert summarize([ok(case(), kind="figure"), ok(case(), kind="ceiling")], HERE) == []


@pytest.mark.parametrize(
    ("changes", "environments", "version"),
    [
        ({}, HERE, "torch 2.9.1"),
        (
            {"framework": "keras", "variables": {"KERAS_BACKEND": "jax"}},
            HERE,
            "keras 3.12, jax 0.8",
        ),
        ({"framework": "nowhere"}, HERE, "nowhere (absent)"),
        ({}, {}, "torch (absent)"),
        ({"framework": ""}, HERE, "own file"),
        ({"framework": ""}, {}, "own file"),
    ],
)
def test_a_row_names_the_version_it_ran_with(changes, environments, version):
    (row,) = summarize([ok(case(**changes))], environments)
    assert row.version == version


def stages(*epochs, precision=0.1, rounds=2):
    """Rows of a run whose first stage has two rounds, and which asks for a precision."""
    asked = run(case(), precision=precision, rounds={"sgd": rounds, "textbook": 1})
    return summarize(trials(case(), *epochs), HERE, asked), asked


def test_with_a_precision_the_spread_is_that_of_the_first_stage():
    # Logarithms of 1 and 1.1: s = 0.09531 / sqrt(2) = 0.06739, t = 12.706, of four values half is
    # 12.706 * 0.06739 / 2 = 0.4282, whatever the spread of the last two.
    (row,), _ = stages(1.0, 1.1, 1.0, 1.1)
    assert row.epoch.high / row.epoch.mean == pytest.approx(math.exp(0.4282), rel=1e-3)
    (plain,) = summarize(trials(case(), 1.0, 1.1, 1.0, 1.1), HERE)
    assert plain.epoch.high < row.epoch.high
    assert plain.rounds_needed is None
    # (12.706 * 0.06739 / ln 1.1)^2 = 80.7
    assert row.rounds_needed == 81


def test_the_order_of_the_records_does_not_choose_the_first_stage():
    _, asked = stages(1.0)
    shuffled = [trials(case(), 1.0, 1.1, 5.0)[place] for place in (2, 0, 1)]
    (row,) = summarize(shuffled, HERE, asked)
    assert row.rounds_needed == 81


def test_predictions_are_averaged_as_epochs_are():
    # Medians 0.1 and 0.4: the geometric mean is 0.2; 12.706 * ln(4) / 2 = 8.807.
    row = one(
        ok(case(), 1, predict_seconds=[9.0, 0.1, 0.05]),
        ok(case(), 2, predict_seconds=[0.4, 0.3, 7.0]),
        ok(case(), 3),
    )
    assert row.predicts_by_round == {1: 0.1, 2: 0.4}
    assert row.predict.mean == pytest.approx(0.2)
    assert row.predict.high == pytest.approx(0.2 * math.exp(8.807), rel=1e-3)
    assert one(ok(case())).predict is None


def test_joules_are_of_an_epoch_and_absent_with_a_reason():
    gpu = case(device="gpu")
    row = one(
        ok(gpu, 1, energy_joules=10.0, epoch_seconds=[1.0] * 5, peak_device_bytes=100),
        ok(gpu, 2, energy_joules=40.0, epoch_seconds=[1.0] * 10, peak_device_bytes=300),
        ok(gpu, 3, energy_absent="too old"),
    )
    assert (row.epoch_joules, row.peak_device_bytes, row.energy_absent) == (3.0, 200, None)
    row = one(ok(gpu, 1), ok(gpu, 2, energy_absent="too old"))
    assert (row.epoch_joules, row.peak_device_bytes, row.energy_absent) == (None, None, "too old")
    assert one(ok(gpu, energy_joules=0.0)).epoch_joules == 0


def test_joules_of_a_cpu_in_older_records_are_ignored():
    row = one(ok(case(), 1, energy_joules=10.0), ok(case(), 2, energy_absent="no counter"))
    assert (row.epoch_joules, row.energy_absent) == (None, None)
