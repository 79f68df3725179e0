"""When something was, as a record tells it: ISO 8601, in UTC where no zone is named."""

from datetime import UTC, datetime

from bench.error import UserError


def now() -> str:
    """Return this moment in UTC, to milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read(text: str) -> datetime:
    """Return the moment in UTC; raises UserError where it is none, or before or after all years."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(f"{text!r:.40} is no time in ISO 8601; measure again") from None
