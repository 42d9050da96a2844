"""Bills of a Spanish community's members for a billing period of at most a month.

Tolls and taxes are added after compensation: the grid's charge and taxes are those of what was bought (RED). What the grid asks
for self-consumption over the public grid is not known here and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.community.bill import Account, CommunityBill, MemberTariff, MoneyLine, RegisterLine, Statement
from market.community.money import worth
from market.community.spain.compensation import Modality, check_period, compensate
from market.community.spain.sharing import Shared


@dataclass(frozen=True, eq=False)
class Terms:
    """What a community has agreed.

    Attributes:
        price_e4_per_mwh: what members pay it for their own use of its plant; 0 where they own it.
        surplus_e4_per_mwh: [H] what surplus is compensated at, or what the plant is paid for it at the market.
    """

    community: str
    currency: str
    modality: Modality
    price_e4_per_mwh: int
    surplus_e4_per_mwh: Ints


@dataclass(frozen=True, eq=False)
class Member:
    """A member: its column in what is shared, and its tariff by hour."""

    name: str
    title: str
    column: int
    tariff: MemberTariff
    notes: tuple[str, ...] = ()


def statement(terms: Terms, shared: Shared, members: Sequence[Member], first: date, last: date) -> Statement:
    """All bills of a period, and what the community sells itself.

    Raises:
        BadInput: a period longer than a month, or as many prices as hours are missing.
    """
    check_period(first, last)
    if len(terms.surplus_e4_per_mwh) != len(shared.generated_wh):
        raise BadInput(
            f"surplus_e4_per_mwh: {len(terms.surplus_e4_per_mwh)} hours; expected {len(shared.generated_wh)}"
        )
    bills = tuple(member_bill(terms, shared, member, first, last) for member in members)
    unclaimed, surplus = shared.unclaimed_wh, shared.surplus_wh.sum(axis=1)
    registers = (
        RegisterLine("ENG", "Generation of the plant", int(shared.generated_wh.sum())),
        RegisterLine("EC", "Consumption of all members", int(shared.consumed_wh.sum())),
        RegisterLine("AUTO", "Used by members", int(shared.own_wh.sum())),
        RegisterLine("EXC", "Surplus of members", int(surplus.sum())),
        RegisterLine("", "Allotted to those who have left", int(unclaimed.sum())),
    )
    # Nobody's surplus is the plant's: it is sold, whatever members' surplus is treated as.
    sold = np.asarray(unclaimed + (surplus if terms.modality is Modality.SALE else 0), dtype=np.int64)
    income = (
        MoneyLine(
            "Surplus sold at the market", Account.SUPPLIER, int(sold.sum()), -worth(sold, terms.surplus_e4_per_mwh)
        ),
    )
    return Statement(
        terms.community, "Spain", first, last, terms.currency, bills, registers, income if sold.any() else ()
    )


def member_bill(terms: Terms, shared: Shared, member: Member, first: date, last: date) -> CommunityBill:
    """One member's bill; lines of nothing are left out."""
    rates, k = member.tariff.rates, member.column
    consumed, own = shared.consumed_wh[:, k], shared.own_wh[:, k]
    bought, surplus = shared.from_grid_wh[:, k], shared.surplus_wh[:, k]
    notes = list(member.notes)
    lines = [
        MoneyLine(
            "Energy from the supplier", Account.SUPPLIER, int(bought.sum()), worth(bought, rates.energy_e4_per_mwh)
        ),
        MoneyLine(
            "Energy from the community", Account.COMMUNITY, int(own.sum()), worth(own, own * 0 + terms.price_e4_per_mwh)
        ),
        MoneyLine("Grid", Account.GRID, int(bought.sum()), worth(bought, rates.network_e4_per_mwh)),
        MoneyLine("Taxes", Account.STATE, int(bought.sum()), worth(bought, rates.taxes_e4_per_mwh)),
    ]
    if terms.modality is Modality.COMPENSATION:
        found = compensate(bought, surplus, rates.energy_e4_per_mwh, terms.surplus_e4_per_mwh)
        lines.insert(1, MoneyLine("Surplus compensated", Account.SUPPLIER, int(surplus.sum()), -found.applied_e4))
        if found.lost_e4:
            notes.append(
                f"The surplus is worth {found.lost_e4 / 10_000:.4f} {terms.currency} more than the energy bought in this period; "
                "that is lost, nothing is carried over."
            )
    return CommunityBill(
        member.name,
        member.title,
        terms.community,
        first,
        last,
        terms.currency,
        (
            RegisterLine("EC", "Consumption by the meter", int(consumed.sum())),
            RegisterLine("ENG", "Your part of the plant's generation", int(own.sum() + surplus.sum())),
            RegisterLine("AUTO", "Used by yourself", int(own.sum())),
            RegisterLine("RED", "Bought from the grid", int(bought.sum())),
            RegisterLine("EXC", "Your surplus", int(surplus.sum())),
        ),
        tuple(line for line in lines if line.energy_wh or line.amount_e4),
        sum(
            worth(consumed, part)
            for part in (rates.energy_e4_per_mwh, rates.network_e4_per_mwh, rates.taxes_e4_per_mwh)
        ),
        tuple(notes),
    )
