"""What measures on a host: what somebody else's may say of a trial, and what it may not."""

import pytest

from bench.errors import UserError
from bench.records.schema import REPORTED, Record
from bench.runner import executor
from bench.runner.executor import values_of

GOOD = {"status": "ok", "started": "2026-01-02T03:04:05.678+00:00"}


def test_what_a_station_says_is_taken_and_nothing_else():
    said = {**GOOD, "reason": None, "conditions": {}, "epoch_seconds": [0.5], "energy_joules": 1.0}
    others = {"parity": {}, "trial": "r9", "validation_accuracy": [1.0], "stderr_tail": "x", "": 1}
    assert values_of({**others, **said}) == said


def test_all_that_a_station_may_say_is_of_a_record_and_is_its_own():
    told = {*executor._SEEN, *REPORTED}
    judged = {"parity", "validation_accuracy", "validation_loss", "test_accuracy",
              "threads_in_force", "stderr_tail"}  # fmt: skip
    named = {"format", "kind", "run", "trial", "round", "case", "environment", "version",
             "slowdown"}  # fmt: skip
    assert told | judged | named == set(Record.__struct_fields__)
    assert not told & (judged | named)


@pytest.mark.parametrize("status", ["ok", "unavailable", "failed", "timeout", "out-of-memory"])
def test_a_trial_may_end_in_every_way_but_one(status):
    assert values_of({**GOOD, "status": status})["status"] == status


@pytest.mark.parametrize(
    "said",
    [
        {}, {"status": "ok"}, {"started": GOOD["started"]},
        {**GOOD, "status": "interrupted"},  # it would be measured again, for ever
        {**GOOD, "status": None}, {**GOOD, "status": ["ok"]}, {**GOOD, "status": "splendid"},
        {**GOOD, "started": None}, {**GOOD, "started": 5}, {**GOOD, "started": "yesterday"},
        {**GOOD, "started": "0001-01-01T00:00:00"}, {**GOOD, "started": ""},
    ],
)  # fmt: skip
def test_without_an_end_and_a_beginning_nothing_was_said(said):
    with pytest.raises(UserError, match=r"^what it sent of a trial has no status, or no beginning"):
        values_of(said)
