"""A party's contracting desk: proposals, counters, acceptance (S02), and the agreed contract in the ledger.

The rules of the conversation are the table in `market.negotiation.conversation`; how far to give way,
`market.negotiation.concession` says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from agents.roles.desk_role import DeskRole
from agents.roles.effects import Arm, Effect, Publish, Send
from agents.roles.messages import FileAgain, Filed, Receipt
from agents.roles.part import on
from agents.roles.parts.recovery import KEPT_DAYS
from agents.roles.publications import contract_agreed
from cim.platform.publications import NegotiationMoved, RecordRefused, RuleBroken
from market.contracts.contract import FlexContract, in_force
from market.errors import RemoteProtocolError
from market.negotiation import concession
from market.negotiation.concession import Move, NegotiationPreferences, Terms
from market.negotiation.conversation import GRACE, Negotiation, State, accept_of, reject_of, signed_offer
from market.negotiation.messages import (
    ContractAccept,
    ContractCounter,
    ContractProposal,
    ContractReject,
    Offer,
)

S = TypeVar("S", bound=Any)

PATIENCE = timedelta(minutes=10)  # how long an offer binds
ROUNDS = 8
RENEWAL = timedelta(days=14)  # before a contract's end, its successor is sought
_HELD = 8  # contracts with a peer that are remembered at least: after a long standstill there are old days to settle
SEEKING_HOUR = 10  # local, of the days on which a contract is sought that could not be had before


class ContractingDesk(DeskRole[S], ABC):
    """Negotiates contracts with its peers, and in time the next ones.

    The state holds `talks` (conversation id -> Negotiation) and `contracts` (peer -> contracts, as they were agreed).
    """

    ledger: str

    @abstractmethod
    def preferences(self, contract: FlexContract) -> NegotiationPreferences:
        """What this party wants and will still take for such a contract."""

    # ---- what is agreed ------------------------------------------------------------------------------------------------

    def agreed(self, contract: FlexContract, now: datetime) -> None:
        """A contract is concluded: use it in its term. Of those that ended before all open days the last few are kept."""
        peer = self.rules.name_of(contract.seller if contract.buyer == self.domain else contract.buyer)
        if peer is None:
            return
        first = self.rules.day_of(now).next(-KEPT_DAYS).day
        held = (*self.state.contracts.get(peer, ()), contract)
        self.state.contracts[peer] = tuple(
            c for k, c in enumerate(held) if k >= len(held) - _HELD or c.end_date >= first
        )

    def contract_on(self, peer: str, day: date) -> FlexContract | None:
        """The contract with an agent that is in force on a local day, or None."""
        return in_force(self.state.contracts.get(peer, ()), day)

    def wanted_from(self, peer: str, now: datetime) -> date | None:
        """The first day for which a contract with an agent is to be sought now; None while there is one for long enough."""
        earliest = max(self.rules.day_of(now).day, self.rules.first_day)
        ends = [contract.end_date for contract in self.state.contracts.get(peer, ())]
        if not ends:
            return earliest
        first = max(ends) + timedelta(days=1)
        return None if first > earliest + RENEWAL else max(first, earliest)

    def seek_again(self, peers: Iterable[str], now: datetime) -> Arm:
        """When to look the next time: tomorrow while somebody's contract is missing, else when one is about to end."""
        first = self.rules.day_of(now).next(1)
        ends = []
        for peer in peers:
            if self.wanted_from(peer, now) is not None:
                return Arm("contracts", first.at(SEEKING_HOUR))
            ends.append(max(contract.end_date for contract in self.state.contracts[peer]))
        due = self.rules.day(min(ends) + timedelta(days=1) - RENEWAL) if ends else first
        return Arm("contracts", max(due.at(SEEKING_HOUR), first.at(SEEKING_HOUR)))

    # ---- how it comes to be agreed -------------------------------------------------------------------------------------

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
        self._tidy(now)
        conversation = self.identifier("conversation", contract.contract_id)
        peer = contract.seller if contract.buyer == self.domain else contract.buyer
        talk = Negotiation(conversation, self.domain, peer, self.rules.keys)
        self.state.talks[conversation] = talk
        opened = concession.offer_at(self.preferences(contract), 1).into(contract)
        unsigned = ContractProposal(conversation, self.domain, peer, 1, now, opened, now + PATIENCE)
        return self._say(talk, signed_offer(unsigned, self.signer))

    def _say(self, talk: Negotiation, message: Any) -> list[Effect]:
        talk.send(message)
        peer = self.rules.name_of(talk.peer)
        effects: list[Effect] = [Send(peer, message)] if peer is not None else []
        if isinstance(message, ContractProposal | ContractCounter):
            effects.append(Arm(f"talk {talk.conversation_id}", message.expires + GRACE))
        return effects

    @on(ContractProposal, ContractCounter)
    def contract_offered(self, message: Offer, sender: str, now: datetime) -> list[Effect]:
        """An offer: take it, counter it or refuse it."""
        self._tidy(now)
        talk = self.state.talks.get(message.conversation_id)
        if talk is None:
            talk = Negotiation(message.conversation_id, self.domain, message.sender, self.rules.keys)
        if self.rules.domains.get(sender) != message.sender:
            return [self._breach(sender, "the message names another sender", now)]
        try:
            talk.receive(message)
        except RemoteProtocolError as error:
            return [self._breach(sender, str(error), now)]
        self.state.talks[message.conversation_id] = talk
        if talk.lapse(now) is State.LAPSED:
            return [self.lapse(type(message).__name__, talk.conversation_id, sender, "the offer has expired", now)]
        move, terms = concession.respond(self.preferences(message.contract), Terms.of(message.contract), message.round)
        at = max(now, message.at)  # the peer's clock may be ahead of ours; an answer is never older than the offer
        if move is Move.ACCEPT:
            return [*self._say(talk, accept_of(message, at, self.signer)), *self._concluded(talk, now)]
        if move is Move.REJECT:
            return self._say(talk, reject_of(message, at, "beyond what can be agreed"))
        counter = ContractCounter(
            talk.conversation_id,
            self.domain,
            talk.peer,
            message.round + 1,
            at,
            terms.into(message.contract),
            at + PATIENCE,
        )
        return self._say(talk, signed_offer(counter, self.signer))

    @on(ContractAccept, ContractReject)
    def contract_answered(self, message: ContractAccept | ContractReject, sender: str, now: datetime) -> list[Effect]:
        """The peer takes or refuses our offer."""
        talk = self.state.talks.get(message.conversation_id)
        if talk is None:
            return [self._breach(sender, "no such conversation", now)]
        if talk.state is State.LAPSED and isinstance(message, ContractReject):
            return [self.lapse(type(message).__name__, talk.conversation_id, sender, "the offer has lapsed", now)]
        try:
            state = talk.receive(message)
        except RemoteProtocolError as error:
            return [self._breach(sender, str(error), now)]
        if state is State.AGREED:
            return self._concluded(talk, now)
        return [Publish(NegotiationMoved(now, sender, str(state)))]

    def timer_talk(self, conversation: str, now: datetime) -> list[Effect]:
        """An offer may have expired unanswered."""
        talk = self.state.talks.get(conversation)
        if talk is None or talk.state is State.LAPSED or talk.lapse(now) is not State.LAPSED:
            return []
        peer = self.rules.name_of(talk.peer) or talk.peer
        return [self.lapse("negotiation", conversation, peer, "the offer expired unanswered", now)]

    def talking(self, peer: str) -> bool:
        """Whether a negotiation with this agent is not over."""
        domain = self.rules.domains[peer]
        open_states = (State.IDLE, State.WAITING, State.DECIDING)
        return any(talk.peer == domain and talk.state in open_states for talk in self.state.talks.values())

    def _concluded(self, talk: Negotiation, now: datetime) -> list[Effect]:
        record = talk.record()
        contract = talk.offer.contract if talk.offer is not None else None
        if contract is None:
            return []
        self.agreed(contract, now)
        if contract.buyer != self.domain:  # one side files what both have signed
            return []
        filed = Send(self.ledger, Filed(f"contract {contract.contract_id}", (record,)))
        return [filed, contract_agreed(contract, now)]

    @on(Receipt)
    def receipt(self, message: Receipt, sender: str, now: datetime) -> list[Effect]:
        """What could not be recorded is told."""
        if message.fault is None or sender != self.ledger:
            return []
        return [Publish(RecordRefused(now, sender, str(message.reference), message.fault))]

    @on(FileAgain)
    def file_again(self, message: FileAgain, sender: str, now: datetime) -> list[Effect]:
        """The keeper has forgotten everything: file once more, to the letter, what it may not have recorded.

        What it did record is passed over.
        """
        if sender != self.ledger:
            return []
        talks = [t for t in self.state.talks.values() if t.state is State.AGREED and t.offer is not None]
        contracts = [(t.offer.contract, t.record()) for t in talks if t.offer.contract.buyer == self.domain]
        effects: list[Effect] = [
            Send(self.ledger, Filed(f"contract {contract.contract_id}", (record,))) for contract, record in contracts
        ]
        return effects + [Send(self.ledger, filed) for filed in self.unconfirmed()]

    def unconfirmed(self) -> list[Filed]:
        """What was filed beside contracts and has no receipt, as it was filed."""
        return []

    def _breach(self, sender: str, reason: str, now: datetime) -> Effect:
        return Publish(RuleBroken(now, sender, self.name, reason))
