"""Co-signing the ledger's heads: every market party refuses a head that does not extend the one it signed before.

Each keeps a replica of the leaf hashes behind the heads, and tells the other co-signers which head it was shown: a keeper
that shows two histories to two parties is found out by both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import HeadAnnounced, HeadCosigned, HeadSeen
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.platform.publications.ledger import HeadRefused, HistorySplit
from market.ledger.records import BlockHead
from market.ledger.replica import fault_of
from market.ledger.signing import verify

_KEPT = 31  # blocks whose heads and leaf hashes are kept: a settlement month


@wire("part.HeadCosigning")
@dataclass(slots=True)
class HeadCosigningState:
    """What this party knows of the ledger.

    Attributes:
        head: the last one signed.
        heads: by block number, the last ones signed.
        leaves: by block number, their records' leaf hashes: the replica.
        heard: by block number, heads that others were shown before this party was.
        split: two histories were shown; nothing is signed any more.
    """

    head: BlockHead | None = None
    heads: dict[int, BlockHead] = field(default_factory=dict)
    leaves: dict[int, bytes] = field(default_factory=dict)
    heard: dict[int, tuple[str, BlockHead]] = field(default_factory=dict)
    split: bool = False


class HeadCosigning(Part[HeadCosigningState]):
    """Signs each head that continues the chain, and compares it with what the others were shown."""

    def __init__(self, me: AgentIdentity, ledger: str) -> None:
        super().__init__(me, HeadCosigningState())
        self.ledger = ledger

    @on(HeadAnnounced)
    def announced(self, message: HeadAnnounced, sender: str, now: datetime) -> list[Effect]:
        """Sign a head that continues the chain, keep its leaf hashes, tell the others of it."""
        head, state = message.head, self.state
        if sender != self.ledger or not self._is_keepers(head, message.signature):
            return [self._refused(head, sender, "it is not announced and signed by the ledger's keeper", now)]
        if head == state.heads.get(head.number):
            # The keeper may have lost the signature; signing again gives the same one.
            why = "the head was signed before"
            return [self._signed(head), self.me.lapse("HeadAnnounced", str(head.number), sender, why, now)]
        fault = "two histories were shown before" if state.split else fault_of(head, message.shown, state.head)
        seen = [Send(name, HeadSeen(head, message.signature)) for name in self.rules.witnesses if name != self.me.name]
        if head.number in state.heads:
            return [*self._found(state.heads[head.number], head, sender, now), *seen]
        teller, other = state.heard.pop(head.number, ("", head))
        if other != head:
            return [*self._found(head, other, teller, now), *seen]
        if fault is not None:
            return [self._refused(head, sender, fault, now)]
        state.head = state.heads[head.number] = head
        state.leaves[head.number] = message.shown.leaves
        for old in [number for number in state.heads if number <= head.number - _KEPT]:
            del state.heads[old]
            state.leaves.pop(old, None)
        return [self._signed(head), *seen]

    @on(HeadSeen)
    def told(self, message: HeadSeen, sender: str, now: datetime) -> list[Effect]:
        """Another co-signer was shown this head: it must be the one that was, or will be, shown here."""
        head, state = message.head, self.state
        if sender not in self.rules.witnesses or not self._is_keepers(head, message.signature):
            why = "it is not a co-signer's, or the ledger's keeper has not signed it"
            return [self.me.lapse("HeadSeen", str(head.number), sender, why, now)]
        if head.number in state.heads:
            ours = state.heads[head.number]
            return [] if ours == head else self._found(ours, head, sender, now)
        last = 0 if state.head is None else state.head.number
        if not last < head.number <= last + _KEPT:
            return []
        _, other = state.heard.setdefault(head.number, (sender, head))
        return [] if other == head else self._found(other, head, sender, now)

    def _found(self, ours: BlockHead, theirs: BlockHead, teller: str, now: datetime) -> list[Effect]:
        """Two heads of one block, both signed by the keeper."""
        self.state.split = True
        me, one, two = self.me.name, ours.digest.hex(), theirs.digest.hex()
        return [Publish(HistorySplit(now, ours.number, self.ledger, one, two, teller, me))]

    def _refused(self, head: BlockHead, sender: str, reason: str, now: datetime) -> Effect:
        return Publish(HeadRefused(now, head.number, sender, self.me.name, reason))

    def _is_keepers(self, head: BlockHead, signature: bytes) -> bool:
        key = self.me.keys.get(self.rules.domains.get(self.ledger, ""), b"")
        return verify(key, head.message, signature)

    def _signed(self, head: BlockHead) -> Effect:
        return Send(self.ledger, HeadCosigned(head.number, self.me.signer.sign(head.message)))

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The last heads that carry this party's signature; their leaf hashes are in the ledger, the replica begins anew."""
        self.state.heads = {head.number: head for head in history.heads(self.me.domain)[-_KEPT:]}
        self.state.head = history.head(self.me.domain)
        return Recovery()
