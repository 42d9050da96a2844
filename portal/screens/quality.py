"""Data quality: which meters and devices are stale, how many of their readings are good, and how far behind the platform is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.screens.markup import Cell, Figure, Html, figures, mark, note, section, table
from portal.screens.measured import LastReading
from portal.screens.operation import alarm_table, alarms
from portal.screens.page import Parts
from portal.screens.seen import Seen

STALE = timedelta(minutes=30)  # a meter reads every five minutes
_NAMED = 30  # stale meters in a sentence


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh the readings of all meters and devices are.

    A platform that takes readings late would make all of them look silent: each is judged beside the newest reading of all,
    and that one beside the site's time.

    Attributes:
        readings: by meter.
        newest: the newest good reading of all, UTC; None: there is none.
        behind: by how much the newest is older than what could be known.
    """

    readings: tuple[LastReading, ...]
    newest: datetime | None
    behind: timedelta

    @property
    def late(self) -> bool:
        """Whether nobody's readings came for so long that the platform, or what brings them, must be looked at."""
        return self.newest is not None and self.behind > STALE

    def age(self, one: LastReading) -> timedelta:
        """By how much a meter is behind the newest reading of all; `timedelta.max` where it never had a good one."""
        return timedelta.max if one.at is None or self.newest is None else self.newest - one.at

    @property
    def stale(self) -> list[str]:
        """Meters and devices that were not read when others were."""
        return [one.meter for one in self.readings if self.age(one) > STALE]


def freshness(seen: Seen) -> Freshness:
    """Of all meters and devices that are drawn, and others that were read."""
    grid = seen.sources.grid
    expected = () if grid is None else (*grid.drawing.meter_of.values(), *grid.drawing.kind_of)
    found = seen.measured.last(seen.until, expected)
    newest = max((one.at for one in found if one.at is not None), default=None)
    return Freshness(tuple(found), newest, timedelta() if newest is None else max(seen.until - newest, timedelta()))


def late_words(seen: Seen, fresh: Freshness) -> Html:
    """That the platform is behind, where it is."""
    if not fresh.late or fresh.newest is None:
        return Html("")
    return note(
        f"No reading is newer than {seen.local(fresh.newest):%Y-%m-%d %H:%M}: {_minutes(fresh.behind):.0f} min behind the site's "
        "time. Either nothing is read, or the data platform takes readings late (a fast clock, a busy machine); page Alarms "
        "has devices that do not answer."
    )


def stale_words(fresh: Freshness) -> Html:
    """Who is stale, in a sentence."""
    stale = fresh.stale
    more = f" and {len(stale) - _NAMED} more" if len(stale) > _NAMED else ""
    return note(f"Stale meters and devices: {', '.join(stale[:_NAMED]) if stale else 'none'}{more}.")


def _minutes(span: timedelta) -> float:
    return span / timedelta(minutes=1)


def make_quality(seen: Seen) -> Parts:
    """The page."""
    fresh = freshness(seen)
    if not fresh.readings:
        words = "No reading is in the table yet: they are filed a while after the site's start."
        return (section("Data quality", note(words), name="meters"),)
    rows: list[tuple[timedelta, Sequence[Cell]]] = []
    for one in fresh.readings:
        age = fresh.age(one)
        state = (
            mark("stale", "bad")
            if age > STALE
            else mark("fresh", "good")
            if one.good >= 0.99
            else mark("with gaps", "warn")
        )
        at = None if one.at is None else seen.local(one.at)
        behind = None if one.at is None else _minutes(age)
        rows.append((age, (one.meter, seen.title(one.usage_point), at, behind, 100 * one.good, state)))
    rows.sort(key=lambda row: row[0], reverse=True)
    refused = [
        one
        for one in alarms(seen, seen.since)
        if one.what in ("reading refused", "not metered", "meters disagree", "site not metered", "suspended")
    ]
    head = (
        "meter or device",
        "connection",
        "last good reading (local)",
        "behind the newest, min",
        "good in 7 days, %",
        "state",
    )
    return (
        section(
            "Data quality",
            figures(
                Figure("meters and devices", len(rows)),
                Figure("stale", len(fresh.stale), "", "bad" if fresh.stale else "good"),
                Figure("with gaps", sum(1 for one in fresh.readings if one.good < 0.99)),
                Figure("newest reading, behind", _minutes(fresh.behind), "min", "bad" if fresh.late else "good"),
            ),
            late_words(seen, fresh),
            note(
                f"Stale: no good reading for {STALE.seconds // 60} minutes while others had one. They are read every five minutes."
            ),
            table("Meters and devices, the oldest reading first", head, (row for _, row in rows), "None.", seen.rows),
            name="meters",
        ),
        section(
            "Refused and missing", alarm_table(seen, refused, "What was not taken, or not metered"), name="refused"
        ),
    )
