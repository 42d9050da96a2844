"""What a page is made from: the site at one instant, and who looks at it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay, local_day_of
from cim.platform.access.principals import Role
from cim.platform.publications.base import Publication
from cim.platform.publications.site import SiteDescribed
from cim.platform.publications.trading import PrognosisTaken
from cim.platform.store import Publications, values
from portal.actions import ActionSite
from portal.data import SeeData
from portal.models import Health, Status
from portal.screens.markup import ROWS
from portal.screens.measured import Measured
from portal.sources import PageSources
from portal.views import ViewError

# How far pages look, in days: back from now; and from a day to what is told about it, before it begins and after it is over.
LATELY: Final = 31
AHEAD: Final = timedelta(days=14)
AFTER: Final = timedelta(days=14)
_YEARS: Final = range(1900, 3000)
_ADDRESS = re.compile(r"\b(?:ean\.\d{12,34}|ea1\.\d{4}-\d\d\.[\w.-]+:[\w.-]+)")  # USEF's entity addresses
D = TypeVar("D", bound=Publication)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks.

    Attributes:
        name: of the user, or whose token was shown.
        who: by which the data platform knows it.
        party: whose rows it sees, a market party's domain; None: everybody's.
        csrf: to be sent back with everything that acts; empty for tokens.
    """

    name: str
    who: str
    role: Role
    party: str | None
    csrf: str = ""


@dataclass(frozen=True)
class Seen:
    """A site as a page shows it.

    Attributes:
        query: what stands behind the page's address.
        data: the data platform; None where the portal serves none.
        actions: asks the agents of a living site; None where there is none to ask.
    """

    store: Publications
    health: Health
    sources: PageSources
    measured: Measured
    visitor: Visitor
    query: Mapping[str, str]
    data: SeeData | None = None
    actions: ActionSite | None = None

    @cached_property
    def site(self) -> SiteDescribed:
        """What the site is.

        Raises:
            ViewError: nobody has said yet.
        """
        described = values(self.store, SiteDescribed)
        if not described:
            raise ViewError("the site has not been described yet")
        return described[-1]

    @property
    def now(self) -> datetime:
        """The site's own time, UTC."""
        return self.health.now

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's local time."""
        return ZoneInfo(self.site.timezone)

    @cached_property
    def names(self) -> dict[str, str]:
        """Agents by the domains under which the market knows them."""
        return {party.domain: party.agent for party in self.site.parties}

    def name(self, domain: str) -> str:
        """The agent behind a domain."""
        return self.names.get(domain, domain)

    def title(self, name: str) -> str:
        """A congestion point or connection in words."""
        return name if self.sources.grid is None else self.sources.grid.drawing.titles.get(name, name)

    def titled(self, words: str) -> str:
        """A sentence whose congestion points and connections, which the market knows by an address, are in words."""
        return _ADDRESS.sub(lambda found: self.title(found[0]), words)

    def local(self, at: datetime) -> datetime:
        """An instant in local time."""
        return at.astimezone(self.zone)

    @property
    def rows(self) -> int:
        """How many rows of a table are shown; 0: all."""
        return 0 if self.query.get("rows") == "all" else ROWS

    @cached_property
    def until(self) -> datetime:
        """Up to when there is something to look at, UTC: the site's time; of a finished run the end of its last day."""
        if self.health.status is not Status.FINISHED:
            return self.now
        lately = self.now - timedelta(days=LATELY)  # a run's last day was foretold shortly before its end
        ran = [one.period for one in values(self.store, PrognosisTaken, lately) or values(self.store, PrognosisTaken)]
        days = [LocalDay(day, self.site.timezone, self.site.isp_minutes) for day in ran]
        return max((day.end for day in days if day.end <= self.now), default=self.now)

    @cached_property
    def today(self) -> LocalDay:
        """The local day of the site's time; of a finished run its last one."""
        just_before = self.until - timedelta(microseconds=1) if self.until < self.now else self.now
        return local_day_of(just_before, self.site.timezone, self.site.isp_minutes)

    @cached_property
    def day(self) -> LocalDay:
        """The local day that is asked for, else today.

        Raises:
            BadInput: what is asked for is no date, or of a year in which no site operates.
        """
        asked = self.query.get("day")
        if not asked:
            return self.today
        try:
            day = date.fromisoformat(asked)
        except ValueError:
            raise BadInput(f"day: {asked[:40]!r} is no date; expected YYYY-MM-DD") from None
        if day.year not in _YEARS:  # at the ends of the calendar there is no day before, or after
            raise BadInput(f"day: {day}; expected one of the years {_YEARS[0]} to {_YEARS[-1]}")
        return LocalDay(day, self.site.timezone, self.site.isp_minutes)

    @cached_property
    def since(self) -> datetime | None:
        """From when on a page shows what was told: a month, so that a year of it is not gone through; None: all of it.

        All is shown where that is asked for, and of a site that is no older.
        """
        first = self.until - timedelta(days=LATELY)
        return None if not self.rows or self.site.at >= first else first

    @property
    def yet(self) -> str:
        """Behind a sentence that nothing was told: ` yet`, or that more may be known than the page shows."""
        return " yet" if self.since is None else " in the time shown"

    def of_day(self, family: type[D], day: LocalDay | None = None) -> list[D]:
        """The publications about a local day (`period`; else that shown), in order; a year of others is not gone through.

        They are told at most `AHEAD` before it begins, and while it can still be settled anew.
        """
        about = day or self.day
        told = self.store.told(family, about.start - AHEAD, about.end + AFTER, {"period": about.day})
        return [one.publication for one in told]

    def days(self) -> list[tuple[str, str]]:
        """The days that a page can be asked for, newest first: tomorrow, today, and those since the site began."""
        first = local_day_of(self.site.at, self.site.timezone).day
        over = self.health.status is Status.FINISHED
        words_of = (
            {self.today.day: "last day, "}
            if over
            else {self.today.day: "today, ", self.today.next(1).day: "tomorrow, "}
        )
        shown: list[tuple[str, str]] = []
        day = self.today if over else self.today.next(1)
        while day.day >= first and len(shown) < 400:
            words = words_of.get(day.day, "")
            shown.append((day.key, f"{words}{day.key}"))
            day = day.next(-1)
        return shown

    def starts(self, day: LocalDay | None = None) -> list[datetime]:
        """The local time at which each ISP of a day begins."""
        chosen = day or self.day
        return [self.local(chosen.isp_start(number)) for number in range(1, chosen.count + 1)]
