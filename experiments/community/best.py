"""`iles community coefficients`: the best hourly coefficients of a Spanish community, and what they are worth when judged.

Coefficients are agreed before the year, so they go by what is known then: four months at a time, working day or not, hour of the
clock. They are made from the odd weeks of the profile year and judged on the even ones, which they have not seen; those that are
written are made from all weeks. By what is expected no member is worse in any month; what comes may differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from cim.model.arrays import Ints, Mask
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.profiles.library import load
from environment.sites.community import SpanishCommunity
from environment.sites.schema import Site
from experiments.community.metered import Metered, lived
from experiments.community.solver import solved
from experiments.community.spanish import by_hour, net_feed_in_wh, surplus_prices
from experiments.community.tariffs import e4_per_mwh, rates_of
from market.community.spain.best_coefficients import Expected, best_coefficients
from market.community.spain.compensation import Modality
from market.community.spain.distributor_file import HOURS, CoefficientFile, coefficient_file
from market.community.spain.sharing import most_own_wh, share

_HOURS, _SATURDAY, _MONTHS, _SEASONS = (
    24,
    5,
    4,
    3,
)  # by single months two weeks' habits are learned by heart: see docs/decisions.md
_KINDS = _SEASONS * 2 * _HOURS


@dataclass(frozen=True, eq=False)
class YearOfHours:
    """The whole days of a profile year, hour by hour.

    Attributes:
        expected: all of it; `group` is the kind of hour: season, working day or not, hour of the clock.
        odd: [H] whether the hour lies in an odd week.
        month: [H] 1 to 12.
    """

    expected: Expected
    odd: Mask
    month: Ints


@dataclass(frozen=True, slots=True)
class Judged:
    """What a way to share brings in some hours.

    Attributes:
        own_wh: used by members themselves.
        saved_e4: what that and surplus are worth to members together, before any cap.
        worst_e4: the least that a member has more than by fixed coefficients; below 0: somebody has less.
    """

    way: str
    own_wh: int
    saved_e4: int
    worst_e4: int


def year_of(site: Site, community: SpanishCommunity, seed: int) -> YearOfHours:
    """A site's profile year by local rules (seconds to a minute), as hours with what own use saves."""
    days = whole_days(site)
    metered = lived(site, days, seed)
    zone = ZoneInfo(site.timezone)
    begins = [(day.start + timedelta(hours=k)).astimezone(zone) for day in days for k in range(_hours(day))]
    return YearOfHours(
        expected_of(site, community, metered, np.array([kind_of_hour(at.date(), at.hour) for at in begins])),
        np.array([at.isocalendar().week % 2 == 1 for at in begins]),
        np.array([at.month for at in begins]),
    )


def expected_of(site: Site, community: SpanishCommunity, metered: Metered, group: Ints) -> Expected:
    """Hours with what own use saves a member (all that a kWh from the grid costs, less the community's price)."""
    every = 60 // site.isp_minutes
    buy = []
    for member in community.members:
        rates = rates_of(site, member.prosumer, metered.days, every)
        parts = rates.energy_e4_per_mwh + rates.network_e4_per_mwh + rates.taxes_e4_per_mwh
        buy.append(parts - e4_per_mwh(community.price_ct_per_kwh.value))
    prices = surplus_prices(site, community, metered.days)
    compensated = Modality(community.modality) is Modality.COMPENSATION
    return Expected(
        net_feed_in_wh(site, community, metered),
        np.stack([by_hour(site, metered.taken_wh[member.prosumer]) for member in community.members], axis=1),
        np.stack(buy, axis=1),
        prices if compensated else np.zeros_like(prices),  # what the community sells is nobody's own
        group,
        np.zeros_like(prices),
    )


def whole_days(site: Site) -> tuple[LocalDay, ...]:
    """All local days that lie within the profiles, at most a year of them."""
    profiles = load(site.profiles)
    day = LocalDay(profiles.first.astimezone(ZoneInfo(site.timezone)).date(), site.timezone, site.isp_minutes)
    if day.start < profiles.first:
        day = day.next()
    found = []
    while day.end <= profiles.last:
        found.append(day)
        day = day.next()
    return tuple(found)


def kind_of_hour(day: date, hour: int) -> int:
    """Four months, working day or not, hour of the clock, as a number from 0 to 143."""
    return ((day.month - 1) // _MONTHS * 2 + (day.weekday() >= _SATURDAY)) * _HOURS + hour


def coefficients_by_kind(
    year: YearOfHours, fixed_e6: Ints, among: Mask, heard: Callable[[int], None] = lambda _: None
) -> Ints:
    """[144, n] the best coefficients of each kind of hour, from the hours that count; fixed ones where there is no generation.

    Args:
        heard: called with each season (1 to 3) before it is solved.
    """
    found = np.tile(fixed_e6, (_KINDS, 1))
    for season in range(_SEASONS):
        there = among & ((year.month - 1) // _MONTHS == season) & (year.expected.generated_wh > 0)
        if not there.any():
            continue
        heard(season + 1)
        kinds, group = np.unique(year.expected.group[there], return_inverse=True)
        found[kinds] = best_coefficients(_some(year, there, group), fixed_e6, solved)
    return found


def judged(year: YearOfHours, fixed_e6: Ints, ways: dict[str, Ints], among: Mask) -> list[Judged]:
    """What each way to share ([144, n] coefficients) brings in the hours that count, and the bound after the fact."""
    hours = _some(year, among, year.expected.group[among])
    before = _saved_e4(hours, np.tile(fixed_e6, (len(hours.group), 1)))
    found = []
    for way, by_kind in ways.items():
        saved = _saved_e4(hours, by_kind[hours.group])
        own = share(hours.generated_wh, hours.consumed_wh, by_kind[hours.group]).own_wh
        found.append(Judged(way, int(own.sum()), round(saved.sum()), round((saved - before).min())))
    return found


def most_own_use_wh(year: YearOfHours, among: Mask) -> int:
    """What members could use themselves if it were shared after the fact."""
    hours = _some(year, among, year.expected.group[among])
    return int(most_own_wh(hours.generated_wh, hours.consumed_wh).sum())


def file_of(community: SpanishCommunity, timezone: str, by_kind: Ints) -> CoefficientFile:
    """The distributor's file for the community's year.

    Raises:
        BadInput: a code is missing or wrong, or the year is a leap year.
    """
    codes = [member.cups or "" for member in community.members]
    year = round(community.as_in_year.value)
    first, zone = LocalDay(date(year, 1, 1), timezone).start, ZoneInfo(timezone)
    begins = ((first + timedelta(hours=k)).astimezone(zone) for k in range(HOURS))
    rows = by_kind[[kind_of_hour(at.date(), at.hour) for at in begins]]
    return coefficient_file(community.cau or "", year, codes, rows)


def spanish_community(site: Site) -> SpanishCommunity:
    """The site's community under Spain's law.

    Raises:
        BadInput: it has none.
    """
    if not isinstance(site.community, SpanishCommunity):
        law = "none" if site.community is None else site.community.law
        raise BadInput(f"site {site.name}: community by law {law}; expected ES, whose coefficients are agreed before")
    return site.community


def _some(year: YearOfHours, which: Mask, group: Ints) -> Expected:
    expected, months = year.expected, year.month[which]
    return Expected(
        expected.generated_wh[which],
        expected.consumed_wh[which],
        expected.buy_e4_per_mwh[which],
        expected.surplus_e4_per_mwh[which],
        np.asarray(group, dtype=np.int64),
        np.asarray(np.unique(months, return_inverse=True)[1], dtype=np.int64),
    )


def _saved_e4(hours: Expected, e6: Ints) -> Ints:
    """[n] whole ten-thousandths."""
    shared = share(hours.generated_wh, hours.consumed_wh, e6)
    own = (shared.own_wh * hours.buy_e4_per_mwh).sum(axis=0)
    return np.asarray((own + (shared.surplus_wh * hours.surplus_e4_per_mwh[:, None]).sum(axis=0)) // 1_000_000)


def _hours(day: LocalDay) -> int:
    return day.count * day.isp_minutes // 60
