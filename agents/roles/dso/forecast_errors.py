"""What the DSO has learned of each portfolio's prognoses: how far the meters differed from them, by lead and hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from agents.planning.forecast.error_quantiles import (
    KEPT_DAYS,
    LEADS,
    error_quantile,
    hourly_errors,
    lead_class,
    lead_classes,
)
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.consumption_limits import ConsumptionLimits
from agents.roles.dso.curtailment import Curtailment
from agents.roles.dso.meter_history import MeterHistory
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.prognosis_checks import DayCompared, DayForetold
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement_as_buyer import DaySettled
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.settlement.day import lost_isps, metered_w
from market.uftp import DPrognosis


@wire("dso.ForecastErrors")
@dataclass(slots=True)
class ForecastErrorsState:
    """By (seller, congestion point) and class of lead, the last metered days: each [24] watts, metered less foretold."""

    errors_w: dict[tuple[str, str], tuple[tuple[Floats, ...], ...]] = field(default_factory=dict)


class ForecastErrors(Part[ForecastErrorsState]):
    """Learns from each settled day, where nothing was ordered or limited; says what is to be expected of the next."""

    def __init__(
        self,
        me: AgentIdentity,
        config: DsoConfig,
        *,
        prognoses: Prognoses,
        ordering: Ordering,
        curtailment: Curtailment,
        emergencies: ConsumptionLimits,
        meters: MeterData,
        history: MeterHistory,
    ) -> None:
        super().__init__(me, ForecastErrorsState())
        self._config, self._prognoses, self._ordering = config, prognoses, ordering
        self._curtailment, self._emergencies = curtailment, emergencies
        self._meters, self._history = meters, history

    def quantiles_w(self, seller: str, point: str, day: LocalDay, foretold_at: datetime, chances: Floats) -> Floats:
        """[T] what the error of a prognosis does not exceed with these chances ([T], 0 to 1)."""
        learned = self.state.errors_w.get((seller, point), ((),) * (len(LEADS) + 1))
        swing = self._history.most_w([c.usage_point for c in self._config.of_seller(seller, point, day.day)], day.count)
        shares = self._config.buying_rules.assumed_error_pct
        found = np.zeros(day.count)
        for isp, lead in enumerate(lead_classes(day, foretold_at), start=1):
            hour = (isp - 1) * 24 // day.count
            errors = [float(row[hour]) for row in learned[lead]]
            found[isp - 1] = error_quantile(float(chances[isp - 1]), shares[lead] / 100 * float(swing[isp - 1]), errors)
        return found

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """Compare each portfolio's prognoses of the day with its meters."""
        day, effects = self.rules.day(event.period), list[Effect]()
        for seller, point in self._config.pairs(day.day):
            place = SellerPointDay(seller, point, day.day)
            told = sorted(self._prognoses.all_of(place), key=lambda p: p.revision)
            eans = [c.usage_point for c in self._config.of_seller(seller, point, day.day)]
            meterings = self._meters.of_all(eans, day.day)
            if not told or len(meterings) < len(eans):
                continue
            free = np.ones(day.count)
            limited = [isp for ean in eans for isp in self._curtailment.limited_isps(ean, day.day)]
            held = [isp for ean in eans for isp in self._emergencies.limited_isps(ean, day.day)]
            for isp in (*self._ordering.ordered_w(place), *limited, *held, *lost_isps(meterings)):
                free[isp - 1] = 0.0
            metered = np.array(metered_w(meterings, day.count), dtype=np.float64)
            foretold, counts = self._learn(place, day, told, metered, free)
            effects += self.emit(DayForetold(place, foretold, metered, counts), now)
        return [*effects, *self.emit(DayCompared(day.day), now)]

    def _learn(
        self, place: SellerPointDay, day: LocalDay, told: list[DPrognosis], metered: Floats, free: Floats
    ) -> tuple[Floats, Floats]:
        """Of each class of lead the newest prognosis of an ISP counts; what the nearest foretold, and where it counts."""
        key = place.seller, place.congestion_point
        learned = self.state.errors_w.get(key, ((),) * (len(LEADS) + 1))
        rows = []
        nearest = np.zeros(day.count), np.zeros(day.count)
        starts = [day.isp_start(isp) for isp in range(1, day.count + 1)]
        newest = [np.full(day.count, np.nan) for _ in range(len(LEADS) + 1)]
        for prognosis in told:  # by revision, so that of each class of lead the newest stays
            at = prognosis.header.time_stamp
            for k, start in enumerate(starts):
                if at < start:
                    newest[lead_class(start - at)][k] = prognosis.power_w[k]
        for lead, rows_w in enumerate(newest):
            foretold, counts = np.nan_to_num(rows_w), np.where(np.isnan(rows_w), 0.0, free)
            errors = hourly_errors(metered, foretold, counts)
            rows.append((*learned[lead], errors)[-KEPT_DAYS:])
            nearest = (foretold, counts) if lead == 0 else nearest
        self.state.errors_w[key] = tuple(rows)
        return nearest

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Most prognoses are not recorded, so nothing of it can be rebuilt."""
        return Recovery(forgotten=("how far prognoses differed from the meters: it is learned anew",))
