"""The finding says what the intervals say, of every device, and no more."""

import pytest
from support.records import MACHINE, case, environment, ok, trials

from bench.analysis import summary
from bench.records.schema import Parity
from bench.report.sections.headline import NOTHING, finding, machine_of

HERE = {"here": environment()}
SAME = " Its weights are the float64 oracle's to 1.5e-06."
TIMES = "times as fast as the fastest on the"
BOTH = " Their weights are the float64 oracle's to 1.5e-06."


def said(*records, machine=None):
    return "".join(part.text for part in finding(summary.summarize(records, HERE), machine))


def fit(name, *epochs, **changes):
    return trials(case(name, framework="keras"), *epochs, **changes)


def test_one_clear_winner_is_named_with_its_lead_over_the_slowest():
    rows = (*trials(case("fast"), 0.5, 0.5), *trials(case("mid"), 0.75, 0.75))
    slow = trials(case("slow"), 1.0, 2.0)
    assert said(*rows, *trials(case("slow"), 1.0, 1.0)) == (
        "fast trains fastest: 500 ms [500, 500] an epoch, 2.00 [2.00, 2.00] times as fast as the "
        "slowest, slow." + BOTH
    )
    # Two rounds, twice and four times as long: exp(log 8 / 2 ± 12.706 * log 2 / 2).
    assert "2.83 [" not in said(*rows, *slow)
    assert "cannot be told apart" in said(*rows, *slow)


def test_the_fastest_is_held_against_keras_fit_on_its_best_and_its_worst_backend():
    fast = trials(case("fast"), 0.5, 0.5)
    assert said(*fast, *fit("keras-jax", 5.0, 5.0), *trials(case("worse"), 50.0, 50.0)) == (
        "fast trains fastest: 500 ms [500, 500] an epoch, 10.0 [10.0, 10.0] times as fast as "
        "Keras's fit (keras-jax)." + BOTH
    )
    three = [*fit("c", 10.0, 10.0), *fit("a", 2.0, 2.0), *fit("b", 5.0, 5.0)]
    tuned = trials(case("keras-fused", framework="keras", style="tuned"), 20.0, 20.0)
    assert said(*fast, *three, *tuned) == (
        "fast trains fastest: 500 ms [500, 500] an epoch, 4.00 [4.00, 4.00] (a) to "
        "20.0 [20.0, 20.0] (c) times as fast as Keras's fit." + BOTH
    )


def test_where_keras_fit_is_the_fastest_itself_it_is_held_against_the_others():
    assert said(*fit("keras-jax", 0.5, 0.5), *trials(case("slow"), 1.0, 1.0)).startswith(
        "keras-jax trains fastest: 500 ms [500, 500] an epoch, 2.00 [2.00, 2.00] times as fast as "
        "the slowest, slow."
    )


def test_the_parity_error_is_the_worst_of_those_that_are_named_and_of_no_other():
    fast = trials(case("fast"), 0.5, 0.5)
    keras = fit("keras", 5.0, 5.0, parity=Parity(4e-6, 1e-5, passed=True))
    other = trials(case("other"), 3.0, 3.0, parity=Parity(9e-6, 1e-5, passed=True))
    assert said(*fast, *keras, *other).endswith(
        ". Their weights are the float64 oracle's to 4.0e-06."
    )
    untold = fit("keras", 5.0, 5.0, parity=None)
    assert said(*fast, *untold).endswith(" times as fast as Keras's fit (keras).")


def test_those_that_cannot_be_told_apart_are_named_each_with_its_interval():
    a, c = trials(case("a"), 0.5, 0.5), trials(case("c"), 0.4, 0.8)
    text = said(*a, *c, *trials(case("d"), 50.0, 50.0))
    assert text.startswith("a (500 ms [500, 500] an epoch) and c (566 ms [")
    assert text.endswith(" an epoch) are the fastest and cannot be told apart." + BOTH)
    assert "d" not in text.partition(" are the fastest")[0].split()


@pytest.mark.parametrize(("number", "names"), [(3, "0, 1 and 2"), (4, "0, 1, 2 and 1 more"),
                                               (9, "0, 1, 2 and 6 more")])  # fmt: skip
def test_of_many_that_cannot_be_told_apart_three_are_named(number, names):
    many = [one for each in range(number) for one in trials(case(str(each)), 0.5, 0.5)]
    text = said(*many).replace(" (500 ms [500, 500] an epoch)", "")
    assert text == f"{names} are the fastest and cannot be told apart." + BOTH


def test_one_round_ranks_nothing():
    assert said(*trials(case("fast"), 0.5), *trials(case("slow"), 50.0)) == (
        "fast had the shortest epoch, 500 ms, but one process gives no interval: nothing is "
        "ranked." + SAME
    )


def test_a_row_that_stands_alone_is_the_fastest_of_nothing():
    other = trials(case("other", objective="one-vs-rest"), 0.1)
    wrong = trials(case("wrong"), 0.1, status="failed")
    assert said(*trials(case("only"), 0.5), *other, *wrong) == (
        "only alone was measured and can be ranked: 500 ms an epoch." + SAME
    )


def test_nothing_is_found_where_nothing_is_ranked():
    assert said() == NOTHING
    wrong = trials(case("wrong"), 0.5, status="failed")
    other = trials(case("other", objective="one-vs-rest"), 0.5)
    assert said(*wrong, *other, machine="a machine") == NOTHING


def test_the_machine_is_said_first_and_the_device_where_there_are_two():
    cpu, gpu = case("one"), case("two", device="gpu")
    assert said(*trials(cpu, 0.5), machine="2-core CPU").startswith("On this 2-core CPU, one alone")
    both = (*trials(gpu, 0.25), *trials(cpu, 0.5))
    alone = " alone was measured and can be ranked: "
    expected = f"one{alone}500 ms an epoch.{SAME} On the GPU, two{alone}250 ms an epoch.{SAME}"
    assert said(*both, machine="2-core CPU") == f"On the CPU of this 2-core CPU, {expected}"
    assert said(*both) == f"On the CPU, {expected}"


@pytest.mark.parametrize(
    ("gpu", "says"),
    [
        ((0.25, 0.25), f"The fastest on the GPU is 2.00 [2.00, 2.00] {TIMES} CPU."),
        ((2.0, 2.0), f"The fastest on the CPU is 4.00 [4.00, 4.00] {TIMES} GPU."),
        ((0.4, 0.6), "The fastest on the GPU and on the CPU cannot be told apart."),
        ((0.25,), "Its weights are the float64 oracle's to 1.5e-06."),
    ],
)  # fmt: skip
def test_the_fastest_on_each_device_are_held_against_each_other(gpu, says):
    rows = (*trials(case("slow"), 5.0, 5.0), *trials(case("fast"), 0.5, 0.5))
    assert said(*rows, *trials(case("on", device="gpu"), *gpu)).endswith(f" {says}")


def test_what_is_of_a_record_is_marked_so_that_it_can_be_escaped():
    rows = summary.summarize([ok(case("<one>")), ok(case("<two>"), 2)], HERE)
    parts = finding(rows, "<machine>")
    assert {part.kind for part in parts if "<" in part.text} == {"record", "name"}
    assert [part.text for part in parts if part.kind == "record"] == ["<machine>"]
    assert not [part for part in parts if part.kind == "ours" and "<" in part.text]


def test_a_machine_is_named_where_all_environments_are_of_one():
    later, moved = environment(id="later"), environment(machine={**MACHINE, "id": "another"})
    assert machine_of({"here": environment(), "later": later}) == "2-core Test CPU, 8 GiB"
    assert machine_of({"here": environment(), "moved": moved}) is None
    assert machine_of({"here": environment(machine={})}) is None
    assert machine_of({}) is None
