"""What the grid is expected to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.SafetyAnalysed")
@dataclass(frozen=True, slots=True)
class SafetyAnalysed(Publication):
    """The DSO's grid safety analysis of one congestion point on one local day.

    Attributes:
        congestion_point: its entity address (USEF).
        period: the local day.
        need_w: change of the point's net power that mends it, for each ISP of the day; 0 where nothing is needed.
        loading_pct: expected loading of the branch that limits the point, percent of its rating, for each ISP.
    """

    congestion_point: str
    period: date
    need_w: tuple[int, ...]
    loading_pct: tuple[float, ...]


@wire("published.SafetyCaseFound")
@dataclass(frozen=True, slots=True)
class SafetyCaseFound(Publication):
    """What a case of the DSO's safety analysis would do to a congestion point on a local day.

    Attributes:
        congestion_point: its entity address (USEF).
        period: the local day.
        case: what is lost, and which quantile of the forecasts it comes with, in words.
        branch, loading_pct: for each ISP the branch that is loaded most, and its loading, percent of its rating.
        node, voltage_pu: for each ISP the node nearest to its voltage limit or furthest beyond, and its voltage per unit.
        broken: the ISPs (from 1) in which a limit is broken.
    """

    congestion_point: str
    period: date
    case: str
    branch: tuple[str, ...]
    loading_pct: tuple[float, ...]
    node: tuple[str, ...]
    voltage_pu: tuple[float, ...]
    broken: tuple[int, ...]

    @property
    def worst(self) -> int:
        """The ISP (from 1) that is loaded most: of those in which a limit is broken, else of all."""
        isps = self.broken or range(1, len(self.loading_pct) + 1)
        return max(isps, key=lambda isp: self.loading_pct[isp - 1])


@wire("published.FeedInLimited")
@dataclass(frozen=True, slots=True)
class FeedInLimited(Publication):
    """The DSO limited a connection's PV and wind plants for the rest of an ISP, or lifted that limit.

    Attributes:
        usage_point: the connection.
        congestion_point: why: the point whose limit would be exceeded.
        period, isp: the ISP (1-based) of the local day.
        limit_w: the plants together stay at or above it (<= 0); null: lifted.
        until: when it ends by itself.
    """

    usage_point: str
    congestion_point: str
    period: date
    isp: int
    limit_w: int | None
    until: datetime


@wire("published.FeedInAccounted")
@dataclass(frozen=True, slots=True)
class FeedInAccounted(Publication):
    """What the DSO's limits took from a connection on a local day, by the plants' available power.

    Attributes:
        curtailed_wh: available less given, in the ISPs that were limited.
        lost_own_use_wh: of that, what the connection had to draw from the grid instead.
        compensation_e4: what the DSO pays for it.
        isps, taken_w: the ISPs (from 1) that were limited and accounted, and the mean watts that were taken in each.
    """

    usage_point: str
    period: date
    curtailed_wh: int
    lost_own_use_wh: int
    compensation_e4: int
    isps: tuple[int, ...] = ()
    taken_w: tuple[int, ...] = ()


@wire("published.ConsumptionLimited")
@dataclass(frozen=True, slots=True)
class ConsumptionLimited(Publication):
    """In an emergency the DSO limited by hand what controllable devices below a congestion point draw, or lifted that.

    Attributes:
        number: of the request by hand.
        congestion_point: below which it holds.
        consumption_pct: of each device's rating that it may draw; null: lifted.
        until: when it ends by itself.
        usage_points: the connections that were told.
        against_wh: what the DSO's own orders want there in that time that is more consumption: what of it fails is not paid,
            nor fined.
    """

    number: str
    congestion_point: str
    consumption_pct: int | None
    until: datetime
    usage_points: tuple[str, ...]
    against_wh: int


@wire("published.ConsumptionHeldBack")
@dataclass(frozen=True, slots=True)
class ConsumptionHeldBack(Publication):
    """What a connection expects an emergency's limit to hold back of its devices until it ends, when it was told of it.

    Attributes:
        number: of the limit.
        usage_point: the connection.
        devices: how many of its devices the limit holds.
        planned_wh: what they were expected to draw beyond it; taken later, where there is time and need.
        ordered_wh: what orders in force want of them beyond it: it is not delivered, and neither paid nor fined.
    """

    number: str
    usage_point: str
    devices: int
    planned_wh: int
    ordered_wh: int


@wire("published.SellerJudged")
@dataclass(frozen=True, slots=True)
class SellerJudged(Publication):
    """The DSO found that a seller's prognoses overstate feed-in (or do no more), by its last days up to `period`."""

    seller: str
    period: date
    overstates: bool
    foretold_wh: int
    metered_wh: int


@wire("published.PrognosisReplaced")
@dataclass(frozen=True, slots=True)
class PrognosisReplaced(Publication):
    """The DSO's own prognosis in place of a seller's (by its revision), for each ISP of a local day, watts."""

    seller: str
    congestion_point: str
    period: date
    revision: int
    power_w: tuple[int, ...]


@wire("published.ExchangeForecast")
@dataclass(frozen=True, slots=True)
class ExchangeForecast(Publication):
    """Expected net power at the site's point of common coupling in each ISP of a local day, watts, + = import."""

    period: date
    power_w: tuple[int, ...]


@wire("published.EnvelopeStep")
@dataclass(frozen=True, slots=True)
class EnvelopeStep:
    """A step of the cost of an envelope.

    Attributes:
        more: towards more consumption; false: towards less.
        price_e4_per_kwh: by members' contracts, ten-thousandths of the currency unit.
        power_w: the most of it in each ISP, a magnitude.
        room_wh: the most of it that may have been called by the end of each ISP, from the first asked for on; empty: any.
    """

    more: bool
    price_e4_per_kwh: int
    power_w: tuple[int, ...]
    room_wh: tuple[int, ...]


@wire("published.MicrogridEnvelope")
@dataclass(frozen=True, slots=True)
class MicrogridEnvelope(Publication):
    """The microgrid as one unit in each ISP of a local day: what it will do, and could do instead (+ = import).

    Attributes:
        expected_w: the sum of all prognoses.
        low_w, high_w: how low and how high it could go in each ISP, if that one alone is called.
        steps: what is behind them, cheapest first; whatever fits them can be split among the members.
        portfolios, told: how many there are, and of how many it is known what they could give.
        delivered_pct: how much of what was ordered of members they delivered lately; null: nothing was.
    """

    period: date
    expected_w: tuple[int, ...]
    low_w: tuple[int, ...]
    high_w: tuple[int, ...]
    steps: tuple[EnvelopeStep, ...]
    portfolios: int
    told: int
    delivered_pct: int | None


@wire("published.MicrogridLimited")
@dataclass(frozen=True, slots=True)
class MicrogridLimited(Publication):
    """What holds of the DSO's limit of the microgrid's import has changed.

    Attributes:
        number: of the request.
        import_w: the limit that holds; null: none.
        consumption_pct: of their ratings that limitable devices may draw by it.
        failsafe: the DSO was not heard any more: its fail-safe limit holds, until a heartbeat and a limit have come.
        until: when it ends by itself; null: not by itself.
        kept: whether it is kept by what is expected.
        rest_w: the most that is expected beside limitable devices meanwhile.
    """

    number: str
    import_w: int | None
    consumption_pct: int | None
    failsafe: bool
    until: datetime | None
    kept: bool
    rest_w: int


@wire("published.WorksDeclared")
@dataclass(frozen=True, slots=True)
class WorksDeclared(Publication):
    """The DSO declared works at a congestion point, an interruption of its supply among them, or changed what it declared.

    Attributes:
        number: of the works; what is told last under it counts.
        begin, end: `end` null: nobody knows yet.
        carries_pct: what the point's branch carries meanwhile, of what it may carry otherwise; 0: supply is interrupted.
        planned: told in advance; false: a fault.
        state: `declared`, `running`, `over`, `called off`.
        usage_points: the connections that are affected.
        words: what is done, or what broke.
    """

    number: str
    congestion_point: str
    begin: datetime
    end: datetime | None
    carries_pct: int
    planned: bool
    state: str
    usage_points: tuple[str, ...]
    words: str


@wire("published.SupplyInterrupted")
@dataclass(frozen=True, slots=True)
class SupplyInterrupted(Publication):
    """Connections have no supply from `at` on; `works` is the number under which the DSO declared it."""

    works: str
    congestion_point: str
    planned: bool
    usage_points: tuple[str, ...]
    words: str


@wire("published.SupplyRestored")
@dataclass(frozen=True, slots=True)
class SupplyRestored(Publication):
    """They have it again, since `at`."""

    works: str
    usage_points: tuple[str, ...]


@wire("published.ExchangeBand")
@dataclass(frozen=True, slots=True)
class ExchangeBand(Publication):
    """Net power at the site's point of common coupling on a local day, forecast by its own meter, weather and calendar.

    Watts in each ISP, + = import, grid losses included once the meter has shown them: what comes is below `low_w` with a
    chance of 10 %, below `median_w` with one of 50 %, below `high_w` with one of 90 %.
    """

    period: date
    low_w: tuple[int, ...]
    median_w: tuple[int, ...]
    high_w: tuple[int, ...]


@wire("published.PortfolioBand")
@dataclass(frozen=True, slots=True)
class PortfolioBand(Publication):
    """Net power of a seller's connections at a congestion point on a local day, as the DSO expects it by the seller's last errors.

    Watts in each ISP, + = consumption, with what is ordered: what comes is below `low_w` with a chance of 10 %, below `median_w`
    with one of 50 %, below `high_w` with one of 90 %.
    """

    seller: str
    congestion_point: str
    period: date
    low_w: tuple[int, ...]
    median_w: tuple[int, ...]
    high_w: tuple[int, ...]
