"""Rows say what the records say: every number here is worked out by hand."""

import msgspec
import pytest
from support.records import HERE, bare, case, ok, trials

from bench.analysis.summary import summarize
from bench.records.schema import Parity


def one(*records):
    (row,) = summarize(records, HERE)
    return row


def test_process_gives_median_and_processes_the_typical_one():
    # Medians 0.2 and 0.242: the median is 0.22 on the logarithms, unlike that of pooled epochs.
    row = one(
        ok(case(), 1, epoch_seconds=[9.0, 0.2, 0.1, 0.2, 0.3]),
        ok(case(), 2, epoch_seconds=[0.241, 0.1, 0.243, 5.0]),
    )
    assert row.epochs_by_round == {1: 0.2, 2: pytest.approx(0.242)}
    assert row.epoch.mean == pytest.approx(0.22)
    # The range of two is stretched by 9 times itself.
    assert row.epoch.high == pytest.approx(0.242 * 1.21**9)
    assert row.samples_per_second == pytest.approx(48000 / 0.22)


def test_times_are_medians_and_others_means():
    times = [(1.0, 2.0, 0.1), (3.0, 8.0, 0.3), (9.0, 4.0, 9.0)]
    others = [(100, 0.8, 0.7), (300, 0.9, 0.8), (500, 0.94, 0.9)]
    row = one(
        *(
            ok(
                case(),
                number,
                first_epoch_seconds=first,
                import_seconds=imports,
                setup_seconds=setup,
                peak_rss_bytes=peak,
                validation_accuracy=[validation] * 5,
                test_accuracy=[test] * 5,
            )
            for number, ((first, imports, setup), (peak, validation, test)) in enumerate(
                zip(times, others, strict=True)
            )
        )
    )
    assert (row.start.first_epoch, row.start.imports, row.start.setup) == (3.0, 4.0, 0.3)
    assert row.memory.peak_bytes == 300
    assert (row.accuracy.validation, row.accuracy.test) == pytest.approx((0.88, 0.8))


def test_accuracies_are_of_the_rounds_that_all_rows_trained_to_their_end():
    """Rows of a run with a stopping rule have other rounds, and short ones."""

    def score(name, number, accuracy, epochs=5):
        of = case(name, epochs=epochs)
        accuracies = [0.0] * (epochs - 1) + [accuracy]
        further = [0.9] * 4  # older records validate until a target is reached
        return ok(of, number, validation_accuracy=accuracies + further, test_accuracy=accuracies)

    slow = [score("slow", 1, 0.8), score("slow", 2, 0.1, epochs=2)]
    fast = [score("fast", number, accuracy) for number, accuracy in enumerate((0.8, 0.9), 1)]
    rows = summarize([*reversed(slow), *fast], {})
    assert {row.case.epochs for row in rows} == {5}
    assert [row.accuracy.validation for row in rows] == [0.8, 0.8]
    assert [row.accuracy.test for row in rows] == [0.8, 0.8]
    (alone,) = summarize(fast, {})
    assert alone.accuracy.validation == pytest.approx(0.85)
    apart = summarize([slow[0], fast[1]], {})  # without a common round
    assert sorted(row.accuracy.validation for row in apart) == [0.8, 0.9]


def test_second_trial_of_a_round_is_no_lost_trial():
    again = msgspec.structs.replace(ok(case(), 1), trial="another")
    (row,) = summarize([ok(case(), 1), again], {})
    assert (row.rounds, row.succeeded, row.ranked) == (1, 1, True)


def test_parity_error_is_the_largest_of_all_trials():
    errors = [(1, 1e-6, True), (2, 3e-2, False), (3, 2e-6, True)]
    records = [
        ok(case(), number, status="ok" if passed else "failed", parity=Parity(error, 1e-5, passed))
        for number, error, passed in errors
    ]
    assert one(*records).parity_error == 3e-2


# ----- which trials count


@pytest.mark.parametrize("status", ["timeout", "out-of-memory", "unavailable"])
@pytest.mark.parametrize(
    ("succeeded", "ended", "ranked"), [(1, 1, False), (4, 1, False), (3, 0, True), (0, 1, False)]
)
def test_row_is_ranked_if_all_of_its_trials_succeeded(status, succeeded, ended, ranked):
    rest = [bare(case(), 10 + number, status=status) for number in range(ended)]
    row = one(*trials(case(), *[0.5] * succeeded), *rest)
    assert (row.ranked, row.succeeded, row.rounds) == (ranked, succeeded, succeeded + ended)
    assert row.faults == ((status, "no reason was given"),) * ended


@pytest.mark.parametrize(
    ("epochs", "in_two_groups"),
    [([1.0, 1.0, 1.3], False), ([1.0, 1.0, 1.31], True), ([0.5, 1.0, 1.0], False), ([1.0], False)],
)
def test_slow_processes_are_another_group(epochs, in_two_groups):
    assert one(*trials(case(), *epochs)).in_two_groups is in_two_groups


BUSY, STOLEN = ({"seconds": 10.0, f"{name}_seconds": 4.0} for name in ("others", "steal"))


@pytest.mark.parametrize(
    ("cpu", "delay", "changes", "waiting"),
    [
        (0.75, None, {}, True),
        (0.91, None, {}, False),
        (0.5, 0.25, {}, True),
        (0.75, 0.25, {}, False),  # it waited for a core
        (0.75, None, {"conditions": BUSY}, False),  # it may have
        (0.5, 0.25, {"conditions": BUSY}, True),
        (0.5, 0.0, {"conditions": STOLEN}, False),
    ],
)
def test_row_waits_while_no_core_computes_for_it_and_none_is_taken(cpu, delay, changes, waiting):
    delays = [] if delay is None else [delay] * 5
    times = {"epoch_seconds": [1.0] * 5, "epoch_cpu_seconds": [cpu] * 5}
    row = one(*trials(case(), 1.0, **times, epoch_delay_seconds=delays, **changes))
    assert (row.waits and row.waits.waiting) == ([1.0] * 5 if waiting else None)
    on_gpu = trials(case(device="gpu"), 1.0, **times)
    assert one(*on_gpu).waits is None


@pytest.mark.parametrize(
    ("entropies", "by_seed"),
    [
        (("x", "y", "z"), (0.83, 0.85, 0.84)),
        (("x", "y", "x"), (0.83, 0.85)),
        ((None, None, None), (0.83,)),  # older records: one seed for all rounds
    ],
)
def test_accuracy_has_a_value_for_each_seed(entropies, by_seed):
    records = [
        ok(case(), number, entropy=entropy, validation_accuracy=[0.0] * 4 + [accuracy])
        for number, (entropy, accuracy) in enumerate(
            zip(entropies, (0.83, 0.85, 0.84), strict=True)
        )
    ]
    row = one(*records)
    assert tuple(row.accuracy_by_seed) == by_seed
    assert row.accuracy.validation == pytest.approx(0.84)


def test_interrupted_trials_and_other_kinds_are_ignored():
    others = [ok(case(), kind="textbook"), ok(case(), kind="roofline")]
    interrupted = bare(case(), 1, status="interrupted")
    assert summarize([interrupted, *others], HERE) == []
    row = one(interrupted, ok(case(), 1), ok(case(), 2), *others)
    assert (row.ranked, row.rounds, row.faults) == (True, 2, ())


def test_cases_differ_by_size_but_not_by_registry_details():
    records = [ok(case()), ok(case(threads=1)), ok(case(batch_size=8)), ok(case(extra="old"), 2)]
    rows = summarize(records, HERE)
    assert [(row.rounds, row.swept) for row in rows] == [(2, False), (1, True), (1, True)]


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
    ],
)
def test_row_names_the_framework_version(changes, environments, version):
    (row,) = summarize([ok(case(**changes))], environments)
    assert row.version == version
