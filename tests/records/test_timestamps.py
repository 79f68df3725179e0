"""Moments are read in UTC; what is none is an error that a user can understand."""

from datetime import UTC, datetime

import pytest

from bench.errors import UserError
from bench.records import timestamps


@pytest.mark.parametrize(
    "text", ["2025-01-02T03:04:05", "2025-01-02T03:04:05+00:00", "2025-01-02T05:04:05+02:00"]
)
def test_a_moment_is_in_utc_whatever_zone_it_is_told_in(text):
    assert timestamps.parse_time(text) == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2025-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59-14:00"]
)
def test_what_is_no_moment_is_refused_in_one_line(text):
    with pytest.raises(UserError, match="no time in ISO 8601; measure again") as error:
        timestamps.parse_time(text)
    assert len(str(error.value).splitlines()) == 1


def test_a_text_without_end_is_not_shown_to_its_end():
    with pytest.raises(UserError) as error:
        timestamps.parse_time("\x1b" * 10_000)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 100
