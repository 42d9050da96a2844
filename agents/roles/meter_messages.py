"""What a meter-data company (USEF's MDC) and the parties of a settlement say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from market.settlement.meter_copies import CopyDigest
from market.uftp import Metering


@wire("meter.MeteringHandedOver")
@dataclass(frozen=True, slots=True)
class MeteringHandedOver:
    """The meter-data company hands over what a meter showed, as its gateway signed for it."""

    metering: Metering


@wire("meter.MeteringWanted")
@dataclass(frozen=True, slots=True)
class MeteringWanted:
    """The meter-data company has lost what it read: gateways tell a day once more, if they told it."""

    period: date


@wire("meter.CopiesHeld")
@dataclass(frozen=True, slots=True)
class CopiesHeld:
    """A party tells by which copies of a day's meter data it sums up, as digests."""

    period: date
    copies: tuple[CopyDigest, ...]


@wire("meter.CopiesCorrected")
@dataclass(frozen=True, slots=True)
class CopiesCorrected:
    """The meter-data company tells a party what the meters showed of which it holds something else."""

    period: date
    meterings: tuple[Metering, ...]
