"""A site's community by Spain's law: its plants, hours, coefficients and terms, and the statement of some days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from cim.model.arrays import Ints, Mask
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.model.like_date import like_date
from environment.energy_sharing import row_on, spanish_rules
from environment.sites.community import SpanishCommunity, SpanishMember
from environment.sites.schema import Site
from environment.sites.shared_plants import installed_w
from experiments.community.austrian import with_note
from experiments.community.metered import Metered
from experiments.community.tariffs import day_ahead_by_hour, e4_per_mwh, law_day, rates_of
from market.community.bill import MemberTariff, Statement
from market.community.exact import MILLION
from market.community.spain.billing import Member, Terms, statement
from market.community.spain.coefficients import (
    Agreement,
    Agreements,
    CoefficientMode,
    check_mode,
    default_coefficients,
)
from market.community.spain.compensation import Modality, check_modality
from market.community.spain.distributor_file import read
from market.community.spain.sharing import Shared, share


def spanish_statement(
    site: Site, community: SpanishCommunity, metered: Metered, coefficients: Path | None = None
) -> Statement:
    """Bills of all members for the days that were metered, at most a month.

    Args:
        coefficients: the distributor's file, where the mode is `hourly_ex_ante`.

    Raises:
        BadInput: what the law does not allow on the first day, or coefficients that are missing or of others.
    """
    check_law(site, community, metered.days)
    first, last, year = metered.days[0].day, metered.days[-1].day, round(community.as_in_year.value)
    agreement = agreement_of(community, year, coefficients)
    shared = shared_hours(site, community, metered, agreement)
    terms = Terms(
        community.title,
        site.currency,
        Modality(community.modality),
        e4_per_mwh(community.price_ct_per_kwh.value),
        surplus_prices(site, community, metered.days),
    )
    every = 60 // site.isp_minutes
    members = [
        Member(
            member.prosumer,
            site.prosumer(member.prosumer).title,
            index,
            MemberTariff(rates_of(site, member.prosumer, metered.days, every)),
            tuple(_notes(member, metered)),
        )
        for index, member in enumerate(community.members)
    ]
    return with_note(statement(terms, shared, members, first, last), year, first.year)


def check_law(site: Site, community: SpanishCommunity, days: Sequence[LocalDay]) -> None:
    """Whether modality and mode are allowed on the first of some days.

    Raises:
        BadInput: one is not.
    """
    rules, day = spanish_rules(), law_day(days[0].day, round(community.as_in_year.value))
    limits = row_on(rules.limits, day, "limits of self-consumption")
    check_mode(CoefficientMode(community.coefficient_mode), day, rules.ex_post_coefficients.lawful_from)
    check_modality(Modality(community.modality), installed_w(site, community), limits.compensation_up_to_w)


def agreement_of(community: SpanishCommunity, year: int, coefficients: Path | None) -> Agreement:
    """What the members have agreed: the distributor's file, coefficients of the site file, or what goes by contracted power.

    Raises:
        BadInput: no file where coefficients are hourly, one where they are fixed, or a file of another plant, year or members.
    """
    from_day, names = date(year, 1, 1), tuple(member.prosumer for member in community.members)
    if CoefficientMode(community.coefficient_mode) is CoefficientMode.HOURLY_EX_ANTE:
        return Agreement(from_day, names, _of_file(community, year, coefficients))
    if coefficients is not None:
        raise BadInput(f"coefficients: {coefficients} given, but coefficient_mode is fixed; expected hourly_ex_ante")
    return Agreement(from_day, names, fixed_coefficients(community)[None, :])


def fixed_coefficients(community: SpanishCommunity) -> Ints:
    """[n] millionths: as agreed, else by contracted power."""
    given = [round(m.coefficient.value * MILLION) for m in community.members if m.coefficient is not None]
    default = default_coefficients([round(member.contracted_w.value) for member in community.members])
    return np.array(given or default, dtype=np.int64)


def _of_file(community: SpanishCommunity, year: int, path: Path | None) -> Ints:
    if path is None or not path.is_file():
        raise BadInput(
            f"coefficients: {path or 'no file'}; expected the distributor's file, which `iles community coefficients` writes"
        )
    found = read(path.name, path.read_bytes())
    if (found.cau, found.year) != (community.cau, year):
        raise BadInput(f"{path.name}: of {found.cau} in {found.year}; expected {community.cau} in {year}")
    columns = {code: column for column, code in enumerate(found.cups)}
    wanted = [member.cups for member in community.members]
    if set(columns) != set(wanted):
        raise BadInput(f"{path.name}: supply points {', '.join(columns)}; expected those of the members (`cups`)")
    return found.e6[:, [columns[code] for code in wanted if code is not None]]


def surplus_prices(site: Site, community: SpanishCommunity, days: Sequence[LocalDay]) -> Ints:
    """[H] what a MWh of surplus is worth."""
    fixed = np.full(
        sum(day.count for day in days) * site.isp_minutes // 60, e4_per_mwh(community.surplus_ct_per_kwh.value)
    )
    return fixed + day_ahead_by_hour(site, days) if community.surplus_by == "day_ahead" else fixed


def shared_hours(site: Site, community: SpanishCommunity, metered: Metered, agreement: Agreement) -> Shared:
    """The days' hours, shared: the plants' net feed-in of each hour, what members took from the grid, by coefficients.

    Hours are those that passed: 23 or 25 on days on which the clocks change. Of hourly coefficients those of the agreement's
    day of the same weekday and nearest date are taken, hour of the clock by hour of the clock.
    """
    generated = net_feed_in_wh(site, community, metered)
    consumed = np.stack([by_hour(site, metered.taken_wh[member.prosumer]) for member in community.members], axis=1)
    e6 = coefficients_of(agreement, metered.days)
    if community.agreements:
        held, hours = agreements_of(community, agreement, metered.days[0]), 60 // site.isp_minutes
        e6 = np.concatenate([np.repeat(held.on(day.day).e6, day.count // hours, axis=0) for day in metered.days])
    return share(generated, consumed, e6, membership(site, community, metered))


def agreements_of(community: SpanishCommunity, first: Agreement, day: LocalDay) -> Agreements:
    """The first agreement, from the begin of the profile's year, and the later ones.

    Raises:
        BadInput: one comes sooner after another than the law allows.
    """
    limits = row_on(spanish_rules().limits, law_day(day.day, round(community.as_in_year.value)), "limits")
    held = Agreements().with_agreement(
        Agreement(date(day.day.year, 1, 1), first.members, first.e6), limits.months_between_agreements
    )
    for later in community.agreements:
        shares = {name: round(share.value * MILLION) for name, share in later.coefficients.items()}
        e6 = np.array([[shares.get(name, 0) for name in first.members]], dtype=np.int64)
        held = held.with_agreement(Agreement(later.from_, first.members, e6), limits.months_between_agreements)
    return held


def coefficients_of(agreement: Agreement, days: Sequence[LocalDay]) -> Ints:
    """[H, n] of the days' hours."""
    year, parts = agreement.from_day.year, []
    for day in days:
        there = LocalDay(like_date(day.day, date(year, 1, 1), date(year, 12, 31), "coefficients"), day.timezone)
        rows = agreement.of_hours(there.start, len(_clock(there)), day.timezone)
        if there.day == day.day:
            parts.append(rows)
            continue
        clock = _clock(there)
        parts.append(rows[[clock.index(hour) if hour in clock else clock.index(hour - 1) for hour in _clock(day)]])
    return np.concatenate(parts)


def _clock(day: LocalDay) -> list[int]:
    """Which hour of the clock each hour of a local day is; 23, 24 or 25 of them."""
    zone = ZoneInfo(day.timezone)
    return [(day.start + timedelta(hours=k)).astimezone(zone).hour for k in range(day.count * day.isp_minutes // 60)]


def membership(site: Site, community: SpanishCommunity, metered: Metered) -> Mask:
    """[H, n] whether each is a member."""
    rows = [[member.on(day.day) for member in community.members] for day in metered.days]
    return np.repeat(
        np.array(rows, dtype=np.bool_), [day.count * site.isp_minutes // 60 for day in metered.days], axis=0
    )


def net_feed_in_wh(site: Site, community: SpanishCommunity, metered: Metered) -> Ints:
    """[H] ENG: what the plants give less what they take, never below 0 in an hour."""
    net = sum((by_hour(site, metered.given_wh[p] - metered.taken_wh[p]) for p in community.plants), start=np.int64(0))
    return np.maximum(np.asarray(net, dtype=np.int64), 0)


def by_hour(site: Site, energy_wh: Ints) -> Ints:
    """[H] energies of ISPs, summed by hour."""
    return np.asarray(energy_wh.reshape(-1, 60 // site.isp_minutes).sum(axis=1), dtype=np.int64)


def _notes(member: SpanishMember, metered: Metered) -> Iterator[str]:
    first, last = metered.days[0].day, metered.days[-1].day
    if member.from_ is not None and member.from_ > first:
        yield f"Member from {member.from_}; this bill is for the days from then on."
    if member.until is not None and member.until < last:
        yield f"Member until {member.until}; this bill is for the days until then."
    missing = int((metered.quality[member.prosumer] > 1).sum())
    if missing:
        yield f"{missing} intervals rest on substitute or missing values."
