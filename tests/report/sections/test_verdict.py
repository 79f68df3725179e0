"""The finding of a run says what the intervals say, and no more."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import HERE, case, plan_of, trials, write

from bench.analysis.summary import summarize
from bench.records.schema import Parity
from bench.report.load import load_run
from bench.report.sections.verdict import (
    NOTHING,
    describe_agreement,
    write_cold_start,
    write_headline,
)

HALF = "500 ms [500, 500]"
TUNED = f"x-tuned (tuned) had the shortest epoch: {HALF}; of the idiomatic programs, "
TWICE = "1.00 s [1.00, 1.00]"
ALL_ALIKE = "4 of 4 others cannot be told apart from it"
UNKNOWN = "had the shortest epoch; the data do not show which"


def headline(*records):
    return write_headline(summarize(records, HERE))


@pytest.mark.parametrize(
    ("epochs", "text"),
    [
        ({"fast": 0.5, "slow": 1}, f"fast (idiomatic) had the shortest epoch: {HALF}"),
        ({"x-tuned": 0.5, "mid": 1, "slow": 2}, f"{TUNED}mid was fastest: {TWICE}"),
        ({"x-tuned": 0.5, "a": 1, "b": 1}, f"{TUNED}a may be fastest: {TWICE}"),
        (
            dict.fromkeys("ab", 0.5),
            f"a (idiomatic, {HALF}) or b (idiomatic, {HALF}) {UNKNOWN}",
        ),
        (
            dict.fromkeys("abcde", 0.5),
            f"a (idiomatic) had the shortest epoch: {HALF}, but {ALL_ALIKE}",
        ),
    ],
)
def test_shortest_epoch_is_named_with_its_style_and_the_other_style(epochs, text):
    records = [
        record
        for name, seconds in epochs.items()
        for style in ["tuned" if name.endswith("tuned") else "idiomatic"]
        for record in trials(case(name, style=style), seconds, seconds)
    ]
    assert headline(*records) == f"Once running, {text}."
    brief = write_headline(summarize(records, HERE), leaders_only=True)
    assert brief == f"Once running, {text.partition('; of')[0]}."


def test_rows_that_the_intervals_do_not_separate_share_the_first_place():
    a, c = trials(case("a"), 0.5, 0.5), trials(case("c"), 0.4, 0.8)
    text = headline(*a, *c, *trials(case("d"), 50.0, 50.0))
    assert text.startswith("Once running, a (idiomatic, 500 ms [500, 500]) or c (idiomatic, 566")
    assert " d " not in text
    # Slower in both processes, but by no more than these differ.
    assert headline(*a, *trials(case("slow"), 1.0, 2.0)).endswith(
        "500 ms [500, 500], but 1 of 1 others cannot be told apart from it."
    )


TIMES = st.lists(st.floats(0.9, 1.1) | st.floats(0.1, 10), min_size=2, max_size=10)


@given(st.lists(TIMES, min_size=2, max_size=6))
def test_possible_winner_is_not_slower_in_every_process_and_its_interval_overlaps(table):
    records = [one for n, own in enumerate(table) for one in trials(case(f"x{n}"), *own)]
    rows = {row.case.implementation: row for row in summarize(records, HERE)}
    winners = headline(*records).partition(" the shortest epoch")[0]
    named = [row for name, row in rows.items() if f"{name} (" in winners]
    assert named
    for one, other in permutations(named, 2):
        bounds = one.epoch.low, other.epoch.high
        assert None in bounds or bounds[0] <= bounds[1]
        assert min(one.epochs_by_round.values()) <= max(other.epochs_by_round.values())


def test_what_was_measured_once_is_not_certain():
    fast = trials(case("fast", style="tuned"), 0.5)
    assert headline(*fast, *trials(case("slow"), 50.0)) == (
        "Once running, fast (tuned) had the shortest epoch: 500 ms, measured once, so the order is "
        "not certain; of the idiomatic programs, slow was fastest: 50.0 s."
    )


def test_only_ranked_softmax_rows_are_named():
    others = [
        *trials(case("other", objective="one-vs-rest"), 0.1),
        *trials(case("wrong"), 0.1, status="failed"),
    ]
    text = headline(*trials(case("fast"), 0.5), *others)
    assert text == "Once running, fast (idiomatic) takes 500 ms; no other program can be ranked."
    assert headline() == headline(*others) == NOTHING


def test_fastest_of_the_other_device_is_named():
    slow, fast = trials(case("a"), 0.5, 0.5), trials(case("b", device="gpu"), 0.25, 0.25)
    assert headline(*slow, *fast) == (
        "Once running, b (gpu) (idiomatic) had the shortest epoch: 250 ms [250, 250]; of the "
        "programs on the CPU, a was fastest: 500 ms [500, 500]."
    )


def test_first_with_five_epochs_counts_the_cold_start():
    # 2 + 0.25 + 0.01 + 3 s of a start, and four epochs: the import decides.
    soon = trials(case("soon"), 1.0, 1.0, import_seconds=0.0)
    late = trials(case("late", style="tuned"), 0.5, 0.5, import_seconds=9.0)
    text = write_cold_start(summarize([*soon, *late], HERE))
    assert text == (
        "From a cold start, soon (idiomatic) was done first with five epochs: 7.26 s [7.26, 7.26]; "
        "of the tuned programs, late was fastest: 14.3 s [14.3, 14.3]."
    )
    unknown = summarize(trials(case("a"), 0.5, import_seconds=None), HERE)
    assert write_cold_start(unknown) == ""


@pytest.fixture
def load(tmp_path):
    def load_records(*records):
        return load_run(write(tmp_path / "run", plan_of(*records), *records))

    return load_records


def test_agreement_counts_the_programs_that_reach_the_oracles_weights(load):
    wrong = {"parity": Parity(4e-5, 1e-5, passed=False), "status": "failed"}
    good = [*trials(case("a"), 0.5), *trials(case("b"), 0.5, parity=Parity(4e-6, 1e-5, True))]
    other = trials(case("ovr", objective="one-vs-rest"), 0.5, **wrong)
    assert describe_agreement(load(*good, *other))[1] == (
        "All 2 softmax programs end with the weights of the float64 oracle, our reference: "
        "the largest parity error is 4.0 × 10⁻⁶ (tolerance 1.0 × 10⁻⁵)."
    )


def test_agreement_names_the_programs_that_differ(load):
    wrong = {"parity": Parity(4e-5, 1e-5, passed=False), "status": "failed"}
    loaded = load(*trials(case("a"), 0.5), *trials(case("b", batch_size=8), 0.5, **wrong))
    _, agreement = describe_agreement(loaded)
    assert agreement == (
        "1 of 2 softmax programs ends with other weights than the float64 oracle: b."
    )
