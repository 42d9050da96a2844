"""What a round of trading is, what wakes it, and what is told of it inside the DSO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from agents.planning.grid_safety.assessment import Assessment
from agents.roles.effects import Timer
from cim.codec.codec import wire
from market.uftp import FlexOffer, OfferOption


@wire("dso.Round")
@dataclass(frozen=True, slots=True)
class TradingRound:
    """One congestion point's round of trading on a period.

    Attributes:
        todo: congestion points still to look at after this one.
        assessment: what the analysis found.
        asked: sellers whose offer is still out.
        offers: what came, by seller.
    """

    point: str
    todo: tuple[str, ...]
    assessment: Assessment | None
    asked: tuple[str, ...]
    offers: dict[str, FlexOffer]


@wire("dso.timer.choose")
@dataclass(frozen=True, slots=True)
class ChooseNow(Timer):
    """Time is up: choose among the offers that came."""

    period: date


@wire("dso.SafetyOf")
@dataclass(frozen=True, slots=True)
class SafetyOf:
    """The reference of a period's safety analysis."""

    period: date


@wire("dso.SelectionOf")
@dataclass(frozen=True, slots=True)
class SelectionOf:
    """The reference of a choice among a period's offers."""

    period: date


@wire("dso.PricedSelectionOf")
@dataclass(frozen=True, slots=True)
class PricedSelectionOf:
    """The reference of a choice whose payments are by another mechanism than pay-as-bid."""

    period: date


@dataclass(frozen=True, slots=True)
class PointAnalysed:
    """Told inside the DSO: what a safety analysis expects of a congestion point, [T] each: watts needed, percent loaded, and how
    far its net power may fall (<= 0 W) and rise (>= 0 W); no room where it is not said.
    """

    period: date
    point: str
    need_w: tuple[float, ...]
    loading_pct: tuple[float, ...]
    room_down_w: tuple[float, ...] = ()
    room_up_w: tuple[float, ...] = ()


def offered_options(offers: Mapping[str, FlexOffer]) -> list[tuple[str, FlexOffer, OfferOption]]:
    """All options of some offers, in order: (seller, its offer, the option)."""
    return [(seller, offer, option) for seller, offer in sorted(offers.items()) for option in offer.options]
