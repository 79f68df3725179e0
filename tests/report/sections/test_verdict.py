"""The finding of a run says what the intervals say, and no more."""

from itertools import permutations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.records import HERE, case, numbers_in, ok, trials

from bench.analysis.expected import Expected
from bench.analysis.summary import summarize
from bench.records.schema import Parity
from bench.report.sections.verdict import (
    NO_PROGRAM,
    describe_agreement,
    describe_expected,
    list_answers,
    write_headline,
)

HALF, TWICE = "500 ms [500, 500]", "2.0 times as long"


def headline(*records):
    return write_headline(summarize(records, HERE)).removeprefix("An epoch, once running: ")


@pytest.mark.parametrize(
    ("epochs", "text"),
    [
        ({"fast": (0.5, 0.5), "slow": (1, 1)}, f"fast, {HALF}; slow takes {TWICE}"),
        ({"a": (0.5, 0.5), "b": (0.5, 0.5)}, f"a or b, {HALF}"),
        (dict.fromkeys("abc", (0.5, 0.5)), f"a or b or c, {HALF}"),
        (dict.fromkeys("abcd", (0.5, 0.5)), f"a, {HALF}, but b may be as fast"),
        ({"a": (0.5, 0.5), "c": (0.4, 0.8), "d": (50, 50)}, f"a or c, {HALF}"),
        # Slower in both processes, but by no more than these differ.
        ({"a": (0.5, 0.5), "slow": (0.8, 1.6)}, f"a, {HALF}, but slow may be as fast"),
        ({"a": (0.5, 0.5), "slow": (1.1, 2.1)}, f"a, {HALF}; slow takes 2.2 times as long"),
        ({"fast": (0.5,), "slow": (50,)}, "fast, 500 ms, measured once"),
        ({"alone": (0.5,)}, "alone, 500 ms"),
    ],
    ids=str,
)
def test_leaders_are_named_with_one_doubt_at_most(epochs, text):
    records = [record for name, of in epochs.items() for record in trials(case(name), *of)]
    assert headline(*records) == f"{text}."


TIMES = st.lists(st.floats(0.9, 1.1) | st.floats(0.1, 10), min_size=2, max_size=10)


@given(st.lists(TIMES, min_size=2, max_size=6))
@example([[1.0625, 1.09375], [1.0, 1.0, 1.0625], [1.0, 1.0]])  # level with one of two others
def test_possible_winner_is_not_slower_in_every_process_and_its_interval_overlaps(table):
    records = [record for n, of in enumerate(table) for record in trials(case(f"x{n}"), *of)]
    rows = {row.case.implementation: row for row in summarize(records, HERE)}
    winners = headline(*records).partition(",")[0].split(" or ")
    named = [row for name, row in rows.items() if name in winners]
    assert named
    for row, other in permutations(named, 2):
        bounds = row.epoch.low, other.epoch.high
        assert None in bounds or bounds[0] <= bounds[1]
        assert min(row.epochs_by_round.values()) <= max(other.epochs_by_round.values())


def answers(*records):
    sentences = list_answers(summarize(records, HERE))
    return dict(sentence.removesuffix(".").split(": ", 1) for sentence in sentences)


def test_answers_are_what_a_reader_asks_first():
    def twice(name, seconds, framework, style="idiomatic"):
        return trials(case(name, framework=framework, style=style), seconds, 1.01 * seconds)

    records = [
        *twice("numba", 0.01, "numba", "tuned"),
        *twice("keras-jax", 0.4, "keras"),
        *trials(case("keras-tensorflow", framework="keras"), 1.5, 2.9),
        *twice("jax", 0.1, "jax"),
        *twice("pytorch", 0.5, "torch"),
        *twice("pytorch-compiled", 0.06, "torch", "tuned"),
    ]
    assert answers(*records) == {
        "Five epochs from a cold start": (
            "numba, 5.30 s [4.63, 6.07], but pytorch-compiled may be as fast"
        ),
        "Many epochs": "numba, 10.0 ms [8.76, 11.5]; pytorch-compiled takes 6.0 times as long",
        "An epoch in Keras": "400 ms in keras-jax; 1.5 s or 2.9 s in keras-tensorflow",
        "An epoch in PyTorch": "500 ms in pytorch; tuned, 60 ms in pytorch-compiled",
    }
    assert answers() == {}


def test_only_ranked_softmax_rows_are_named():
    others = [
        *trials(case("other", objective="one-vs-rest"), 0.1),
        *trials(case("wrong"), 0.1, status="failed"),
    ]
    assert headline(*trials(case("fast"), 0.5), *others) == "fast, 500 ms."
    assert headline() == headline(*others) == NO_PROGRAM


def test_agreement_counts_the_programs_that_reach_the_oracles_weights(load):
    wrong = {"parity": Parity(4e-5, 1e-5, passed=False), "status": "failed"}
    far = ok(case("b"), 1, parity=Parity(4e-6, 1e-5, passed=True))
    good = [*trials(case("a"), 0.5), far, ok(case("b"), 2)]
    other = trials(case("ovr", objective="one-vs-rest"), 0.5, **wrong)
    agreement, agrees = describe_agreement(load(*good, *other))
    assert agrees
    assert agreement.startswith("All 2 softmax programs end with the weights of the float64 oracle")
    assert numbers_in(agreement)[2:] == [4, 10, 1, 10]  # the largest error, and the tolerance
    different, agrees = describe_agreement(
        load(*good, *trials(case("c", batch_size=8), 0.5, **wrong))
    )
    assert different.startswith("1 of 3 softmax programs ends with other weights")
    assert different.endswith(": c.")
    assert not agrees


@pytest.mark.parametrize(
    ("epochs", "numbers", "words"),
    [
        ({"numpy": 1, "a": 2, "b": 3, "c": 4}, [12, 3, 3], "As on"),
        ({"numpy": 1, "a": 2, "b": 3, "c": 6}, [12, 2, 3, 6, 3, 5], "As on"),
        ({"numpy": 2, "a": 2, "b": 3, "c": 4}, [12, 0, 3, 1, 1.5, 3], "50 % lower"),
        ({"a": 2, "b": 3}, [], ""),
        ({"numpy": 1, "unpublished": 3}, [], ""),
    ],
)
def test_a_run_says_how_many_ratios_lie_where_published_runs_have_them(epochs, numbers, words):
    records = [one for name, of in epochs.items() for one in trials(case(name, threads=1), of, of)]
    bounds = {"a": (1.5, 2, 3), "b": (2, 3, 4), "c": (3, 4, 5)}
    expected = {name: Expected(*ends, runs=12, processors=3) for name, ends in bounds.items()}
    text = describe_expected(summarize(records, HERE), expected)
    assert numbers_in(text)[: len(numbers)] == numbers or text == ""
    assert words in text
    assert ("worth sharing" in text) == (numbers[1:2] == [0])
    assert bool(text) == bool(numbers)
