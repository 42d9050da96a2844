"""Microgrid as a service: what the DSO and the ILES manager tell each other beside contract and settlement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from market.ledger.records import Record


@wire("service.LevelOffered")
@dataclass(frozen=True, slots=True)
class ServiceLevelOffered:
    """The buyer wants this level (`ServiceLevel`) of a contract that is agreed; signed by it."""

    record: Record


@wire("service.LevelSigned")
@dataclass(frozen=True, slots=True)
class ServiceLevelSigned:
    """The seller has signed it too, and has it recorded."""

    record: Record


@wire("service.Told")
@dataclass(frozen=True, slots=True)
class ServiceTold:
    """How far the whole could move off what is expected in each ISP of a day if it alone is called, [T] watts, magnitudes."""

    period: date
    down_w: tuple[int, ...]
    up_w: tuple[int, ...]
