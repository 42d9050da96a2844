"""Bills of an Austrian community's members for a period.

Energy from the community is paid to it at its own price; on it the grid's energy charge is reduced, and in a renewable
community electricity tax and the support of renewables fall away, so that of `taxes` only value-added tax on the reduced charge
is left. The community itself is taken as a small undertaking, whose price holds no value-added tax. Standing charges are left
out, as in all bills of ILES.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cim.model.arrays import Ints
from market.billing.tariff import DayRates
from market.community.austria.allocation import Allocation
from market.community.austria.grid_fees import CommunityKind
from market.community.austria.registers import consumer_registers, producer_registers
from market.community.bill import Account, CommunityBill, MemberTariff, MoneyLine, RegisterLine, Statement
from market.community.money import exact_worth, worth

_PCT = 100


@dataclass(frozen=True, eq=False)
class Terms:
    """What a community has agreed, and what the law of the period gives it.

    Attributes:
        price_e4_per_mwh: what members pay it for energy; `paid_e4_per_mwh`: what it pays them for theirs.
    """

    community: str
    kind: CommunityKind
    currency: str
    price_e4_per_mwh: int
    paid_e4_per_mwh: int


@dataclass(frozen=True, eq=False)
class Member:
    """A member with its two points.

    Attributes:
        consumer, producer: columns of the allocation; None where it has no such point there.
        reduction_pct: [T] of the grid's energy charge.
    """

    name: str
    title: str
    consumer: int | None
    producer: int | None
    tariff: MemberTariff
    reduction_pct: Ints
    notes: tuple[str, ...] = ()


def statement(terms: Terms, allocation: Allocation, members: Sequence[Member], first: date, last: date) -> Statement:
    """All bills of a period, and the community's own account."""
    bills = tuple(member_bill(terms, allocation, member, first, last) for member in members)
    total = allocation.fed_part_wh.sum()
    registers = (
        RegisterLine("", "Consumption of all members", int(allocation.consumed_wh.sum())),
        RegisterLine("", "Generation that takes part", int(total)),
        RegisterLine("", "Used in the community", int(allocation.own_cover_wh.sum())),
        RegisterLine("", "Surplus", int(allocation.surplus_wh.sum())),
    )
    return Statement(
        terms.community, "Austria", first, last, terms.currency, bills, registers, notes=_notes(allocation)
    )


def member_bill(terms: Terms, allocation: Allocation, member: Member, first: date, last: date) -> CommunityBill:
    """One member's bill; lines of nothing are left out."""
    rates = member.tariff.rates
    registers: tuple[RegisterLine, ...] = ()
    lines: list[MoneyLine] = []
    without = 0
    if member.consumer is not None:
        registers += consumer_registers(allocation, member.consumer, terms.kind.renewable)
        taken = allocation.consumed_wh[:, member.consumer]
        lines += _consumption(terms, member, taken, allocation.own_cover_wh[:, member.consumer])
        without += sum(worth(taken, part) for part in _parts(rates))
    if member.producer is not None:
        registers += producer_registers(allocation, member.producer)
        given, used = allocation.produced_wh[:, member.producer], allocation.used_wh[:, member.producer]
        left, sold = given - used, int(used.sum())
        lines += [
            MoneyLine(
                "Feed-in to the buyer of surplus",
                Account.SUPPLIER,
                int(left.sum()),
                -worth(left, rates.feed_in_e4_per_mwh),
            ),
            MoneyLine("Feed-in to the community", Account.COMMUNITY, sold, -_at(used, terms.paid_e4_per_mwh)),
        ]
        without -= worth(given, rates.feed_in_e4_per_mwh)
    kept = tuple(line for line in lines if line.energy_wh or line.amount_e4)
    return CommunityBill(
        member.name, member.title, terms.community, first, last, terms.currency, registers, kept, without, member.notes
    )


def _consumption(terms: Terms, member: Member, taken: Ints, own: Ints) -> list[MoneyLine]:
    rates, rest = member.tariff.rates, taken - own
    bought, shared = int(rest.sum()), int(own.sum())
    reduced = exact_worth(own, rates.network_e4_per_mwh * (_PCT - member.reduction_pct)) / _PCT
    vat = reduced * member.tariff.vat_pct / _PCT
    taxes_on_own = vat if terms.kind.renewable else exact_worth(own, rates.taxes_e4_per_mwh)
    return [
        MoneyLine("Energy from the supplier", Account.SUPPLIER, bought, worth(rest, rates.energy_e4_per_mwh)),
        MoneyLine("Energy from the community", Account.COMMUNITY, shared, _at(own, terms.price_e4_per_mwh)),
        MoneyLine("Grid, for energy from the supplier", Account.GRID, bought, worth(rest, rates.network_e4_per_mwh)),
        MoneyLine("Grid, for energy from the community", Account.GRID, shared, round(reduced)),
        MoneyLine("Taxes, for energy from the supplier", Account.STATE, bought, worth(rest, rates.taxes_e4_per_mwh)),
        MoneyLine("Taxes, for energy from the community", Account.STATE, shared, round(taxes_on_own)),
    ]


def _parts(rates: DayRates) -> tuple[Ints, Ints, Ints]:
    return rates.energy_e4_per_mwh, rates.network_e4_per_mwh, rates.taxes_e4_per_mwh


def _at(energy: Ints, e4_per_mwh: int) -> int:
    return round(exact_worth(energy, energy * 0 + e4_per_mwh))


def _notes(allocation: Allocation) -> tuple[str, ...]:
    worst = int(allocation.quality.max(initial=1))
    late = int((allocation.version > 1).sum())
    found = []
    if worst > 1:
        count = int((allocation.quality > 1).sum())
        found.append(f"{count} quarter-hours rest on substitute or missing values (L2, L3).")
    if late:
        found.append(f"{late} quarter-hours were allocated again after a correction.")
    return tuple(found)
