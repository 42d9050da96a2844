"""Disputes between two parties of a settlement, decided by a facilitator (the DSO): the table, and the rule of two of three.

Each party hands over its copies of the meter data. Where they differ whoever reads the meter is asked again; a copy counts if
it is what the meter's reader repeats. A reader that is a party itself is no third: then what its meter told the facilitator
at the day's end counts. Nothing is decided by a value that neither party was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from market.conversations import ConversationTable
from market.uftp import Metering

Meter = tuple[str, str]  # (domain of who reads it, EAN or name)


class State(StrEnum):
    """Where a dispute stands, as the facilitator sees it."""

    NONE = "none"
    RAISED = "raised"  # one party has been heard
    HEARD = "heard"  # both
    ASKED = "meters asked"
    DECIDED = "decided"
    ANSWERED = "answered by people"


class Party(StrEnum):
    """Who moves."""

    PARTY = "party"
    FACILITATOR = "facilitator"
    METER = "meter"
    PEOPLE = "people"  # of the facilitator
    TIME = "time"


class Event(StrEnum):
    """What is said, or happens."""

    DISPUTE = "DisputeRaised"
    QUESTION = "MeteringAsked"
    ANSWER = "MeteringRepeated"
    DECISION = "ArbitrationDecided"
    DEADLINE = "deadline"


ARBITRATION = ConversationTable(
    title="Arbitration of a dispute",
    about="Buyer and seller each tell the DSO, as facilitator, what they differ on, with their copies of the meter data. Where "
    "copies differ the meters' readers are asked again, or, where the reader is a party itself, what its meter told the DSO at the "
    "day's end counts as repeated; the decision is told when all have answered, or at the deadline. Where it leaves a meter open, "
    "the facilitator's people say once whose copy counts. Both then settle anew by the right data.",
    start=State.NONE,
    rows={
        State.NONE: {(Party.PARTY, Event.DISPUTE): State.RAISED},
        State.RAISED: {
            (Party.PARTY, Event.DISPUTE): State.HEARD,
            (Party.TIME, Event.DEADLINE): State.HEARD,
        },
        State.HEARD: {
            (Party.FACILITATOR, Event.QUESTION): State.ASKED,
            (Party.FACILITATOR, Event.DECISION): State.DECIDED,  # the copies are alike
        },
        State.ASKED: {
            (Party.METER, Event.ANSWER): State.ASKED,
            (Party.FACILITATOR, Event.DECISION): State.DECIDED,
        },
        State.DECIDED: {
            (Party.PEOPLE, Event.DECISION): State.ANSWERED,  # where no meter has decided: whose copies count
        },
        State.ANSWERED: {},
    },
)


def copies(meterings: Iterable[Metering]) -> dict[Meter, Metering]:
    """By meter, what a party holds of it."""
    return {(m.header.sender_domain, m.ean): m for m in meterings}


def differing(ours: Mapping[Meter, Metering], theirs: Mapping[Meter, Metering]) -> tuple[Meter, ...]:
    """The meters of which both hold a copy, and not the same."""
    both = [meter for meter in sorted({*ours, *theirs}) if meter in ours and meter in theirs]
    return tuple(meter for meter in both if ours[meter].profiles != theirs[meter].profiles)


def mistaken(right: Iterable[Metering], held: Mapping[str, Mapping[Meter, Metering]]) -> tuple[str, ...]:
    """The parties, in order, whose copy of a meter was not the right one; `held`: by party, its copies."""
    found = {(metering.header.sender_domain, metering.ean): metering.profiles for metering in right}
    return tuple(
        party
        for party, own in sorted(held.items())
        if any(meter in own and own[meter].profiles != profiles for meter, profiles in found.items())
    )


def right_copy(repeated: Metering, held: Iterable[Metering]) -> Metering | None:
    """What a meter's reader repeats, if one party holds just that; else nobody knows what is right: None."""
    return next((copy for copy in held if copy.profiles == repeated.profiles), None)
