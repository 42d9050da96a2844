"""What the parties of a contract say to each other after they have signed it; UFTP has no messages for contracts."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from market.ledger.records import Record


@wire("market.TerminationGiven")
@dataclass(frozen=True, slots=True)
class TerminationGiven:
    """A party ends a contract, or asks the other one to consent: the record (`ContractTermination`) that it has signed."""

    record: Record


@wire("market.TerminationAnswered")
@dataclass(frozen=True, slots=True)
class TerminationAnswered:
    """The same record signed by both; or as it came, with what is wrong with it."""

    record: Record
    fault: str | None
