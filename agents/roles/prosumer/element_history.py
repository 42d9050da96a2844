"""What elements drew on their last days, for baselines by like days."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.told import DayMeteringTold
from cim.codec.codec import wire
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.contracts.contract import BaselineKind
from market.settlement.baselines import like_days, x_of_y_baseline
from market.settlement.elements import moved

KEPT, LEAST, MOST = 28, 3, 10  # days kept; like days that a baseline needs at least, and takes at most
_ADJUST_ISPS = 8  # metered ISPs before the first order, by which it is adjusted to the day


@wire("prosumer.ElementHistory")
@dataclass(slots=True)
class ElementHistoryState:
    """By element, its last days that were metered through, oldest first: the day, and [T] watts."""

    days: dict[str, tuple[tuple[date, tuple[int, ...]], ...]] = field(default_factory=dict)


class ElementHistory(Part[ElementHistoryState]):
    """Keeps days without orders of the elements whose contracts may measure them by like days."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, metering: EnergyMetering, held: HeldOrders) -> None:
        super().__init__(me, ElementHistoryState())
        self._metering, self._held = metering, held
        first, kinds = self.rules.first_day, config.kinds()
        for element in config.elements:
            if kinds[element.element].baseline is BaselineKind.LIKE_DAYS:
                ago = range(len(element.history_kw), 0, -1)
                self.state.days[element.element] = tuple(
                    (first - timedelta(days=back + 1), tuple(round(float(x) * 1000) for x in row))
                    for back, row in zip(ago, element.history_kw, strict=True)
                )

    def baseline_w(self, element: str, day: LocalDay) -> tuple[int, ...] | None:
        """[T] watts of a day without its orders: the mean of its last like days, adjusted to what was metered before them.

        None where too few like days are known.
        """
        known = dict(self.state.days.get(element, ()))
        total, _ = moved(self._held.moves(element, day.day))
        ordered = sorted(isp for isp, watts in total.items() if watts)
        count = len(like_days(day, known, (), (), MOST))
        if count < LEAST or not ordered:
            return None
        lost = self._metering.lost_isps(element, day)
        before = range(ordered[0] - _ADJUST_ISPS, ordered[0])
        adjusted = before.start >= 1 and not any(isp in lost for isp in before)
        try:
            baseline = x_of_y_baseline(
                day,
                known,
                x=count,
                y=count,
                same_day=self._metering.measured_kw(element, day) * 1000 if adjusted else None,
                event_isp=ordered[0] if adjusted else None,
                adjust_isps=_ADJUST_ISPS,
            )
        except BadInput:  # a known day has another length than its date says
            return None
        return tuple(int(watts) for watts in baseline)

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """A day that was metered through, and without orders, is one that others may be like."""
        day = event.day
        for element, days in self.state.days.items():
            if not self._metering.lost_isps(element, day) and not self._held.moves(element, day.day):
                row = tuple(round(float(x) * 1000) for x in self._metering.measured_kw(element, day))
                self.state.days[element] = (*(one for one in days if one[0] != day.day), (day.day, row))[-KEPT:]
        return []
