"""The band in which the site's power at its point of common coupling is expected tomorrow, and what it is forecast by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from agents.planning.forecast.bands.history import SLOTS, KnownDays
from agents.planning.forecast.like_day import fit
from agents.roles.effects import Compute, Effect
from agents.roles.events import JobFailed, Measured
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceReport
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import exchange_band
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import WeatherForecast
from cim.model.readings import Kind, Quality

ISSUE_HOUR = 11  # local, on the day before, as members' prognoses
_KNOWN_SLOT = 4 * (ISSUE_HOUR - 1)  # of the day before: the last hour's readings may still be on their way
_KEPT_DAYS = 120


@wire("iles.ExchangeConfig")
@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """What is known of the exchange before the first day, and who meters it.

    Attributes:
        meter: the agent of the meter at the point of common coupling.
        known: metered days and what the weather service had told of each, up to the day before the first operated one.
    """

    meter: str
    known: KnownDays


@wire("iles.BandOf")
@dataclass(frozen=True, slots=True)
class BandOf:
    """The local day that a job forecasts."""

    period: date


@wire("iles.ExchangeBands")
@dataclass(slots=True)
class ExchangeBandsState:
    """What was metered and told since the first day.

    Attributes:
        counted: by instant at which a quarter-hour began, the counter (taken less given, Wh) at it; the last two days'.
        days_w: by local day, [96] mean watts of each quarter-hour by wall-clock time; NaN: not metered.
        told: by local day, [96] the weather service's word on it on the day before.
        asked: the last day that was asked for.
    """

    counted: dict[datetime, float] = field(default_factory=dict)
    days_w: dict[date, Floats] = field(default_factory=dict)
    told: dict[date, Floats] = field(default_factory=dict)
    asked: date | None = None


class ExchangeBands(Part[ExchangeBandsState]):
    """Meters the exchange, and has tomorrow's band forecast when the weather service has spoken at `ISSUE_HOUR`."""

    def __init__(self, me: AgentIdentity, config: ExchangeConfig | None) -> None:
        super().__init__(me, ExchangeBandsState())
        self._config = config

    @on(DeviceReport)
    def reported(self, message: DeviceReport, sender: str, now: datetime) -> list[Effect]:
        """A good reading at a quarter-hour's beginning: the one before it is over."""
        if self._config is None or sender != self._config.meter or message.at.minute % 15 or message.at.second:
            return []
        shown = {r.kind: r.value for r in message.readings if r.quality is Quality.GOOD}
        if not {Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT} <= set(shown):
            return []
        net_wh = shown[Kind.ENERGY_IMPORT] - shown[Kind.ENERGY_EXPORT]
        begun = message.at - timedelta(minutes=15)
        if begun in self.state.counted:
            self._metered(begun, (net_wh - self.state.counted[begun]) * 4)
        self.state.counted = {begun: self.state.counted.get(begun, net_wh), message.at: net_wh}
        return []

    def _metered(self, begun: datetime, power_w: float) -> None:
        day = self.rules.day_of(begun)
        slot = wall_clock_slot(begun, self.rules.timezone)
        row = self.state.days_w.get(day.day, np.full(SLOTS, np.nan)).copy()
        row[slot] = power_w
        self.state.days_w[day.day] = row

    @on(Measured)
    def weather(self, event: Measured, now: datetime) -> list[Effect]:
        """The weather service's word at the hour of issue is kept, and tomorrow's band asked for by it."""
        tomorrow = self.rules.day_of(now).next()
        config = self._config
        if config is None or now < tomorrow.next(-1).at(ISSUE_HOUR) or self.state.asked == tomorrow.day:
            return []
        if tomorrow.day > self.rules.periods[-1].day:
            return []
        for news in event.news:
            if isinstance(news, WeatherForecast) and news.step_s == 900:
                first = round((tomorrow.start - news.start).total_seconds()) // 900
                told = np.array(news.pv_per_unit[first : first + tomorrow.count * tomorrow.isp_minutes // 15])
                if first >= 0 and len(told) * 15 == tomorrow.count * tomorrow.isp_minutes:
                    self.state.told[tomorrow.day], self.state.asked = fit(told, SLOTS), tomorrow.day
                    return [
                        Compute(
                            BandOf(tomorrow.day),
                            "exchange-band",
                            (self._known_until(tomorrow.day, config), _KNOWN_SLOT),
                        )
                    ]
        return []

    def _known_until(self, period: date, config: ExchangeConfig) -> KnownDays:
        """The days up to `period`, the one to forecast: of the config, and over it what was metered and told since."""
        known, state, unknown = config.known, self.state, np.full(SLOTS, np.nan)
        first = max(known.first, period - timedelta(days=_KEPT_DAYS))
        days = [first + timedelta(days=number) for number in range((period - first).days + 1)]
        days_w, told = list[Floats](), list[Floats]()
        for day in days:
            number = (day - known.first).days
            before_w = known.days_w[number] if number < len(known.days_w) else unknown
            metered_w = state.days_w.get(day, unknown)
            days_w.append(np.where(np.isnan(metered_w), before_w, metered_w))
            told.append(state.told.get(day, known.told[number] if number < len(known.told) else unknown))
        return KnownDays(first, tuple(days_w), tuple(told), known.country)

    @on(BandOf)
    def forecast(self, reference: BandOf, result: tuple[Floats, ...], now: datetime) -> list[Effect]:
        """The band, fitted to the day's quarter-hours; none where too little is known yet."""
        day = self.rules.day_of(now).next()
        if not result or day.day != reference.period:
            return []
        return [exchange_band(reference.period, [fit(profile, day.count) for profile in result], now)]

    @on(JobFailed)
    def failed(self, event: JobFailed, now: datetime) -> list[Effect]:
        """It is asked for again with the next hour's weather."""
        if isinstance(event.reference, BandOf) and self.state.asked == event.reference.period:
            self.state.asked = None
        return []

    def prune(self, before: date) -> None:
        """A forecast looks back for `_KEPT_DAYS`, whatever is settled."""
        oldest = before - timedelta(days=_KEPT_DAYS)
        for kept in (self.state.days_w, self.state.told):
            for day in [day for day in kept if day < oldest]:
                del kept[day]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows no meter at the point of common coupling."""
        return Recovery(forgotten=("what was metered at the point of common coupling: bands go by weeks before",))


def wall_clock_slot(instant: datetime, timezone: str) -> int:
    """Which quarter-hour (from 0) of the wall clock an instant is in."""
    local = instant.astimezone(ZoneInfo(timezone))
    return local.hour * 4 + local.minute // 15
