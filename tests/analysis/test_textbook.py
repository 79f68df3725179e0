"""The textbook's quantities stand beside ours."""

import pytest
from support.records import HERE, bare, case

from bench.analysis.textbook import compare_textbook


def keras(figure=None, **changes):
    program = case(
        "textbook-keras", framework="keras", workload="figure", variables={"KERAS_BACKEND": "jax"}
    )
    return bare(program, kind="textbook", **{"status": "ok", "quantities": figure or {}, **changes})


def test_every_published_quantity_has_a_row():
    figure = {"validation_accuracy": 0.8495, "validation_loss": 0.4400}
    accuracy, loss = compare_textbook([keras(figure, program_seconds=12.5)], HERE)
    assert (accuracy.name, accuracy.quantity) == ("textbook-keras", "validation_accuracy")
    assert (accuracy.published, accuracy.measured, accuracy.tolerance) == (0.8463, 0.8495, 0.01)
    assert (accuracy.seconds, accuracy.version) == (12.5, "keras 3.12, jax 0.8")
    assert (loss.published, loss.measured, loss.tolerance) == (0.4530, 0.44, None)
    assert loss.verdict == "differs by 0.0130; depends on the seed, not judged"


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.8364, "differs by 0.0099: within 0.01"),
        (0.8362, "differs by 0.0101: OUTSIDE 0.01"),
        (0.8562, "differs by 0.0099: within 0.01"),
        (0.8600, "differs by 0.0137: OUTSIDE 0.01"),
    ],
)
def test_tolerance_decides(value, verdict):
    accuracy, _ = compare_textbook([keras({"validation_accuracy": value})], HERE)
    assert accuracy.verdict == verdict


def test_failed_program_shows_reason_beside_its_numbers():
    record = keras({"validation_accuracy": 0.85}, status="failed", reason="it printed")
    accuracy, loss = compare_textbook([record], HERE)
    assert accuracy.verdict == "differs by 0.0037: within 0.01; failed: it printed"
    assert (loss.measured, loss.verdict) == (None, "failed: it printed")
    (accuracy, _) = compare_textbook([keras(status="timeout")], HERE)
    assert accuracy.verdict == "timeout: no reason was given"


def test_missing_quantity_is_not_measured():
    (_, loss) = compare_textbook([keras({"validation_accuracy": 0.85})], HERE)
    assert (loss.measured, loss.verdict) == (None, "not measured")


def test_trials_interrupted_and_unknown_programs_have_no_row():
    records = [keras(status="interrupted"), bare(case()), keras(case=case("figure-new"))]
    assert compare_textbook(records, HERE) == []
