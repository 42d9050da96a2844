"""Interruptions of supply and their indices (IEEE 1366), from what the DSO declared or reported: SAIDI, SAIFI, CAIDI, MAIFI."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cim.platform.publications.grid import SupplyInterrupted, SupplyRestored
from cim.platform.store import values
from portal.screens.markup import Figure, figures, mark, note, section, table
from portal.screens.page import Parts
from portal.screens.seen import Seen

MOMENTARY = timedelta(minutes=5)  # IEEE 1366: what is longer is sustained, and counts for SAIDI and SAIFI


@dataclass(frozen=True, slots=True)
class Interruption:
    """Customers without supply; `end` None: they still are."""

    told: SupplyInterrupted
    end: datetime | None

    def lasted(self, now: datetime) -> timedelta:
        """So far."""
        return max((self.end or now) - self.told.at, timedelta())


@dataclass(frozen=True, slots=True)
class Indices:
    """Of some interruptions among all customers.

    Attributes:
        saidi_min: minutes without supply per customer; saifi, maifi: sustained and momentary interruptions per customer.
        caidi_min: minutes per interrupted customer; None where nobody was.
    """

    saidi_min: float
    saifi: float
    maifi: float
    caidi_min: float | None


def interruptions(began: Iterable[SupplyInterrupted], ended: Iterable[SupplyRestored]) -> list[Interruption]:
    """Each with its end, oldest first."""
    ends = {one.works: one.at for one in ended}
    return [Interruption(one, ends.get(one.works)) for one in sorted(began, key=lambda one: one.at)]


def indices(found: Iterable[Interruption], customers: int, now: datetime) -> Indices:
    """By IEEE 1366; one that goes on counts as long as it has lasted.

    Args:
        customers: all that are served, at least one.
    """
    minutes, sustained, momentary = 0.0, 0, 0
    for one in found:
        lasted, hit = one.lasted(now), len(one.told.usage_points)
        if lasted > MOMENTARY:
            minutes, sustained = minutes + hit * lasted / timedelta(minutes=1), sustained + hit
        elif one.end is not None:
            momentary += hit
    caidi = minutes / sustained if sustained else None
    return Indices(minutes / customers, sustained / customers, momentary / customers, caidi)


def make(seen: Seen) -> Parts:
    """The page."""
    grid = seen.sources.grid
    customers = 0 if grid is None else len(grid.drawing.node_of)
    if not customers:
        words = seen.sources.missing.get("grid", "How many customers there are is not known here.")
        return (section("Interruptions of supply", note(words), name="supply"),)
    found = interruptions(values(seen.store, SupplyInterrupted), values(seen.store, SupplyRestored))
    all_, unplanned = (
        indices(found, customers, seen.until),
        indices([one for one in found if not one.told.planned], customers, seen.until),
    )
    days = max((seen.until - seen.site.at) / timedelta(days=1), 0.0)
    off = {point for one in found if one.end is None for point in one.told.usage_points}
    rows = (
        (
            seen.local(one.told.at),
            mark("goes on", "bad") if one.end is None else seen.local(one.end),
            one.lasted(seen.until) / timedelta(minutes=1),
            len(one.told.usage_points),
            seen.title(one.told.congestion_point),
            "planned" if one.told.planned else "fault",
            one.told.words,
        )
        for one in reversed(found)
    )
    head = ("from (local)", "to (local)", "min", "customers", "point", "kind", "cause")
    return (
        section(
            "Interruptions of supply",
            figures(
                Figure("without supply now", len(off), "customers", "bad" if off else "good"),
                Figure("SAIDI", all_.saidi_min, "min per customer"),
                Figure("SAIFI", f"{all_.saifi:.2f}", "interruptions per customer"),
                Figure("CAIDI", all_.caidi_min, "min per interruption"),
                Figure("MAIFI", f"{all_.maifi:.2f}", "momentary per customer"),
                Figure("SAIDI, faults alone", unplanned.saidi_min, "min per customer"),
                Figure("customers", customers),
                Figure("counted for", days, "days"),
            ),
            note(
                "Counted is what the DSO declared as works without supply, or reported as a fault (page Works), by IEEE 1366: "
                "up to five minutes is momentary. A meter or link that falls silent is no interruption, and stands with the data "
                "quality; a limit of feed-in, to zero too, is none either, and stands with the congestion points."
            ),
            table(
                "Interruptions, newest first", head, rows, f"None since {seen.local(seen.site.at):%Y-%m-%d}.", seen.rows
            ),
            name="supply",
        ),
    )
