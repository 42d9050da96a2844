"""Cron words on the run's own clock: when a source is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FIRST_RETRY_S, LONGEST_RETRY_S = 30, 3600


def check_schedule(words: str | None, zone: str) -> None:
    """Refuse words that are no schedule.

    Raises:
        ValueError: says what was expected.
    """
    from croniter import croniter

    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"zone {zone!r} is not known; expected for example Europe/Vienna or UTC") from None
    if words is not None and (len(words.split()) != 5 or not croniter.is_valid(words)):
        raise ValueError(f"schedule {words!r} is none; expected minute hour day month weekday, for example 5 * * * *")


def next_due(words: str, zone: str, after: datetime) -> datetime:
    """The first instant behind `after` that the words name on the zone's clock, UTC."""
    from croniter import croniter

    found: datetime = croniter(words, after.astimezone(ZoneInfo(zone))).get_next(datetime)
    return found.astimezone(UTC)


def retry_at(failures: int, now: datetime) -> datetime:
    """When to try again after so many failures in a row: 30 s, then twice as long each time, at most an hour."""
    return now + timedelta(seconds=min(FIRST_RETRY_S * 2 ** min(failures - 1, 20), LONGEST_RETRY_S))
