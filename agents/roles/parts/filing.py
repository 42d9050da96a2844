"""Records on their way into the ledger: what is filed under, and what is said when one could not be recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed, Receipt
from agents.roles.part import Part, on
from cim.codec.codec import wire
from cim.platform.publications.ledger import RecordRefused
from market.ledger.records import Record


@wire("part.Filing")
@dataclass(frozen=True, slots=True)
class Filing:
    """The reference of a record that nothing waits for: what kind it is, and its key."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


@wire("part.NoState")
@dataclass(slots=True)
class NoState:
    """Nothing needs to be remembered."""


class LedgerFiling(Part[NoState]):
    """Files records that nothing waits for, and tells of those that could not be recorded."""

    def __init__(self, me: AgentIdentity, ledger: str) -> None:
        super().__init__(me, NoState())
        self.ledger = ledger

    def file(self, kind: str, key: str, record: Record) -> Effect:
        """Have a record made durable."""
        return Send(self.ledger, Filed(Filing(kind, key), (record,)))

    @on(Filing)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """What could not be recorded is told."""
        return refusal(receipt, sender, now) if sender == self.ledger else []


def refusal(receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
    """Tell that something is not recorded, if it is not."""
    if receipt.fault is None:
        return []
    return [Publish(RecordRefused(now, sender, str(receipt.reference), receipt.fault))]
