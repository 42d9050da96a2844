"""What is said of changes of aggregator that owners ask for while a site lives."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from market.ledger.records import Record


@wire("market.SwitchAsked")
@dataclass(frozen=True, slots=True)
class SwitchAsked:
    """An owner asks the CRO to record its change of aggregator: the record's body is a `ConnectionSwitch`."""

    record: Record


@wire("market.SwitchRefused")
@dataclass(frozen=True, slots=True)
class SwitchRefused:
    """The CRO does not record it; `key` is the record's."""

    key: str
    fault: str


@wire("market.SwitchAgreed")
@dataclass(frozen=True, slots=True)
class SwitchAgreed:
    """A change is recorded: the owner, both aggregators and the DSO go by it from now on."""

    record: Record


@wire("market.SwitchesForgotten")
@dataclass(frozen=True, slots=True)
class SwitchesForgotten:
    """A party has lost everything: which changes concern it?"""
