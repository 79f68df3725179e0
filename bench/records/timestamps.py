"""Write and parse the times of records: ISO 8601, in UTC unless they name another time zone."""

from datetime import UTC, datetime

from bench.errors import UserError


def format_now() -> str:
    """Return the current time in UTC, to milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def parse_time(text: str) -> datetime:
    """Parse a time and convert it to UTC. Raises UserError unless it lies in years 1 to 9999."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(f"{text!r:.40} is not a time in ISO 8601. Measure again") from None
