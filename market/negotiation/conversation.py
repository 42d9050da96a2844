"""Bilateral negotiation of a flexibility contract (S02): one side of one conversation, on the table of its states.

The two rules of `market.conversations` hold, and one more: an offer binds whoever made it until it expires. So the
state moves only by an answer or by time, never by taking back; and an acceptance made before that is one, however long
it was on its way: both sides end in the same state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cim.codec.codec import wire
from market.contracts.contract import FlexContract
from market.conversations import ConversationTable
from market.errors import LocalProtocolError, MarketError, RemoteProtocolError
from market.ledger.hashing import microseconds, record_message
from market.ledger.records import Record, Signature
from market.ledger.signing import Signer, verify
from market.negotiation.messages import (
    ContractAccept,
    ContractCounter,
    ContractProposal,
    ContractReject,
    Message,
    Offer,
)

GRACE = timedelta(minutes=1)


@wire("market.NegotiationState")
class State(StrEnum):
    """Where a negotiation stands, as one side sees it."""

    IDLE = "idle"
    WAITING = "waiting"  # our offer is with the peer
    DECIDING = "deciding"  # the peer's offer is with us
    AGREED = "agreed"
    REJECTED = "rejected"
    LAPSED = "lapsed"


class By(StrEnum):
    """Who moves: we, the peer, or time."""

    US = "we"
    PEER = "peer"
    TIME = "time"


class Event(StrEnum):
    """What is said, or happens."""

    PROPOSAL = "ContractProposal"
    COUNTER = "ContractCounter"
    ACCEPT = "ContractAccept"
    REJECT = "ContractReject"
    EXPIRY = "expiry"  # of the present offer, unanswered


NEGOTIATION = ConversationTable(
    title="Negotiation of a contract",
    about="Two parties offer each other contracts in turn until one accepts, refuses or lets the offer expire; as one "
    "side sees it. An acceptance made in time counts however late it arrives.",
    start=State.IDLE,
    rows={
        State.IDLE: {
            (By.US, Event.PROPOSAL): State.WAITING,
            (By.PEER, Event.PROPOSAL): State.DECIDING,
        },
        State.WAITING: {
            (By.PEER, Event.COUNTER): State.DECIDING,
            (By.PEER, Event.ACCEPT): State.AGREED,
            (By.PEER, Event.REJECT): State.REJECTED,
            (By.TIME, Event.EXPIRY): State.LAPSED,
        },
        State.DECIDING: {
            (By.US, Event.COUNTER): State.WAITING,
            (By.US, Event.ACCEPT): State.AGREED,
            (By.US, Event.REJECT): State.REJECTED,
            (By.TIME, Event.EXPIRY): State.LAPSED,
        },
        State.AGREED: {},
        State.REJECTED: {},
        State.LAPSED: {},
    },
    crossing={
        State.LAPSED: {
            (By.PEER, Event.ACCEPT): State.AGREED,
            (By.PEER, Event.COUNTER): State.LAPSED,
            (By.PEER, Event.REJECT): State.LAPSED,
        },
    },
)


@wire("market.Negotiation")
@dataclass
class Negotiation:
    """One side of one conversation about one contract.

    Args:
        conversation_id: UUID of the conversation.
        us, peer: domains; one of them is the contract's buyer, the other its seller.
        keys: public keys of both, to check signatures with.
        grace: how much longer than its expiry we wait for the answer to OUR offer, for its way to us.
    """

    conversation_id: str
    us: str
    peer: str
    keys: Mapping[str, bytes]
    grace: timedelta = GRACE
    state: State = State.IDLE
    offer: Offer | None = None  # the last one made, by whichever side
    accept: ContractAccept | None = None
    earlier: tuple[FlexContract, ...] = ()  # up to two offers before that one, newest last
    begun: datetime | None = None  # when the first offer was made
    own_costs_e4_per_kwh: Mapping[str, int] = field(default_factory=dict)  # of the elements, as the first offer says

    def send(self, message: Message) -> Message:
        """Note that we send `message`, and return it.

        Raises:
            LocalProtocolError: the protocol does not allow it now; do not send it.
        """
        self._move(By.US, message)
        return message

    def receive(self, message: Message) -> State:
        """Note that the peer's `message` has come; returns the new state.

        Raises:
            RemoteProtocolError: the protocol does not allow it now; the state stays.
        """
        return self._move(By.PEER, message)

    def lapse(self, now: datetime) -> State:
        """Note the time: an offer that has expired unanswered ends the negotiation; returns the state."""
        if self.offer is not None:
            wait = self.grace if self.state is State.WAITING else timedelta(0)
            if now >= self.offer.expires + wait:
                self.state = NEGOTIATION.allowed(self.state, By.TIME, Event.EXPIRY, ours=True) or self.state
        return self.state

    @property
    def round(self) -> int:
        """The number of the last offer; 0 before the first."""
        return self.offer.round if self.offer else 0

    def record(self) -> Record:
        """The agreed contract as a ledger record, signed by both sides.

        Raises:
            LocalProtocolError: nothing is agreed.
        """
        if self.state is not State.AGREED or self.offer is None or self.accept is None:
            raise LocalProtocolError(f"conversation {self.conversation_id}: it is {self.state}, nothing is agreed")
        made, taken = self.offer, self.accept
        signatures = (Signature(made.sender, made.signature), Signature(taken.sender, taken.signature))
        unsigned = record_of(made)
        return Record(unsigned.kind, unsigned.key, unsigned.at, unsigned.author, unsigned.body, signatures)

    def _move(self, by: By, message: Message) -> State:
        ours, name = by is By.US, type(message).__name__
        try:
            target = NEGOTIATION.next_state(self.state, by, Event(name), ours=ours)
        except MarketError as error:
            raise type(error)(f"conversation {self.conversation_id}: {error}") from None
        reason = self._misfit(by, message)
        if reason:
            breach = LocalProtocolError if ours else RemoteProtocolError
            raise breach(f"conversation {self.conversation_id}: {name} does not fit: {reason}")
        if isinstance(message, ContractProposal | ContractCounter):
            if self.offer is not None:
                self.earlier = (*self.earlier[-1:], self.offer.contract)
            if self.begun is None:
                self.begun, self.own_costs_e4_per_kwh = message.at, message.contract.own_costs_e4_per_kwh
            self.offer = message
        elif isinstance(message, ContractAccept):
            self.accept = message
        self.state = target
        return target

    def _misfit(self, by: By, message: Message) -> str | None:
        sender, recipient = (self.us, self.peer) if by is By.US else (self.peer, self.us)
        if message.conversation_id != self.conversation_id:
            return f"conversation_id {message.conversation_id}"
        if (message.sender, message.recipient) != (sender, recipient):
            return f"from {message.sender} to {message.recipient}; expected from {sender} to {recipient}"
        if isinstance(message, ContractProposal | ContractCounter):
            return self._misfit_of_offer(message)
        assert self.offer is not None  # noqa: S101 - the table lets answers through only after an offer
        if self.offer.sender != recipient:
            return f"{sender} answers its own offer"
        if message.round != self.offer.round:
            return f"round {message.round} answers none of the present offers; expected {self.offer.round}"
        if not self.offer.at <= message.at < self.offer.expires:
            return f"made at {message.at.isoformat()}; expected before {self.offer.expires.isoformat()}"
        if isinstance(message, ContractAccept):
            return self._misfit_of_signature(message.sender, signed_bytes(self.offer), message.signature)
        return None

    def _misfit_of_offer(self, offer: Offer) -> str | None:
        contract, before = offer.contract, self.offer
        if offer.round != self.round + 1:
            return f"round {offer.round}; expected {self.round + 1}"
        if {contract.buyer, contract.seller} != {self.us, self.peer}:
            return f"a contract of {contract.buyer} and {contract.seller}; expected {self.us} and {self.peer}"
        if before is not None:
            old = before.contract
            if (contract.record_key, contract.buyer) != (old.record_key, old.buyer):
                named = f"contract {contract.record_key} of buyer {contract.buyer}"
                return f"{named}; expected {old.record_key} of {old.buyer}"
            if (contract.template, contract.template_version) != (old.template, old.template_version):
                return f"template {contract.template} {contract.template_version}; expected that of the first offer"
            if not contract.own_costs_e4_per_kwh.items() <= self.own_costs_e4_per_kwh.items():
                return "it changes what the elements cost their owner; only the contract's own prices are negotiated"
            if not before.at <= offer.at < before.expires:
                return f"made at {offer.at.isoformat()}; expected before {before.expires.isoformat()}"
        if offer.expires <= offer.at:
            return f"it expires at {offer.expires.isoformat()}, no later than it was made"
        if contract.faults:
            return "; ".join(contract.faults)
        return self._misfit_of_signature(offer.sender, signed_bytes(offer), offer.signature)

    def _misfit_of_signature(self, party: str, message: bytes, signature: bytes) -> str | None:
        good = party in self.keys and verify(self.keys[party], message, signature)
        return None if good else f"the signature of {party} does not fit the contract offered"


def record_of(offer: Offer) -> Record:
    """The ledger record an offer would become: both sides sign its `message`, so an accept binds the same bytes."""
    return Record("contract", offer.contract.record_key, offer.at, offer.sender, offer.contract.encoded)


def signed_bytes(offer: Offer) -> bytes:
    """The `message` of `record_of(offer)`, without making the record: every offer is signed, few become one."""
    contract = offer.contract
    at = microseconds(offer.at)
    return record_message("contract", contract.record_key, at, offer.sender, salted=False, content=contract.encoded)


def signed_offer(offer: Offer, signer: Signer) -> Offer:
    """`offer` with its sender's signature."""
    made = type(offer)
    return made(
        offer.conversation_id,
        offer.sender,
        offer.recipient,
        offer.round,
        offer.at,
        offer.contract,
        offer.expires,
        signer.sign(signed_bytes(offer)),
    )


def accept_of(offer: Offer, at: datetime, signer: Signer) -> ContractAccept:
    """The recipient's signed acceptance of `offer`, made at `at`."""
    signature = signer.sign(signed_bytes(offer))
    return ContractAccept(offer.conversation_id, offer.recipient, offer.sender, offer.round, at, signature)


def reject_of(offer: Offer, at: datetime, reason: str) -> ContractReject:
    """The recipient's refusal of `offer`, which ends the negotiation."""
    return ContractReject(offer.conversation_id, offer.recipient, offer.sender, offer.round, at, reason)
