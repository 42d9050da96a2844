"""What a negotiation strategy must answer; each is a file in `market/negotiation/strategies/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from market.contracts.contract import FlexContract
from market.negotiation.concession import Move, NegotiationPreferences


@dataclass(frozen=True, slots=True)
class Heard:
    """An offer of the peer.

    Attributes:
        contract: what is offered.
        round: its number, counted over both sides' offers.
        earlier: up to two offers before it, newest last: the peer's last but one, and one's own last.
    """

    contract: FlexContract
    round: int
    earlier: Sequence[FlexContract] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """How an offer is answered: the move, and with `COUNTER` the next offer, else the one that was answered."""

    move: Move
    contract: FlexContract


class Strategy(Protocol):
    """How one side behaves in the conversation of `market.negotiation.conversation`; it keeps no state of its own.

    The parties need not use the same one: the conversation's table is all that they share.
    """

    def opening(self, wants: NegotiationPreferences, draft: FlexContract) -> FlexContract:
        """The first offer, from a draft that says everything which is not negotiated."""

    def answer(self, wants: NegotiationPreferences, heard: Heard) -> Answer:
        """The answer to an offer."""


def taken_or_refused(wants: NegotiationPreferences, offered: FlexContract) -> Answer:
    """The last word: take what is no worse than one's reservation, refuse everything else."""
    worth = wants.worth(offered)
    return Answer(Move.ACCEPT if worth is not None and worth >= wants.least() else Move.REJECT, offered)


def taken_or_countered(wants: NegotiationPreferences, offered: FlexContract, own: FlexContract) -> Answer:
    """Take what is worth at least one's own next offer, else make that."""
    worth, least = wants.worth(offered), wants.worth(own)
    good = worth is not None and least is not None and worth >= least
    return Answer(Move.ACCEPT, offered) if good else Answer(Move.COUNTER, own)
