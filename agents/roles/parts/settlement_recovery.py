"""Settlements after everything of a party was lost: what the ledger shows as done is not done again, the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from agents.roles.desk_role import DeskRole
from agents.roles.effects import Effect, Send
from agents.roles.parts.contract_negotiation import ContractingDesk
from agents.roles.parts.recovery import LedgerHistory, Owed
from agents.roles.parts.settlement import payment_effects
from market.uftp import FlexSettlement


def note_settled(
    buyer: DeskRole[Any], owed: Mapping[tuple[str, str], Owed], sellers: Iterable[str], needed: Collection[str]
) -> None:
    """Who was settled is not settled again: a period is settled if all `needed` sellers are, else some were told.

    The state holds `settled` (periods) and `told` (period -> sellers).
    """
    state, domains = buyer.state, buyer.rules.domains
    by_period: dict[str, set[str]] = {}
    for period, seller in owed:
        by_period.setdefault(period, set()).add(seller)
    for period, settled in by_period.items():
        told = tuple(name for name in sellers if domains[name] in settled)
        if set(needed) <= set(told):
            state.settled = (*state.settled, period)
        else:
            state.told[period] = told


def tell_or_pay(buyer: ContractingDesk[Any], owed: Mapping[tuple[str, str], Owed], now: datetime) -> list[Effect]:
    """Sellers that have not answered are told again; those that have, are paid.

    The state holds `settlements` (message id -> not answered yet) and `contracts` (seller -> contracts).
    """
    state, effects = buyer.state, list[Effect]()
    for (_, seller), one in owed.items():
        name = buyer.rules.name_of(seller)
        if name is None or one.paid:
            continue
        if one.response is None:
            state.settlements[one.settlement.header.message_id] = one.settlement
            effects.append(Send(name, one.settlement))
            continue
        contracts = state.contracts.get(name, ())
        effects += payment_effects(buyer.me, buyer.ledger, one.settlement, one.response, contracts, seller, now)
    return effects


def answer_owed(
    seller: DeskRole[Any],
    past: LedgerHistory,
    buyer: str,
    answer: Callable[[FlexSettlement, str, datetime], list[Effect]],
    now: datetime,
) -> list[Effect]:
    """A buyer's settlements that were answered are; the others are owed an answer.

    The state holds `answered` (period -> message id).
    """
    effects: list[Effect] = []
    for (period, domain), one in past.owed_to(seller.domain).items():
        if domain != seller.rules.domains[buyer]:
            continue
        if one.response is not None:
            seller.state.answered[period] = one.settlement.header.message_id
        else:
            effects += answer(one.settlement, buyer, now)
    return effects
