"""Incidents that are shown as they were told: what was refused, what failed, who broke a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cim.platform.publications.base import Publication
from cim.platform.publications.incidents import HandlingFailed, MemoryLost, MessageLapsed, RuleBroken, WorkFailed
from cim.platform.publications.ledger import HeadRefused, HistorySplit, RecordRefused
from cim.platform.publications.measured import CommandRefused, ReadingRefused
from cim.platform.publications.trading import OrderRefused
from cim.platform.store import Store
from experiments.run.incidents.incident import Incident, IncidentKind
from market.rules import MarketRules


class _Shown(NamedTuple):
    """How a publication is shown; those that agree in kind, who and `same` are one row."""

    kind: IncidentKind
    who: str
    what: str
    money: str
    same: str = ""


_FAMILIES: tuple[type[Publication], ...] = (
    CommandRefused, HandlingFailed, HeadRefused, HistorySplit, MemoryLost, MessageLapsed, OrderRefused, ReadingRefused,
    RecordRefused, RuleBroken, WorkFailed,
)  # fmt: skip


def told_as_they_are(store: Store, rules: MarketRules) -> Iterator[Incident]:
    """A row for each; what is told again and again of one and the same is one row, with the first's words."""
    found: dict[tuple[IncidentKind, str, str], Incident] = {}
    times: dict[tuple[IncidentKind, str, str], int] = {}
    for family in _FAMILIES:
        for told in store.told(family):
            shown = _shown(told.publication, told.agent)
            who = rules.name_of(shown.who) or shown.who
            key = shown.kind, who, shown.same
            first = Incident(told.publication.at, shown.kind, who, shown.what, shown.money)
            found[key] = min(found.get(key, first), first, key=lambda one: one.at)
            times[key] = times.get(key, 0) + 1
    for key, one in found.items():
        yield Incident(one.at, one.kind, one.who, one.what, one.money, times=times[key])


def _shown(told: Publication, agent: str) -> _Shown:
    match told:
        case CommandRefused(device=device, reason=reason):
            return _Shown(IncidentKind.COMMAND_REFUSED, device, reason, "settled as metered")
        case ReadingRefused(device=device, reason=reason):
            return _Shown(IncidentKind.READING_REFUSED, device, reason, "it is not counted")
        case OrderRefused(seller=seller, order_reference=order, reason=reason):
            return _Shown(IncidentKind.ORDER_REFUSED, seller, f"{order}: {reason}", "neither paid nor fined", order)
        case RecordRefused(ledger=ledger, reference=reference, reason=reason):
            money = "what is not recorded does not count"
            return _Shown(IncidentKind.NOT_RECORDED, ledger, f"{reference}: {reason}", money, reference)
        case RuleBroken(by=who, reason=reason):
            return _Shown(IncidentKind.RULE_BROKEN, who, reason, "it is not answered", _words(reason))
        case HeadRefused(by=who, reason=reason, seen_by=seen_by):
            return _Shown(IncidentKind.HEAD_REFUSED, who, f"{seen_by}: {reason}", "none", seen_by)
        case HistorySplit(number=number, keeper=who, ours=ours, theirs=theirs, seen_by=seen_by):
            words = f"{seen_by}: two heads of block {number}, {ours[:12]} and {theirs[:12]}"
            return _Shown(IncidentKind.HEAD_REFUSED, who, words, "nothing is co-signed any more", seen_by)
        case MemoryLost(agent=who, what=what):
            return _Shown(IncidentKind.MEMORY_LOST, who, "; ".join(what), "what nobody metered counts for nobody")
        case HandlingFailed(event=event, error=error):
            return _Shown(IncidentKind.HANDLING_FAILED, agent, f"{event}: {error}", "leads to nothing", event)
        case WorkFailed(agent=who, what=work, about=about, error=error):
            words = f"{work}, {about}: {error}"
            return _Shown(IncidentKind.WORK_FAILED, who, words, "goes on without it", f"{work} {_words(about)}")
        case MessageLapsed(what=what, peer=peer, seen_by=seen_by, reason=reason):
            words = f"{what} to {seen_by}: {reason}"
            return _Shown(IncidentKind.NOT_TAKEN, peer, words, "leads to nothing", _words(words))
        case _:
            raise AssertionError(type(told).__name__)


def _words(reason: str) -> str:
    """A reason without its numbers, which differ from one time to the next."""
    return " ".join(word for word in reason.split() if not any(letter.isdigit() for letter in word))
