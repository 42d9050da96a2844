"""After everything of an agent was lost: what the ledger proves of its past, and words for what it does not.

Records are taken only as far as their signatures hold: who rebuilds from another's file believes no more of it than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from agents.roles.effects import Publish
from agents.roles.events import Recalled
from cim.codec.codec import decode
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.platform.publications.incidents import MemoryLost
from market.contracts.changes import ContractTermination
from market.contracts.contract import FlexContract
from market.ledger.party_keys import KINDS, PartyKeys
from market.ledger.records import BlockHead, Record
from market.ledger.signing import verify
from market.rules import MarketRules
from market.settlement.payments import Payment
from market.uftp import DPrognosis, FlexOrder, FlexOrderResponse, FlexSettlement, FlexSettlementResponse

T = TypeVar("T")

KEPT_DAYS = 7  # before these a day is closed for good: what is missing of it is for people
_BEFORE = timedelta(days=KEPT_DAYS + 1)


@dataclass(frozen=True, slots=True)
class Owed:
    """A settlement that its buyer recorded (its last revision), and what its seller answered to that, if it did.

    `payments` are all of the day's between the two so far; `is_paid` says whether those of this revision are among them.
    """

    settlement: FlexSettlement
    response: FlexSettlementResponse | None
    is_paid: bool
    payments: tuple[Payment, ...] = ()


class LedgerHistory:
    """What the ledger tells of an agent's past, by kind and key, in the order in which it was recorded."""

    def __init__(self, event: Recalled, rules: MarketRules) -> None:
        self._rules, self.event = rules, event
        self.doubtful: tuple[str, ...] = ()
        self._bodies: dict[str, dict[str, Any]] = {}
        self.key_changes, self.party_keys = proven_changes(event.records, rules)
        for record in event.records:
            if record.is_erased:
                continue
            body = self._proven(record)
            if body is None:
                self.doubtful = (*self.doubtful, f"{record.kind} {record.key}")
            else:
                self._bodies.setdefault(record.kind, {})[record.key] = body

    def _proven(self, record: Record) -> object:
        """What a record says; None where a signature that it needs is missing or does not fit."""
        try:
            body = decode(record.body)
        except BadInput:
            return None
        needed = {record.author}
        if isinstance(body, FlexContract):
            needed = {body.buyer, body.seller}
        elif isinstance(body, ContractTermination):
            needed |= body.signers
        signed = {s.party for s in record.signatures if self._is_by(s.party, record.message, s.value)}
        return body if needed <= signed else None

    def _is_by(self, party: str, message: bytes, signature: bytes) -> bool:
        """By any key that the party has had: the ledger took nothing by one that it had no more."""
        return any(verify(key, message, signature) for key in self.party_keys.since(party, 0))

    def of(self, kind: str, what: type[T]) -> dict[str, T]:
        """All records of a kind: key -> body."""
        return {key: body for key, body in self._bodies.get(kind, {}).items() if isinstance(body, what)}

    def records(self, kind: str) -> tuple[Record, ...]:
        """All records of a kind whose signatures hold, as they stand in the ledger."""
        known = self._bodies.get(kind, {})
        return tuple(record for record in self.event.records if record.kind == kind and record.key in known)

    def contracts(self, domain: str, now: datetime) -> Iterator[FlexContract]:
        """The contracts of a party that have not ended before all open days, as they were recorded."""
        first = self._rules.day_of(now).next(-KEPT_DAYS).day
        for contract in self.of("contract", FlexContract).values():
            if domain in (contract.buyer, contract.seller) and contract.end_date >= first:
                yield contract

    def owed_by(self, buyer: str) -> dict[tuple[str, str], Owed]:
        """(period, seller's domain) -> what a buyer has settled."""
        return {(period, seller): owed for (period, one, seller), owed in self._owed().items() if one == buyer}

    def owed_to(self, seller: str) -> dict[tuple[str, str], Owed]:
        """(period, buyer's domain) -> what was settled with a seller."""
        return {(period, buyer): owed for (period, buyer, one), owed in self._owed().items() if one == seller}

    def _owed(self) -> dict[tuple[str, str, str], Owed]:
        responses = self.of("flex-settlement-response", FlexSettlementResponse)
        paid = self.of("remuneration", tuple)
        found: dict[tuple[str, str, str], Owed] = {}
        told = self.of("flex-settlement", FlexSettlement)
        for key, settlement in sorted(told.items(), key=lambda item: item[1].revision):
            period, buyer, seller = key.partition("#")[0].split("/", 2)
            before = found.get((period, buyer, seller))
            payments = (*(() if before is None else before.payments), *paid.get(key, ()))
            found[period, buyer, seller] = Owed(settlement, responses.get(key), key in paid, payments)
        return found

    def standing_orders(self, now: datetime) -> Iterator[tuple[str, FlexOrder, DPrognosis | None]]:
        """Orders about open days that were not refused: reference, order, its prognosis where that is recorded."""
        refused = self.of("flex-order-refusal", FlexOrderResponse)
        prognoses = {p.header.message_id: p for p in self.of("d-prognosis", DPrognosis).values()}
        days = {day.day for day in self.open_days(now)}
        for reference, order in self.of("flex-order", FlexOrder).items():
            if reference not in refused and order.period in days:
                yield reference, order, prognoses.get(order.d_prognosis_message_id or "")

    def heads(self, domain: str) -> list[BlockHead]:
        """The heads that carry this party's own signature, in their order."""
        return [
            head
            for head, signatures in self.event.heads
            if any(s.party == domain and self._is_by(domain, head.message, s.value) for s in signatures)
        ]

    def head(self, domain: str) -> BlockHead | None:
        """The last head that carries this party's own signature."""
        signed = self.heads(domain)
        return signed[-1] if signed else None

    def open_days(self, now: datetime) -> tuple[LocalDay, ...]:
        """The operated days that have begun, or are prepared, and are not closed for good."""
        first = self._rules.day_of(now).next(-KEPT_DAYS).day
        return tuple(d for d in self._rules.periods if d.day >= first and d.start <= now + timedelta(days=2))


def proven_changes(records: Iterable[Record], rules: MarketRules) -> tuple[tuple[Record, ...], PartyKeys]:
    """Those of the records that change a key and are signed by who may, in their order, and the keys behind them."""
    keys, taken = PartyKeys(rules.keys, rules.keeper), list[Record]()
    for record in records:
        if record.kind in KINDS:
            try:
                _take(keys, record, len(taken) + 1)
            except BadInput:
                continue
            taken.append(record)
    return tuple(taken), keys


def _take(keys: PartyKeys, record: Record, size: int) -> None:
    public = keys.current(record.author)
    if not any(s.party == record.author and verify(public, record.message, s.value) for s in record.signatures):
        raise BadInput(
            f"record {record.kind} {record.key}: {record.author} has not signed it with the key that is in force"
        )
    keys.take(record, size)


def revision(day: LocalDay, now: datetime) -> int:
    """Above every revision told of a day before `now`: its counting goes on in seconds, which nobody revises in."""
    return max(int((now - day.start + _BEFORE).total_seconds()), 0)


def forgotten(
    name: str, past: LedgerHistory, sentences: Sequence[str], now: datetime
) -> tuple[tuple[str, ...], Publish]:
    """What could not be rebuilt: to be remembered for who asks how the agent is, and to be told."""
    told = [sentence for sentence in sentences if sentence]
    if past.doubtful:
        told.append(f"records whose signatures do not fit: {', '.join(past.doubtful)}")
    return tuple(told), Publish(MemoryLost(now, name, tuple(told)))
