"""An island's frequency, second by second: the swing equation with inertia, droop, relays and limits, compiled (numba).

    df/dt = f0 / (2 sum(H S)) * (generation - load)

Within each second steps of 20 ms are taken while anything moves; a second in which nothing does is one step. Powers are
magnitudes in watts here: what sources give is positive, for the battery negative while it takes. Voltage and reactive
power are not modelled. Without mains, without a forming battery, there is no frequency: the island is dark.

`state` and `limits` are arrays so that one compiled function serves both; their places are named below.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cim.model.arrays import Floats

STEP_S = 0.02
_SUBSTEPS = 50

# What an island remembers.
HZ, BATTERY_W, STORED_WH, CHP_W, CHP_MODE, CHP_TIMER_S, INVERTER_SHARE, INVERTER_TIMER_S = range(8)
LIT, BATTERY_REF_W, ANGLE_DEG, LOWEST_HZ, HIGHEST_HZ, CHP_LOW_S, BLACK_S, PV_W, CONNECTED, BLACKOUTS = range(8, 18)
STATE_SIZE = 18
CHP_OFF, CHP_STARTING, CHP_RUNNING = 0.0, 1.0, 2.0

# What the site's units can do, and what relays are set to.
(
    NOMINAL_HZ,
    BATTERY_RATED_W,
    CAPACITY_WH,
    EMPTY_WH,
    EFFICIENCY,
    BATTERY_INERTIA_S,
    BATTERY_DROOP,
    BATTERY_RESPONSE_S,
    RESTORE_S,
    CHP_RATED_W,
    CHP_MIN_W,
    CHP_INERTIA_S,
    CHP_DROOP,
    CHP_RATE_W_PER_S,
    CHP_START_S,
    INVERTER_RATED_W,
    OVER_HZ,
    INVERTER_DROOP,
    TRIP_HZ,
    RECONNECT_S,
    RAMP_S,
    DAMPING,
    SHED_DELAY_S,
    LOWEST_ALLOWED_HZ,
    HIGHEST_ALLOWED_HZ,
    TRIP_DELAY_S,
) = range(26)
LIMITS_SIZE = 26


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def advance(
    state: Floats,
    limits: Floats,
    closed: Floats,
    load_w: Floats,
    below_hz: Floats,
    low_s: Floats,
    orders: Floats,
    sun_w: float,
    seconds: int,
    demand_wh: Floats,
    served_wh: Floats,
    trace: Floats,
) -> int:
    """Move an island on by whole seconds; returns after how many (fewer where it is connected to mains again).

    Args:
        state: [STATE_SIZE], changed.
        limits: [LIMITS_SIZE].
        closed: [stages] 1 where a stage is connected, changed by its relay.
        load_w: [stages] what each stage draws at nominal frequency when connected.
        below_hz: [stages] setting of its under-frequency relay; 0: none.
        low_s: [stages] for how long the frequency has been below it, changed.
        orders: [4] CHP power (0: off), most that inverters may give, nominal frequency to hold, 1 to close to mains.
        sun_w: what sun and wind could give.
        demand_wh, served_wh: [stages] added to.
        trace: [>= seconds, 6 + stages] filled: Hz, battery, CHP, inverters, load served (W), stored (Wh), closed; or empty.
    """
    stages = load_w.size
    for second in range(seconds):
        wanted_w = 0.0
        for k in range(stages):
            demand_wh[k] += load_w[k] / 3600.0
            wanted_w += closed[k] * load_w[k]
        if state[LIT] > 0.5:
            hz_before, chp_before = state[HZ], state[CHP_W]
            pv_before, battery_before = state[PV_W], state[BATTERY_W]
            substep(state, limits, closed, load_w, below_hz, low_s, orders, sun_w, served_wh, STEP_S)
            moved = abs(state[HZ] - hz_before) + abs(state[HZ] - orders[2])
            moved_w = abs(state[CHP_W] - chp_before) + abs(state[PV_W] - pv_before)
            moved_w += abs(state[BATTERY_W] - battery_before)
            quiet = moved < 2e-3 and moved_w < 1.0 and state[CHP_MODE] != CHP_STARTING and orders[3] < 0.5
            if quiet:
                substep(state, limits, closed, load_w, below_hz, low_s, orders, sun_w, served_wh, -(1.0 - STEP_S))
            else:
                for _ in range(_SUBSTEPS - 1):
                    if state[LIT] < 0.5 or state[CONNECTED] > 0.5:
                        break
                    substep(state, limits, closed, load_w, below_hz, low_s, orders, sun_w, served_wh, STEP_S)
        if trace.size:
            now_w = 0.0
            for k in range(stages):
                now_w += closed[k] * load_w[k] * state[LIT]
                trace[second, 6 + k] = closed[k] * state[LIT]
            trace[second, 0] = state[HZ]
            trace[second, 1] = state[BATTERY_W]
            trace[second, 2] = state[CHP_W]
            trace[second, 3] = state[PV_W]
            trace[second, 4] = now_w
            trace[second, 5] = state[STORED_WH]
        if state[CONNECTED] > 0.5:
            return second + 1
    return seconds


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def substep(
    state: Floats,
    limits: Floats,
    closed: Floats,
    load_w: Floats,
    below_hz: Floats,
    low_s: Floats,
    orders: Floats,
    sun_w: float,
    served_wh: Floats,
    dt: float,
) -> None:
    """One step; a negative `dt` is the rest of a quiet second: energy and timers move, the frequency does not."""
    still = dt < 0.0
    dt = abs(dt)
    nominal = limits[NOMINAL_HZ]
    below = nominal - state[HZ]
    # loads
    drawn_w = 0.0
    for k in range(load_w.size):
        taken_w = closed[k] * load_w[k]
        served_wh[k] += taken_w * dt / 3600.0
        drawn_w += taken_w
    drawn_w *= 1.0 - limits[DAMPING] * below / nominal
    _inverters(state, limits, orders[1], sun_w, dt)
    _chp(state, limits, orders, below, dt)
    _battery(state, limits, orders[2], dt, still)
    if still:
        return
    turning = limits[BATTERY_INERTIA_S] * limits[BATTERY_RATED_W]
    if state[CHP_MODE] == CHP_RUNNING:
        turning += limits[CHP_INERTIA_S] * limits[CHP_RATED_W]
    excess_w = state[PV_W] + state[CHP_W] + state[BATTERY_W] - drawn_w
    state[HZ] += nominal / (2.0 * turning) * excess_w * dt
    state[LOWEST_HZ] = min(state[LOWEST_HZ], state[HZ])
    state[HIGHEST_HZ] = max(state[HIGHEST_HZ], state[HZ])
    _relays(state, limits, closed, below_hz, low_s, dt)
    if state[LIT] < 0.5:
        return
    # closing to mains: within 0.1 Hz and 10 degrees
    state[ANGLE_DEG] = (state[ANGLE_DEG] + 360.0 * (state[HZ] - nominal) * dt) % 360.0
    apart = min(state[ANGLE_DEG], 360.0 - state[ANGLE_DEG])
    if orders[3] > 0.5 and apart < 10.0 and abs(state[HZ] - nominal) < 0.1:
        state[CONNECTED] = 1.0


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _inverters(state: Floats, limits: Floats, limit_w: float, sun_w: float, dt: float) -> None:
    """Sun and wind: less above `OVER_HZ`, off above `TRIP_HZ`, then waiting and ramping up again."""
    nominal = limits[NOMINAL_HZ]
    if state[INVERTER_TIMER_S] > 0.0:
        state[INVERTER_TIMER_S] -= dt
        state[INVERTER_SHARE] = 0.0
    elif state[INVERTER_SHARE] < 1.0:
        state[INVERTER_SHARE] = min(1.0, state[INVERTER_SHARE] + dt / limits[RAMP_S])
    high = max(0.0, state[HZ] - limits[OVER_HZ]) / (limits[INVERTER_DROOP] * nominal)
    may_w = min(sun_w, state[INVERTER_SHARE] * limits[INVERTER_RATED_W]) * max(0.0, 1.0 - high)
    may_w = min(may_w, limit_w)
    state[PV_W] += (may_w - state[PV_W]) * min(1.0, dt / 0.1)
    if state[HZ] > limits[TRIP_HZ] and state[INVERTER_TIMER_S] <= 0.0:
        state[INVERTER_TIMER_S] = limits[RECONNECT_S]
        state[INVERTER_SHARE] = 0.0
        state[PV_W] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _battery(state: Floats, limits: Floats, hold_hz: float, dt: float, still: bool) -> None:
    """The forming battery: droop about its reference, which is moved until the frequency is what is to be held."""
    nominal = limits[NOMINAL_HZ]
    most_w = limits[BATTERY_RATED_W] if state[STORED_WH] > limits[EMPTY_WH] else 0.0
    least_w = -limits[BATTERY_RATED_W] if state[STORED_WH] < limits[CAPACITY_WH] else 0.0
    stiff_w_per_hz = limits[BATTERY_RATED_W] / (limits[BATTERY_DROOP] * nominal)
    state[BATTERY_REF_W] = min(max(state[BATTERY_REF_W], least_w), most_w)  # no memory of what it cannot give
    goal_w = state[BATTERY_REF_W] + stiff_w_per_hz * (hold_hz - state[HZ])
    if limits[RESTORE_S] > 0.0 and least_w < goal_w < most_w and not still:
        state[BATTERY_REF_W] += stiff_w_per_hz * (hold_hz - state[HZ]) * dt / limits[RESTORE_S]
    goal_w = min(max(goal_w, least_w), most_w)
    if not still or goal_w == 0.0:
        state[BATTERY_W] += (goal_w - state[BATTERY_W]) * min(1.0, dt / limits[BATTERY_RESPONSE_S])
    inside_w = state[BATTERY_W] / limits[EFFICIENCY] if state[BATTERY_W] > 0 else state[BATTERY_W] * limits[EFFICIENCY]
    state[STORED_WH] = min(max(state[STORED_WH] - inside_w * dt / 3600.0, 0.0), limits[CAPACITY_WH])


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _relays(state: Floats, limits: Floats, closed: Floats, below_hz: Floats, low_s: Floats, dt: float) -> None:
    """Under-frequency relays open stages; far outside of what units bear, all goes out."""
    for k in range(closed.size):
        if below_hz[k] > 0.0 and closed[k] > 0.5 and state[HZ] < below_hz[k]:
            low_s[k] += dt
            if low_s[k] >= limits[SHED_DELAY_S]:
                closed[k] = 0.0
                low_s[k] = 0.0
        else:
            low_s[k] = 0.0
    if state[HZ] < limits[LOWEST_ALLOWED_HZ] or state[HZ] > limits[HIGHEST_ALLOWED_HZ]:
        state[BLACK_S] += dt
        if state[BLACK_S] >= limits[TRIP_DELAY_S]:
            go_dark(state)
            state[BLACKOUTS] += 1.0
    else:
        state[BLACK_S] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _chp(state: Floats, limits: Floats, orders: Floats, below: float, dt: float) -> None:
    """The engine: off, starting, or running on its governor's droop about what is ordered, at its governor's speed."""
    if limits[CHP_RATED_W] <= 0.0 or (orders[0] <= 0.0 and state[CHP_MODE] != CHP_OFF):
        state[CHP_MODE] = CHP_OFF
        state[CHP_W] = 0.0
        return
    if state[CHP_MODE] == CHP_OFF:
        if orders[0] > 0.0:
            state[CHP_MODE] = CHP_STARTING
            state[CHP_TIMER_S] = limits[CHP_START_S]
        return
    if state[CHP_MODE] == CHP_STARTING:
        state[CHP_TIMER_S] -= dt
        if state[CHP_TIMER_S] <= 0.0:
            state[CHP_MODE] = CHP_RUNNING
            state[CHP_LOW_S] = 0.0
        return
    nominal = limits[NOMINAL_HZ]
    goal_w = orders[0] + limits[CHP_RATED_W] / (limits[CHP_DROOP] * nominal) * below
    goal_w = min(max(goal_w, limits[CHP_MIN_W]), limits[CHP_RATED_W])
    most_w = limits[CHP_RATE_W_PER_S] * dt
    state[CHP_W] += min(max(goal_w - state[CHP_W], -most_w), most_w)
    if state[HZ] < 47.5 or state[HZ] > 52.0:
        state[CHP_LOW_S] += dt
        if state[CHP_LOW_S] >= 0.5:
            state[CHP_MODE] = CHP_OFF
            state[CHP_W] = 0.0
    else:
        state[CHP_LOW_S] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def go_dark(state: Floats) -> None:
    """Everything trips: no frequency, no power."""
    state[LIT] = 0.0
    state[HZ] = 0.0
    state[BATTERY_W] = 0.0
    state[BATTERY_REF_W] = 0.0
    state[CHP_W] = 0.0
    state[CHP_MODE] = CHP_OFF
    state[PV_W] = 0.0
    state[INVERTER_SHARE] = 0.0
    state[BLACK_S] = 0.0


def new_state(stored_wh: float, hz: float) -> Floats:
    """A lit island at nominal frequency with nothing running yet, shape (STATE_SIZE,)."""
    state = np.zeros(STATE_SIZE)
    state[[HZ, LOWEST_HZ, HIGHEST_HZ]] = hz
    state[STORED_WH], state[LIT], state[INVERTER_SHARE] = stored_wh, 1.0, 1.0
    return state
