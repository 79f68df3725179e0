"""Times are parsed into UTC; invalid ones are user errors."""

from datetime import UTC, datetime

import pytest

from bench.errors import UserError
from bench.records import timestamps


@pytest.mark.parametrize(
    "text", ["2025-01-02T03:04:05", "2025-01-02T03:04:05+00:00", "2025-01-02T05:04:05+02:00"]
)
def test_parsed_time_is_in_utc(text):
    assert timestamps.parse_time(text) == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2025-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59-14:00", "\x1b" * 10_000],
)
def test_invalid_time_is_user_error_of_one_line(text):
    with pytest.raises(UserError, match="not a time in ISO 8601") as error:
        timestamps.parse_time(text)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 100
