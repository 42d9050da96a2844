"""One island: its units' limits from the site file, its state, and its way from the loss of mains to their return."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cim.model.arrays import Floats
from environment.physics import frequency as f
from environment.sites.devices import BatteryUnit, ChpUnit
from environment.sites.islanding import Islanding
from environment.sites.schema import Site

TRACE_COLUMNS = 6  # Hz, battery, CHP, inverters, load served (W), stored (Wh); then 1 for each stage that is connected


@dataclass(frozen=True, eq=False, slots=True)
class IslandLimits:
    """What the units of a site's island can do.

    Attributes:
        values: [frequency.LIMITS_SIZE].
        below_hz: [stages] by priority; 0 where no relay is.
    """

    values: Floats
    below_hz: Floats

    @property
    def battery_w(self) -> float:
        """Rating of the forming battery."""
        return float(self.values[f.BATTERY_RATED_W])

    @property
    def capacity_wh(self) -> float:
        """Of the forming battery, all of it."""
        return float(self.values[f.CAPACITY_WH])

    @property
    def empty_wh(self) -> float:
        """What always stays in it."""
        return float(self.values[f.EMPTY_WH])

    @property
    def efficiency(self) -> float:
        """Of charging and of discharging, each way."""
        return float(self.values[f.EFFICIENCY])

    @property
    def chp_w(self) -> float:
        """Rating of the CHP plant; 0 without one."""
        return float(self.values[f.CHP_RATED_W])

    @property
    def chp_min_w(self) -> float:
        """Its least power."""
        return float(self.values[f.CHP_MIN_W])


def limits_of(site: Site, plan: Islanding, inverter_rated_w: float) -> IslandLimits:
    """The limits of a site's island; the site has been checked."""
    units = {p.device_name(d): d for p in site.prosumers for d in p.devices}
    battery = units[plan.forming.unit]
    assert isinstance(battery, BatteryUnit)  # noqa: S101 - the site's check holds it
    values, forming = np.zeros(f.LIMITS_SIZE), plan.forming
    capacity_wh = battery.capacity_wh.value
    values[f.NOMINAL_HZ] = plan.nominal_hz
    values[f.BATTERY_RATED_W], values[f.CAPACITY_WH] = battery.rated_w.value, capacity_wh
    values[f.EMPTY_WH] = forming.empty_soc.value * capacity_wh
    values[f.EFFICIENCY] = site.batteries.one_way_efficiency.value
    values[f.BATTERY_INERTIA_S], values[f.BATTERY_DROOP] = forming.inertia_s.value, forming.droop_pct.value / 100
    values[f.BATTERY_RESPONSE_S], values[f.RESTORE_S] = forming.response_s.value, forming.restore_s.value
    if plan.engine is not None:
        chp = units[plan.engine.unit]
        assert isinstance(chp, ChpUnit)  # noqa: S101 - the site's check holds it
        rated_w = chp.rated_w.value
        values[f.CHP_RATED_W], values[f.CHP_MIN_W] = rated_w, chp.minimum.value * rated_w
        values[f.CHP_INERTIA_S], values[f.CHP_DROOP] = plan.engine.inertia_s.value, plan.engine.droop_pct.value / 100
        values[f.CHP_RATE_W_PER_S] = plan.engine.governor_pct_per_s.value / 100 * rated_w
        values[f.CHP_START_S] = plan.engine.start_s.value
    inverters = plan.inverters
    values[f.INVERTER_RATED_W], values[f.OVER_HZ] = inverter_rated_w, inverters.over_hz.value
    values[f.INVERTER_DROOP], values[f.TRIP_HZ] = inverters.droop_pct.value / 100, inverters.trip_hz.value
    values[f.RECONNECT_S], values[f.RAMP_S] = inverters.reconnect_s.value, inverters.ramp_s.value
    values[f.DAMPING], values[f.SHED_DELAY_S] = plan.damping_pct.value, plan.shed_delay_s.value
    values[f.LOWEST_ALLOWED_HZ], values[f.HIGHEST_ALLOWED_HZ], values[f.TRIP_DELAY_S] = 47.0, 52.5, 0.2
    by_priority = sorted(plan.stages, key=lambda stage: stage.priority)
    relays = np.array([0.0 if stage.below_hz is None else stage.below_hz.value for stage in by_priority])
    return IslandLimits(values, relays)


@dataclass(slots=True)
class Orders:
    """What the units of the island have been told last.

    Attributes:
        chp_w: what the CHP plant gives at nominal frequency; 0: off.
        sun_limit_w: most that inverters may give together.
        hold_hz: the frequency that the battery holds.
        close: close the breaker to mains when in step with them.
    """

    chp_w: float = 0.0
    sun_limit_w: float = 1e12
    hold_hz: float = 50.0
    close: bool = False


@dataclass(eq=False)
class Island:
    """A site's island from the loss of mains on.

    Attributes:
        state: see `frequency`.
        closed: [stages] 1 where connected.
        demand_wh, served_wh: [stages] so far.
        seconds: since the loss of mains.
    """

    limits: IslandLimits
    state: Floats
    closed: Floats
    orders: Orders = field(default_factory=Orders)
    seconds: int = 0

    def __post_init__(self) -> None:
        stages = self.closed.size
        self.demand_wh, self.served_wh, self._low_s = np.zeros(stages), np.zeros(stages), np.zeros(stages)

    @property
    def lit(self) -> bool:
        """Whether there is any frequency."""
        return bool(self.state[f.LIT] > 0.5)

    @property
    def connected(self) -> bool:
        """Whether it is one with mains again."""
        return bool(self.state[f.CONNECTED] > 0.5)

    def advance(self, seconds: int, load_w: Floats, sun_w: float, *, traced: bool = False) -> Floats:
        """Whole seconds at these loads [stages] and this sun; the trace [seconds run, TRACE_COLUMNS + stages], or empty."""
        orders = self.orders
        told = np.array([orders.chp_w, orders.sun_limit_w, orders.hold_hz, float(orders.close)])
        width = TRACE_COLUMNS + self.closed.size
        trace = np.zeros((seconds, width)) if traced else np.zeros((0, width))
        run = f.advance(
            self.state, self.limits.values, self.closed, load_w, self.limits.below_hz, self._low_s,
            told, sun_w, seconds, self.demand_wh, self.served_wh, trace,
        )  # fmt: skip
        self.seconds += run
        return trace[:run]

    def separate(self, seconds: float, load_w: Floats, sun_w: float) -> None:
        """The first instants, before anybody has been told anything: each unit goes on by its own rules."""
        told = np.array([self.orders.chp_w, self.orders.sun_limit_w, self.orders.hold_hz, 0.0])
        for _ in range(round(seconds / f.STEP_S)):
            f.substep(
                self.state, self.limits.values, self.closed, load_w, self.limits.below_hz, self._low_s, told, sun_w,
                self.served_wh, f.STEP_S,
            )  # fmt: skip
            self.demand_wh += load_w * f.STEP_S / 3600.0

    def start_black(self, stages: Floats) -> None:
        """The battery forms the island anew, with these stages [stages] connected and nothing else running."""
        state = self.state
        state[f.LIT], state[f.HZ], state[f.ANGLE_DEG] = 1.0, self.limits.values[f.NOMINAL_HZ], 180.0
        state[f.INVERTER_TIMER_S] = self.limits.values[f.RECONNECT_S]
        self.closed[:] = stages


def separated(
    limits: IslandLimits, *, stored_wh: float, battery_w: float, chp_w: float, sun_w: float, stages: int
) -> Island:
    """An island in the instant in which mains are lost: all stages connected, every unit at what it gave before.

    Args:
        battery_w: what the battery gave (> 0) or took (< 0).
        chp_w: what the CHP plant gave; 0: it is out of order.
    """
    state = f.new_state(stored_wh, float(limits.values[f.NOMINAL_HZ]))
    state[f.BATTERY_W] = state[f.BATTERY_REF_W] = battery_w
    state[f.CHP_W], state[f.PV_W] = chp_w, sun_w
    state[f.CHP_MODE] = f.CHP_RUNNING if chp_w > 0 else f.CHP_OFF
    return Island(limits, state, np.ones(stages), Orders(chp_w=chp_w))
