"""Co-signing the ledger's heads: every market party refuses a head that does not extend the one it signed before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import HeadAnnounced, HeadCosigned
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.platform.publications.ledger import HeadRefused
from market.ledger.records import BlockHead


@wire("part.HeadCosigning")
@dataclass(slots=True)
class HeadCosigningState:
    """The last head signed."""

    head: BlockHead | None = None


class HeadCosigning(Part[HeadCosigningState]):
    """Signs each head that continues the chain."""

    def __init__(self, me: AgentIdentity, ledger: str) -> None:
        super().__init__(me, HeadCosigningState())
        self.ledger = ledger

    @on(HeadAnnounced)
    def announced(self, message: HeadAnnounced, sender: str, now: datetime) -> list[Effect]:
        """Sign a head that continues the chain."""
        head, known = message.head, self.state.head
        if sender == self.ledger and head == known:
            # The keeper may have lost the signature; signing again gives the same one.
            why = "the head was signed before"
            return [self._signed(head), self.me.lapse("HeadAnnounced", str(head.number), sender, why, now)]
        follows = known is None or (head.number == known.number + 1 and head.previous == known.digest)
        if sender != self.ledger or not follows:
            return [Publish(HeadRefused(now, head.number, sender, self.me.name, "head does not follow"))]
        self.state.head = head
        return [self._signed(head)]

    def _signed(self, head: BlockHead) -> Effect:
        return Send(self.ledger, HeadCosigned(head.number, self.me.signer.sign(head.message)))

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The last head that carries this party's signature."""
        self.state.head = history.head(self.me.domain)
        return Recovery()
