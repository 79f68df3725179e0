"""Times in records: ISO 8601, in UTC where they name no time zone."""

from datetime import UTC, datetime

from bench.errors import UserError


def format_now() -> str:
    """Return the current time in UTC, to milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def parse_time(text: str) -> datetime:
    """Parse a time into UTC. Raises UserError for text that is no time between years 1 and 9999."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(f"{text!r:.40} is no time in ISO 8601; measure again") from None
