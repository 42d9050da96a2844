"""Bilateral negotiation of contracts with a party's peers (S02); what is agreed goes into the ledger.

The rules of the conversation are the table in `market.negotiation.conversation`; how an offer is answered, the strategy
says that the party's preferences name (`market.negotiation.strategies`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.messages import FileAgain, Filed, Receipt
from agents.roles.part import Part, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import refusal
from agents.roles.parts.key_changes import KeysChanged
from agents.roles.parts.offer_judging import Objection, OfferJudging
from agents.roles.parts.recovery import KEPT_DAYS
from agents.roles.parts.tendering import BidAnswered, BidCame, BidWanted, SellerInvited
from agents.roles.publications import contract_agreed
from cim.codec.codec import wire
from cim.platform.publications.agreements import NegotiationMoved
from cim.platform.publications.incidents import RuleBroken
from market.contracts.contract import FlexContract
from market.errors import RemoteProtocolError
from market.negotiation.concession import Move, NegotiationPreferences, Side
from market.negotiation.conversation import GRACE, Negotiation, State, accept_of, reject_of, signed_offer
from market.negotiation.messages import (
    ContractAccept,
    ContractCounter,
    ContractProposal,
    ContractReject,
    Message,
    Offer,
)
from market.negotiation.strategies import strategy_of
from market.negotiation.tender import TENDER

Wants = Callable[[FlexContract], NegotiationPreferences]

PATIENCE = timedelta(minutes=10)  # how long an offer binds
_OPEN = (State.IDLE, State.WAITING, State.DECIDING)


def _nothing_is(_contract: FlexContract) -> None:
    """Of a party that sells nothing."""


@wire("part.ContractFiling")
@dataclass(frozen=True, slots=True)
class ContractFiling:
    """The reference under which a contract is filed: the key of its record."""

    contract_id: str

    def __str__(self) -> str:
        return f"contract {self.contract_id}"


@wire("part.timer.talk")
@dataclass(frozen=True, slots=True)
class OfferExpires(Timer):
    """The last offer of a conversation ends."""

    conversation: str


@wire("part.ContractNegotiation")
@dataclass(slots=True)
class ContractNegotiationState:
    """Conversations by their id."""

    talks: dict[str, Negotiation] = field(default_factory=dict)


class ContractNegotiation(Part[ContractNegotiationState]):
    """Negotiates contracts with its peers.

    Args:
        contracts: where what is agreed is kept.
        wants: what this party wants and will still take for a contract.
        sold_twice, too_dear: see `OfferJudging`.

    Attributes:
        judging: how this party judges offers.
    """

    def __init__(
        self,
        me: AgentIdentity,
        ledger: str,
        contracts: Contracts,
        wants: Wants,
        sold_twice: Objection = _nothing_is,
        too_dear: Objection = _nothing_is,
    ) -> None:
        super().__init__(me, ContractNegotiationState())
        self.ledger, self._contracts, self._wants = ledger, contracts, wants
        self.judging = OfferJudging(me, contracts, sold_twice, too_dear)

    def _tidy(self, now: datetime) -> None:
        """Drop conversations that came to nothing before all open days, and those about contracts that ended before them.

        Whose acceptance comes later than that is too late, whenever it says that it was made.
        """
        first, talks = self.rules.day_of(now).next(-KEPT_DAYS), self.state.talks
        for key, talk in list(talks.items()):
            if talk.offer is None:
                continue
            agreed = talk.state is State.AGREED
            if talk.offer.contract.end_date < first.day if agreed else talk.offer.expires < first.start:
                del talks[key]

    def propose(self, contract: FlexContract, now: datetime) -> list[Effect]:
        """Open a negotiation with the other side of `contract` at this party's aspiration."""
        wants = self._wants(contract)
        if wants.strategy == TENDER:
            return self.emit(SellerInvited(contract), now)
        return self._open(contract, strategy_of(wants.strategy).opening(wants, contract), now)

    @on(BidWanted)
    def bid(self, event: BidWanted, now: datetime) -> list[Effect]:
        """Bid in a tender, unless what it reserves is sold already."""
        twice = self.judging.sold_twice(event.bid)
        if twice is not None:
            return [self.me.lapse("TenderInvitation", event.bid.contract_id, event.bid.buyer, twice, now)]
        return self._open(event.bid, event.bid, now, event.closes + PATIENCE)

    def propose_amendment(self, contract: FlexContract, now: datetime) -> list[Effect]:
        """Offer the next version of a contract as it stands; the other side takes it, or answers by its strategy."""
        return self._open(contract, contract, now)

    def _open(
        self, contract: FlexContract, opened: FlexContract, now: datetime, until: datetime | None = None
    ) -> list[Effect]:
        self._tidy(now)
        conversation = self.me.identifier("conversation", contract.record_key)
        peer = contract.seller if contract.buyer == self.me.domain else contract.buyer
        talk = Negotiation(conversation, self.me.domain, peer, self.me.keys)
        self.state.talks[conversation] = talk
        wants = self._wants(contract)
        expires = until or now + min(PATIENCE, timedelta(minutes=wants.deadline_min))
        unsigned = ContractProposal(conversation, self.me.domain, peer, 1, now, opened, expires)
        return self._say(talk, signed_offer(unsigned, self.me.signer))

    def _say(self, talk: Negotiation, message: Message) -> list[Effect]:
        talk.send(message)
        peer = self.rules.name_of(talk.peer)
        effects: list[Effect] = [Send(peer, message)] if peer is not None else []
        if isinstance(message, ContractProposal | ContractCounter):
            effects.append(Arm(OfferExpires(talk.conversation_id), message.expires + GRACE))
        return effects

    @on(ContractProposal, ContractCounter)
    def contract_offered(self, message: Offer, sender: str, now: datetime) -> list[Effect]:
        """An offer: take it, counter it or refuse it."""
        self._tidy(now)
        talk = self.state.talks.get(message.conversation_id)
        if talk is None:
            talk = Negotiation(message.conversation_id, self.me.domain, message.sender, self.me.keys)
        if self.rules.domains.get(sender) != message.sender:
            return [self._breach(sender, "the message names another sender", now)]
        try:
            talk.receive(message)
        except RemoteProtocolError as error:
            return [self._breach(sender, str(error), now)]
        self.state.talks[message.conversation_id] = talk
        if talk.lapse(now) is State.LAPSED:
            return [self.me.lapse(type(message).__name__, talk.conversation_id, sender, "the offer has expired", now)]
        wants = self._wants(message.contract)
        if (
            wants.strategy == TENDER
            and wants.side is Side.BUYER
            and (message.round, message.contract.version) == (1, 1)
        ):
            return self.emit(BidCame(message), now)
        answer = self.judging.answer(wants, message, talk)
        at = max(now, message.at)  # the peer's clock may be ahead of ours; an answer is never older than the offer
        objection = self.judging.objection(message.contract, answer.contract, now)
        if objection is not None:
            return self._say(talk, reject_of(message, at, objection))
        if answer.move is Move.ACCEPT:
            return self._accept(talk, message, at, now)
        deadline = (talk.begun or at) + timedelta(minutes=wants.deadline_min)
        if answer.move is Move.REJECT or at >= deadline:
            why = "beyond what can be agreed" if at < deadline else f"the deadline was {deadline.isoformat()}"
            return self._say(talk, reject_of(message, at, why))
        return self._counter(talk, answer.contract, at, min(at + PATIENCE, deadline))

    @on(BidAnswered)
    def bid_answered(self, event: BidAnswered, now: datetime) -> list[Effect]:
        """Take the bid as it is, offer what it is awarded instead, or refuse it."""
        talk = self.state.talks.get(event.conversation)
        if talk is None or talk.offer is None or talk.lapse(now) is not State.DECIDING:
            return []
        bid, at = talk.offer, max(now, talk.offer.at)
        if event.contract is None:
            return self._say(talk, reject_of(bid, at, event.reason))
        if event.contract == bid.contract:
            return self._accept(talk, bid, at, now)
        return self._counter(talk, event.contract, at, at + PATIENCE)

    def _accept(self, talk: Negotiation, offer: Offer, at: datetime, now: datetime) -> list[Effect]:
        return [*self._say(talk, accept_of(offer, at, self.me.signer)), *self._concluded(talk, now)]

    def _counter(self, talk: Negotiation, contract: FlexContract, at: datetime, until: datetime) -> list[Effect]:
        me, number = self.me, talk.round + 1
        counter = ContractCounter(talk.conversation_id, me.domain, talk.peer, number, at, contract, until)
        return self._say(talk, signed_offer(counter, me.signer))

    @on(ContractAccept, ContractReject)
    def contract_answered(self, message: ContractAccept | ContractReject, sender: str, now: datetime) -> list[Effect]:
        """The peer takes or refuses our offer."""
        talk = self.state.talks.get(message.conversation_id)
        if talk is None:
            return [self._breach(sender, "no such conversation", now)]
        if talk.state is State.LAPSED and isinstance(message, ContractReject):
            return [self.me.lapse(type(message).__name__, talk.conversation_id, sender, "the offer has lapsed", now)]
        try:
            state = talk.receive(message)
        except RemoteProtocolError as error:
            return [self._breach(sender, str(error), now)]
        if state is State.AGREED:
            return self._concluded(talk, now)
        return [Publish(NegotiationMoved(now, sender, str(state)))]

    @on(OfferExpires)
    def expired(self, timer: OfferExpires, now: datetime) -> list[Effect]:
        """An offer may have expired unanswered."""
        conversation = timer.conversation
        talk = self.state.talks.get(conversation)
        if talk is None or talk.state is State.LAPSED or talk.lapse(now) is not State.LAPSED:
            return []
        peer = self.rules.name_of(talk.peer) or talk.peer
        return [self.me.lapse("negotiation", conversation, peer, "the offer expired unanswered", now)]

    @on(KeysChanged)
    def keys_changed(self, event: KeysChanged, now: datetime) -> list[Effect]:
        """What is still negotiated is signed by the keys that are in force."""
        for talk in self.state.talks.values():
            if talk.state in _OPEN:
                talk.keys = self.me.keys
        return []

    @property
    def is_talking(self) -> bool:
        """Whether any negotiation is not over."""
        return any(talk.state in _OPEN for talk in self.state.talks.values())

    def talking(self, peer: str, *, reserved: bool = True) -> bool:
        """Whether a negotiation with this agent about a contract that reserves (or a framework) is not over."""
        domain = self.rules.domains[peer]
        talks = (talk for talk in self.state.talks.values() if talk.peer == domain and talk.state in _OPEN)
        return any(talk.offer is None or talk.offer.contract.reserved is reserved for talk in talks)

    def _concluded(self, talk: Negotiation, now: datetime) -> list[Effect]:
        record = talk.record()
        contract = talk.offer.contract if talk.offer is not None else None
        if contract is None:
            return []
        self._contracts.agreed(contract, now)
        if contract.buyer != self.me.domain:  # one side files what both have signed
            return []
        filed = Send(self.ledger, Filed(ContractFiling(contract.record_key), (record,)))
        return [filed, contract_agreed(contract, now)]

    @on(ContractFiling)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """What could not be recorded is told."""
        return refusal(receipt, sender, now) if sender == self.ledger else []

    @on(FileAgain)
    def file_again(self, message: FileAgain, sender: str, now: datetime) -> list[Effect]:
        """The keeper has forgotten everything: file once more, to the letter, what it may not have recorded.

        What it did record is passed over.
        """
        if sender != self.ledger:
            return []
        talks = [talk for talk in self.state.talks.values() if talk.state is State.AGREED]
        contracts = [
            (talk.offer.contract, talk.record())
            for talk in talks
            if talk.offer is not None and talk.offer.contract.buyer == self.me.domain
        ]
        return [
            Send(self.ledger, Filed(ContractFiling(contract.record_key), (record,))) for contract, record in contracts
        ]

    def _breach(self, sender: str, reason: str, now: datetime) -> Effect:
        return Publish(RuleBroken(now, sender, self.me.name, reason))
