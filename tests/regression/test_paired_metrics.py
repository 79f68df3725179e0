"""What a trial says of a version: each quantity from a record, by hand."""

import math

import pytest
from support.records import bare, case, ok

from bench.regression.paired.metrics import EPOCH, ON_REQUEST, QUANTITIES, log_ratio

BY_NAME = {each.name: each for each in QUANTITIES}
RECORD = ok(case(), epoch_seconds=[0.4, 0.2, 0.3, 0.8, 0.6])


# The 90th percentile of five lies at 0.9 * 4 = 3.6 of their gaps: 0.6 + 0.6 * (0.8 - 0.6).
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch", 0.2),
        ("median epoch", 0.4),
        ("90 % epoch", 0.72),
        ("first-epoch", 3.0),
        ("set-up", 0.25),
        ("import", 2.0),
        ("memory", 512 * 2**20),
    ],
)
def test_a_quantity_is_read_from_its_record(name, value):
    assert BY_NAME[name].value(RECORD) == pytest.approx(value)


def test_all_quantities_are_named_once_and_the_epoch_comes_first():
    assert list(BY_NAME) == [
        "epoch",
        "median epoch",
        "90 % epoch",
        "first-epoch",
        "set-up",
        "import",
        "memory",
    ]
    assert QUANTITIES[0] is EPOCH


def test_the_epoch_is_always_judged_and_what_is_beside_it_on_request_or_never():
    assert [each.name for each in QUANTITIES if each.gated == "always"] == ["epoch"]
    assert ON_REQUEST == ("first-epoch", "set-up", "import", "memory")
    shown = {each.name for each in QUANTITIES if each.gated == "never"}
    assert shown == {"median epoch", "90 % epoch"}


def test_only_memory_is_in_bytes():
    assert {each.name for each in QUANTITIES if each.unit == "bytes"} == {"memory"}
    assert {each.unit for each in QUANTITIES} == {"seconds", "bytes"}


def test_one_epoch_is_its_own_percentile():
    assert BY_NAME["90 % epoch"].value(ok(case(), epoch_seconds=[0.3])) == pytest.approx(0.3)


def test_a_ratio_is_the_candidates_over_the_bases():
    slow = ok(case(), epoch_seconds=[0.9, 0.4, 0.5, 0.5, 0.5])
    assert log_ratio(EPOCH, RECORD, slow) == pytest.approx(math.log(2))
    assert log_ratio(EPOCH, slow, RECORD) == pytest.approx(-math.log(2))
    assert log_ratio(EPOCH, slow, slow) == 0.0


@pytest.mark.parametrize("lacking", [None, 0.0])
def test_what_one_side_lacks_has_no_ratio(lacking):
    setup, without = BY_NAME["set-up"], ok(case(), setup_seconds=lacking)
    assert log_ratio(setup, RECORD, without) is None
    assert log_ratio(setup, without, RECORD) is None
    assert log_ratio(setup, without, without) is None


def test_memory_may_be_lacking():
    assert BY_NAME["memory"].value(bare(case())) is None
