"""A site's community by Austria's law: its points, factors and terms, and the statement of some days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from cim.model.arrays import Ints
from environment.energy_sharing import austrian_rules, row_on
from environment.sites.community import AustrianCommunity, AustrianMember
from environment.sites.schema import Site
from experiments.community.intervals import Intervals
from experiments.community.metered import MISSING, Metered
from experiments.community.tariffs import austrian_tariff, e4_per_mwh, law_day
from market.community.austria.allocation import Allocation, Key, Measured, allocate
from market.community.austria.billing import Member, Terms, statement
from market.community.austria.grid_fees import CommunityKind, GridLevels, ReductionTable, reduction_pct
from market.community.austria.participation import FactorChange, Participation
from market.community.bill import Statement
from market.community.exact import MILLION


def austrian_account(
    site: Site, community: AustrianCommunity, metered: Metered, earlier: Intervals | None = None
) -> tuple[Statement, Intervals]:
    """Bills of all members for the days that were metered, and what each had in each quarter-hour.

    Args:
        earlier: what was allocated before for the same quarter-hours: those that differ are its next version.

    Raises:
        BadInput: the law's tables do not hold on a day, or a member's connection does not fit the kind of community.
    """
    kind, first, last = CommunityKind(community.kind), metered.days[0].day, metered.days[-1].day
    terms = Terms(
        community.title,
        kind,
        site.currency,
        price_e4_per_mwh=e4_per_mwh(community.price_ct_per_kwh.value),
        paid_e4_per_mwh=e4_per_mwh(community.paid_ct_per_kwh.value),
    )
    tables = reduction_tables()
    members = [
        Member(
            member.prosumer,
            site.prosumer(member.prosumer).title,
            consumer=index,
            producer=index if _feeds_in(site, member) else None,
            tariff=austrian_tariff(site, community, member.prosumer, metered.days),
            reduction_pct=_reductions(tables, community, member, metered),
            notes=tuple(_notes(member, metered)),
        )
        for index, member in enumerate(community.members)
    ]
    begins = tuple(day.isp_start(k) for day in metered.days for k in range(1, day.count + 1))
    names = tuple(member.prosumer for member in community.members)
    intervals = Intervals(begins, names, allocated(community, metered)).after(earlier)
    found = statement(terms, intervals.allocation, members, first, last)
    return with_note(found, round(community.as_in_year.value), first.year), intervals


def allocated(community: AustrianCommunity, metered: Metered) -> Allocation:
    """The members' quarter-hours, shared by the community's key."""
    names = [member.prosumer for member in community.members]
    quality = np.stack([metered.quality[name] for name in names], axis=1)
    there = quality < MISSING  # of a missing value nothing counts
    values = Measured(
        np.stack([metered.taken_wh[name] for name in names], axis=1) * there,
        np.stack([metered.given_wh[name] for name in names], axis=1) * there,
        quality,
        quality,
    )
    factors, shares = factors_of(community, metered), None
    if community.key == "static":
        given = [round(member.share.value * MILLION) for member in community.members if member.share is not None]
        shares = np.array(given, dtype=np.int64)
    return allocate(Key(community.key), values, factors, factors, shares)


def factors_of(community: AustrianCommunity, metered: Metered) -> Ints:
    """[T, n] participation factors, as the distributor would have taken them; they change at midnight alone."""
    year = round(community.as_in_year.value)
    most = row_on(austrian_rules().most_communities, law_day(metered.days[0].day, year), "communities of a point").count
    held = Participation(most_communities=most)
    for member in community.members:
        first = member.from_ or metered.days[0].day
        held = held.with_change(FactorChange(member.prosumer, community.name, round(member.factor_pct.value), first))
        if member.until is not None:
            after = member.until + timedelta(days=1)
            held = held.with_change(FactorChange(member.prosumer, community.name, 0, after))
    rows = [
        [held.factor_pct(member.prosumer, community.name, day.day) for member in community.members]
        for day in metered.days
    ]
    return np.repeat(np.array(rows, dtype=np.int64), [day.count for day in metered.days], axis=0)


def reduction_tables() -> tuple[ReductionTable, ...]:
    """The dated tables of reductions as the market has them."""
    return tuple(
        ReductionTable(
            row.from_,
            row.to,
            {
                (CommunityKind(kind), GridLevels(levels)): pct
                for kind, by_levels in row.pct.items()
                for levels, pct in by_levels.items()
            },
            row.source,
        )
        for row in austrian_rules().grid_fee_reductions
    )


def with_note(found: Statement, year: int, profile_year: int) -> Statement:
    """A statement that says by which year's law it was made, where that is not the year of its days."""
    if year == profile_year:
        return found
    note = f"The days are those of the profile year {profile_year}, billed by the law's tables of {year}."
    return Statement(
        found.community,
        found.law,
        found.first,
        found.last,
        found.currency,
        found.bills,
        found.registers,
        found.income,
        (*found.notes, note),
    )


def _feeds_in(site: Site, member: AustrianMember) -> bool:
    """Whether there is anything behind the connection that can feed in; else it has no such metering point."""
    return any(device.capability.generation_w > 0 for device in site.prosumer(member.prosumer).devices)


def _reductions(
    tables: tuple[ReductionTable, ...], community: AustrianCommunity, member: AustrianMember, metered: Metered
) -> Ints:
    year, kind, levels = round(community.as_in_year.value), CommunityKind(community.kind), GridLevels(member.levels)
    by_day = [reduction_pct(tables, law_day(day.day, year), kind, levels) for day in metered.days]
    return np.repeat(np.array(by_day, dtype=np.int64), [day.count for day in metered.days])


def _notes(member: AustrianMember, metered: Metered) -> Iterator[str]:
    first, last = metered.days[0].day, metered.days[-1].day
    if member.from_ is not None and member.from_ > first:
        yield f"Member from {member.from_}; before that all energy is the supplier's."
    if member.until is not None and member.until < last:
        yield f"Member until {member.until}; after that all energy is the supplier's."
    if member.factor_pct.value < 100:
        yield f"Takes part by a factor of {round(member.factor_pct.value)} %."
