"""What people ask of agents, and how an agent answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from cim.codec.codec import wire

MAILBOX = "portal"  # the agent's name under which requests come; no agent of a site may have it


@wire("mail.FlexibilityWanted")
@dataclass(frozen=True, slots=True)
class FlexibilityWanted:
    """The DSO's engineer wants flexibility at a congestion point: the sellers there are asked once, beside what the grid needs.

    Attributes:
        number: of the request; it is answered by this.
        by: who asks.
        power_w: > 0: more consumption or less feed-in; < 0: less consumption.
        choose_until: the offers stand until then, for people to order; None: the agent chooses among them at once.
    """

    number: str
    by: str
    point: str
    period: date
    first_isp: int
    last_isp: int
    power_w: int
    choose_until: datetime | None = None


@wire("mail.OfferOrderWanted")
@dataclass(frozen=True, slots=True)
class OfferOrderWanted:
    """An offer that stands is accepted: one of its options is ordered.

    Attributes:
        offer: reference of the offer (UFTP MessageID).
        option: reference of the option; empty where the offer has one alone.
        factor_pct: how much of the option, in percent; not below the offered minimum.
    """

    number: str
    by: str
    offer: str
    option: str
    factor_pct: int


@wire("mail.DisputeAnswerWanted")
@dataclass(frozen=True, slots=True)
class DisputeAnswerWanted:
    """A dispute that the meters did not decide is answered by people: whose copies of the meter data count.

    Attributes:
        period: the day it is about.
        buyer, seller: domains.
        counts: domain of the party whose copies count.
        words: why, for both parties.
    """

    number: str
    by: str
    period: date
    buyer: str
    seller: str
    counts: str
    words: str


@wire("mail.WorksWanted")
@dataclass(frozen=True, slots=True)
class WorksWanted:
    """Works at a congestion point, or an interruption of its supply, declared before they begin or while they last.

    Attributes:
        end: None: nobody knows yet (of an interruption that lasts).
        carries_pct: what the point's branch carries meanwhile, of what it may carry otherwise; 0 where supply is interrupted.
        planned: told to those affected in advance; False: a fault.
        words: what is done, or what broke.
    """

    number: str
    by: str
    point: str
    begin: datetime
    end: datetime | None
    carries_pct: int
    planned: bool
    words: str


@wire("mail.WorksEndWanted")
@dataclass(frozen=True, slots=True)
class WorksEndWanted:
    """Works are over, or called off before they began; `works` is the number under which they were declared."""

    number: str
    by: str
    works: str


@wire("mail.PointLimitWanted")
@dataclass(frozen=True, slots=True)
class PointLimitWanted:
    """An emergency: the feed-in of all plants below a congestion point is limited from now on, or that is lifted.

    Attributes:
        feed_in_pct: of each plant's rating, 0 to 100; None: lifted.
        until: it ends by itself then.
    """

    urgent: ClassVar[bool] = True
    number: str
    by: str
    point: str
    feed_in_pct: int | None
    until: datetime


@wire("mail.ConsumptionLimitWanted")
@dataclass(frozen=True, slots=True)
class ConsumptionLimitWanted:
    """An emergency: what controllable devices below a congestion point draw is limited from now on, or that is lifted.

    Attributes:
        consumption_pct: of each device's rating, 0 to 100; None: lifted.
        until: it ends by itself then.
    """

    urgent: ClassVar[bool] = True
    number: str
    by: str
    point: str
    consumption_pct: int | None
    until: datetime


@wire("mail.MicrogridSetpointWanted")
@dataclass(frozen=True, slots=True)
class MicrogridSetpointWanted:
    """The DSO's engineer wants the whole microgrid at a net power, by its members' flexibility, ordered and paid.

    Attributes:
        first_isp, last_isp: of the local day, from 1, both included.
        power_w: at the point of common coupling, + = import.
    """

    number: str
    by: str
    period: date
    first_isp: int
    last_isp: int
    power_w: int


@wire("mail.MicrogridLimitWanted")
@dataclass(frozen=True, slots=True)
class MicrogridLimitWanted:
    """The import of the whole microgrid is limited from now on, or that is taken back.

    Attributes:
        import_w: the most net power at the point of common coupling; None: taken back.
        failsafe_w: what holds instead when the DSO's agent is heard no more; None: the same limit.
        until: it ends by itself then, while the DSO's agent is heard.
    """

    urgent: ClassVar[bool] = True
    number: str
    by: str
    import_w: int | None
    failsafe_w: int | None
    until: datetime


@wire("mail.SettlementWanted")
@dataclass(frozen=True, slots=True)
class SettlementWanted:
    """A day that is over is to be settled now, with the meter data that came, and not when all of it is in or time is up."""

    number: str
    by: str
    period: date


@wire("mail.ElementKeptWanted")
@dataclass(frozen=True, slots=True)
class ElementKeptWanted:
    """A prosumer keeps one of its elements for itself from now on; `until` None: it gives the element back."""

    urgent: ClassVar[bool] = True
    number: str
    by: str
    element: str
    until: datetime | None


@wire("mail.KeyRotationWanted")
@dataclass(frozen=True, slots=True)
class KeyRotationWanted:
    """A party is to sign with another key from now on: the next that was prepared for it at the site's start."""

    number: str
    by: str


@wire("mail.AggregatorWanted")
@dataclass(frozen=True, slots=True)
class AggregatorWanted:
    """A prosumer takes its connection to another aggregator, `to` (its domain or name), from a local day on."""

    number: str
    by: str
    to: str
    day: date


@wire("mail.RequestAnswered")
@dataclass(frozen=True, slots=True)
class RequestAnswered:
    """The agent's answer: whether it does what it was asked, and in a sentence what follows, or why not."""

    number: str
    accepted: bool
    reason: str


Wanted = (
    FlexibilityWanted
    | OfferOrderWanted
    | PointLimitWanted
    | ConsumptionLimitWanted
    | MicrogridSetpointWanted
    | MicrogridLimitWanted
    | SettlementWanted
    | DisputeAnswerWanted
    | WorksWanted
    | WorksEndWanted
    | ElementKeptWanted
    | KeyRotationWanted
    | AggregatorWanted
)
KINDS: dict[str, type[Wanted]] = {
    "flexibility": FlexibilityWanted,
    "point-limit": PointLimitWanted,
    "consumption-limit": ConsumptionLimitWanted,
    "microgrid-setpoint": MicrogridSetpointWanted,
    "microgrid-limit": MicrogridLimitWanted,
    "settlement": SettlementWanted,
    "order": OfferOrderWanted,
    "dispute": DisputeAnswerWanted,
    "works": WorksWanted,
    "works-end": WorksEndWanted,
    "keep-element": ElementKeptWanted,
    "rotate-key": KeyRotationWanted,
    "aggregator": AggregatorWanted,
}
KIND_OF = {kind: name for name, kind in KINDS.items()}
