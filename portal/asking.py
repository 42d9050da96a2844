"""What people may ask of agents through the portal, field by field, as it comes over HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from portal.models.base import IspNumber, Shown

Number = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]
MOST_W = 1_000_000_000


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the years that there are; expected an instant near now") from None


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class Asking(Shown):
    """What every request has.

    Attributes:
        number: chosen by who asks, so that a request that is sent again is the same one; else the portal makes one.
    """

    number: Number | None = None


class AskFlexibility(Asking):
    """Flexibility wanted at a congestion point, in ISPs `first_isp` to `last_isp` (from 1, both included) of a local day.

    Attributes:
        power_w: > 0: more consumption or less feed-in; < 0: less consumption.
        choose_minutes: of the site's time; so long the offers stand, for the caller to order. null: the agent chooses at once.
            While an offer stands its members are held for it.
    """

    point: Text
    period: date
    first_isp: IspNumber
    last_isp: IspNumber
    power_w: Annotated[int, Field(ge=-MOST_W, le=MOST_W)]
    choose_minutes: Annotated[int, Field(ge=5, le=240)] | None = None


class OrderOffer(Asking):
    """An offer that stands is accepted: one of its options is ordered, wholly or in part.

    Attributes:
        offer, option: references, as `/dso/state` has them; `option` may be left out where the offer has one alone.
        factor_pct: of the option's power and price.
    """

    offer: Text
    option: Annotated[str, Field(max_length=200)] = ""
    factor_pct: Annotated[int, Field(ge=1, le=100)] = 100


class AnswerDispute(Asking):
    """A dispute that no meter decides is answered: whose copies of the meter data count.

    Attributes:
        buyer, seller, counts: domains; `counts` is one of the two.
        words: why; both parties are told.
    """

    period: date
    buyer: Text
    seller: Text
    counts: Text
    words: Text


class DeclareWorks(Asking):
    """Works at a congestion point, or an interruption of its supply: planned, or a fault that is reported.

    Attributes:
        begin, end: instants with their offset; `end` null: nobody knows yet, of a fault.
        carries_pct: what the point carries meanwhile, of what it may carry otherwise; 0: the connections below have no supply.
    """

    point: Text
    begin: Moment
    end: Moment | None = None
    carries_pct: Annotated[int, Field(ge=0, le=99)]
    planned: bool = True
    words: Text


class EndWorks(Asking):
    """Works are over, or called off; `works` is the number under which they were declared."""

    works: Number


class LimitPoint(Asking):
    """An emergency: feed-in of all plants below a congestion point is limited at once, for some minutes of the site's time.

    Attributes:
        feed_in_pct: of each plant's rating; null lifts the limit.
    """

    point: Text
    feed_in_pct: Annotated[int, Field(ge=0, le=100)] | None
    minutes: Annotated[int, Field(ge=1, le=1440)] = 15


class LimitConsumption(Asking):
    """An emergency: what controllable devices below a congestion point draw is limited at once, for some minutes.

    Attributes:
        consumption_pct: of each device's rating; null lifts the limit.
        minutes: of the site's time.
    """

    point: Text
    consumption_pct: Annotated[int, Field(ge=0, le=100)] | None
    minutes: Annotated[int, Field(ge=1, le=1440)] = 15


class SetMicrogrid(Asking):
    """The whole microgrid at a net power, in ISPs `first_isp` to `last_isp` (from 1, both included) of a local day.

    Attributes:
        power_w: at the point of common coupling, + = import.
    """

    period: date
    first_isp: IspNumber
    last_isp: IspNumber
    power_w: Annotated[int, Field(ge=-MOST_W, le=MOST_W)]


class LimitMicrogrid(Asking):
    """The import of the whole microgrid is limited at once, for some minutes of the site's time.

    Attributes:
        import_w: at the point of common coupling; null takes the limit back.
        failsafe_w: what holds instead when the DSO's agent is heard no more; null: the same limit.
    """

    import_w: Annotated[int, Field(ge=0, le=MOST_W)] | None
    failsafe_w: Annotated[int, Field(ge=0, le=MOST_W)] | None = None
    minutes: Annotated[int, Field(ge=1, le=1440)] = 15


class SettleDay(Asking):
    """A day that is over is settled now, with the meter data that came."""

    period: date


class KeepElement(Asking):
    """One of the caller's own elements is kept from the market, for some minutes of the site's time; null gives it back."""

    element: Text
    minutes: Annotated[int, Field(ge=1, le=7 * 1440)] | None


class ChangeAggregator(Asking):
    """The caller's connection goes over to another aggregator of the site, `to` (its name or domain), from a local day on.

    Notice is given by 18:00 two days before: the first day that can be asked for is the day after tomorrow, after 18:00 the
    one that follows it.
    """

    to: Text
    day: date


class RotateKey(Asking):
    """The caller's own agent goes over to the next key that was prepared for it."""
