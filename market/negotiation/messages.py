"""The four messages of a bilateral contract negotiation; ILES's own, since UFTP has none for contracts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cim.codec.codec import wire
from market.contracts.contract import FlexContract


@wire("market.ContractProposal")
@dataclass(frozen=True, slots=True)
class ContractProposal:
    """The first offer of a conversation; binds its sender until `expires`.

    Attributes:
        conversation_id: UUID shared by all messages of the negotiation.
        sender, recipient: domains.
        round: 1 for the proposal, one more for each counter.
        at: when it was made, UTC.
        contract: what is offered.
        expires: an answer must be made before, UTC.
        signature: of the sender, over the ledger record that the contract would become.
    """

    conversation_id: str
    sender: str
    recipient: str
    round: int
    at: datetime
    contract: FlexContract
    expires: datetime
    signature: bytes = b""


@wire("market.ContractCounter")
@dataclass(frozen=True, slots=True)
class ContractCounter:
    """Another offer in place of the one it answers; the fields are those of `ContractProposal`."""

    conversation_id: str
    sender: str
    recipient: str
    round: int
    at: datetime
    contract: FlexContract
    expires: datetime
    signature: bytes = b""


@wire("market.ContractAccept")
@dataclass(frozen=True, slots=True)
class ContractAccept:
    """Takes the offer of `round` as it stands; `signature` is over the same bytes as the offer's."""

    conversation_id: str
    sender: str
    recipient: str
    round: int
    at: datetime
    signature: bytes


@wire("market.ContractReject")
@dataclass(frozen=True, slots=True)
class ContractReject:
    """Refuses the offer of `round` and ends the negotiation."""

    conversation_id: str
    sender: str
    recipient: str
    round: int
    at: datetime
    reason: str


Offer = ContractProposal | ContractCounter
Message = ContractProposal | ContractCounter | ContractAccept | ContractReject
