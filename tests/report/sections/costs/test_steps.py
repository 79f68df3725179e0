"""What a step costs, in words, cells and bars: every number is worked out by hand."""

from dataclasses import replace

import pytest
from support.records import HERE, case, numbers_in, ok, read_cells, trials

from bench.analysis.intervals import Interval
from bench.analysis.summary import summarize
from bench.report.sections.costs import steps

# Seconds of an epoch by program: 48,000 images at batch size 32 are 1,500 steps.
EPOCHS = {
    ("jax", "jax"): (0.15, 0.15, 0.15),
    ("optax", "optax"): (0.3, 0.3, 0.3),
    ("equinox", "equinox"): (0.36, 0.36, 0.12),
    ("flax-nnx", "flax"): (3.0, 3.0, 3.0),
    ("pytorch", "torch"): (0.45, 0.45, 0.45),
    ("pytorch-compiled-step", "torch"): (0.45, 0.75, 0.45),
    ("numpy", "numpy"): (0.1, 0.1, 0.1),
    ("skorch", "skorch"): (1.5, 1.5, 1.5),  # what it stands on was not measured
}


def measured(batch_size=32, factor=1.0, **changes):
    """Return the records of all programs at a batch size, with a factor of their epochs."""
    return [
        record
        for (name, framework), epochs in EPOCHS.items()
        for record in trials(
            case(name, framework=framework, batch_size=batch_size, **changes),
            *[factor * epoch for epoch in epochs],
        )
    ]


@pytest.fixture
def describe(load):
    """Describe the steps of a run of these records."""
    return lambda *of: steps.describe_steps(load(*of, rounds={"sgd": 3, "textbook": 3}))


def cells(table):
    return {line["program"]: line for line in read_cells(table)}


def test_step_is_the_epoch_over_the_number_of_its_batches():
    # 300 us and 3 ms; a roofline of 10.0352 us.
    rows = summarize([ok(case(name), 1, 0.5) for name in "ab"], HERE)
    rows = [replace(row, roofline_seconds=0.0150528) for row in rows]
    slow = replace(rows[1], epoch=Interval(4.5, 3.0, 6.0))
    table = steps.tabulate_steps([rows[0], slow], {}, [32])
    values = {"a step, ms": "0.333", "roofline, ms": "0.0100", "style": "idiomatic"}
    assert cells(table)["a"] == {"program": "a", **values}
    assert table.lines[1][1] == "3.00 [2.00, 4.00]"
    finding = steps.describe_step([rows[0], slow])
    assert finding.endswith(
        "from 330 µs (a) to 3.0 ms (b), measured once; its roofline is 10.0 µs."
    )
    assert steps.describe_step(rows[:1]) == ""


def test_ladders_go_from_a_framework_to_its_layers():
    ladders = steps.list_ladders(summarize(measured(), HERE))
    assert [[rung.row.case.implementation for rung in ladder] for ladder in ladders] == [
        ["numpy"],
        ["jax", "optax", "equinox", "flax-nnx"],
        ["pytorch", "pytorch-compiled-step"],
        ["skorch"],
    ]


def test_file_with_the_name_of_a_program_is_no_layer():
    file = trials(case("optax", framework="optax", file="./optax.py"), 0.3)
    rows = summarize([*file, *trials(case("jax", framework="jax"), 0.1)], HERE)
    assert [len(ladder) for ladder in steps.list_ladders(rows)] == [1, 1]
    assert steps.describe_layers(rows) == ""


def test_sentence_has_a_step_in_each_program_and_says_what_is_not_certain():
    # The interval of equinox is stretched by 1.236 on logarithms; pytorch-compiled-step is in two
    # groups. Their noise hides the difference of optax, too.
    assert steps.describe_layers(summarize(measured(), HERE)) == (
        "On this machine, with 2 threads, a step of 32 images costs 100 µs in jax, "
        "200 µs through optax (not told apart from jax), "
        "240 µs [21, 930] through equinox (not told apart from optax), "
        "2.00 ms through flax-nnx; 300 µs in pytorch, "
        "300 µs or 500 µs through pytorch-compiled-step (not told apart from pytorch)."
    )


def test_sentence_of_single_processes_says_so():
    records = [record for record in measured(device="gpu") if record.round == 1]
    text = steps.describe_layers(summarize(records, HERE))
    assert text.startswith("On this machine's GPU a step of 32 images costs 100 µs in jax, 200 µs")
    assert text.endswith("; some programs were measured once.")
    assert "not told" not in text


def test_two_sizes_predict_the_smallest_and_the_largest(describe):
    others = (*measured(8, 1.7), *measured(384, 0.4), *measured(9600, 0.4))
    (table,) = describe(*measured(), *measured(128, 0.4), *others).tables
    # Predicted are 6,000 steps of 80 + 5 us, and measured were 1.7 times 0.15 s.
    assert cells(table)["jax"]["epoch at batch size 8, × predicted"] == "0.500"
    # 5 steps of 80 + 6,000 us, in 0.4 times 0.15 s.
    assert cells(table)["jax"]["epoch at batch size 9,600, × predicted"] == "1.97"
    assert "epoch at batch size 384, × predicted" not in table.headings


def test_run_with_two_sizes_has_the_ladder(describe):
    section = describe(*measured(), *measured(128, 0.4))
    (table,) = section.tables
    # (0.15 - 0.06) s over 1,500 - 375 steps.
    assert cells(table)["jax"] == {
        "program": "jax",
        "a step, µs": "100 [100, 100]",
        "fixed cost, µs": "80.0 [80.0, 80.0]",
        "cost of images, µs": "20.0 [20.0, 20.0]",
        "n½, images": "128 [128, 128]",
        "style": "idiomatic",
    }
    # 192, 192 and 64 us, whose range is stretched by 1.236 of itself on both sides.
    assert cells(table)["equinox"]["fixed cost, µs"] == ("192 [-94.2, 350], not told apart from 0")
    assert "batch size 32 and one at 128" in table.note
    assert numbers_in(section.text)[:3] == [2, 32, 100]
    assert section.finding.startswith("Half of a step is overhead up to a batch of this many")


def test_sentence_has_what_another_optimizer_certainly_adds(describe):
    # 75, 75 and 75 us of 1,500 steps; pytorch's rounds differ by more than what they add.
    others = [
        *trials(case("jax", framework="jax", workload="textbook"), *[0.2625] * 3),
        *trials(case("pytorch", workload="textbook"), 0.5, 0.4, 0.6),
    ]
    rest = trials(case("sklearn-sgd", framework="scikit-learn", objective="one-vs-rest"), 0.5)
    section = describe(*measured(), *others, *rest)
    # Of one batch size, so without a fixed cost.
    (table,) = section.tables
    assert table.headings == ("program", "a step, µs", "style")
    assert sorted(cells(table)) == sorted(name for name, _ in EPOCHS)
    text = section.text.replace("\\", "")
    added = "RMSprop in place of SGD adds to a step 75.0 µs [75.0, 75.0] in jax."
    assert text.split("\n\n")[1:] == [added]
