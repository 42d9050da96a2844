"""What the ILES manager decides for its island each control interval, as a pure function of what it is told and expects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.planning.islanding.need import need_of_pieces
from cim.codec.codec import wire
from cim.model.arrays import Floats

_FULL, _ALMOST_FULL = 0.95, 0.88  # of capacity: from there on nothing more is charged, or only little
_AGAIN = 0.70  # a CHP plant that was stopped because the battery was full starts again below it
_USABLE = 0.95  # of ratings: what is planned with, so that droop has room
_GOVERNED = 0.1  # of a CHP plant's rating: so much too much its governor takes back in time
_LAST_SHARE = 0.2  # of the next ISP's energy; below it only priority 1 stays connected
_CLOSING_MARGIN = 1.2  # a stage is connected again only where this much of the energy it needs is there
_ISP_H = 0.25


@wire("islanding.Facts")
@dataclass(frozen=True, slots=True)
class IslandFacts:
    """What stays true of an island: its ratings (W, Wh) and promise.

    Attributes:
        promised: the first so many priorities are promised.
        mains_stable_s: how long mains have to be back.
        slip_hz: by how much the island runs faster than mains while it looks for their phase.
        start_wh: least energy with which the battery starts a dark island.
        bridge_s: until a CHP plant that starts gives what is asked of it.
    """

    battery_w: float
    capacity_wh: float
    empty_wh: float
    efficiency: float
    chp_w: float
    chp_min_w: float
    promised: int
    mains_stable_s: float
    nominal_hz: float
    start_wh: float
    bridge_s: float
    slip_hz: float = 0.05


@wire("islanding.Seen")
@dataclass(frozen=True, slots=True)
class IslandSeen:
    """What is measured in the island.

    Attributes:
        lit: whether there is any frequency.
        battery_w: > 0 while it gives.
        chp_ready: whether the CHP plant is in order.
        chp_w: what it gives; 0 also while it starts.
        closed: by priority, whether the stage is connected.
        mains_back_s: for how long mains have been there again; 0: they are not.
    """

    lit: bool
    stored_wh: float
    battery_w: float
    chp_ready: bool
    chp_on: bool
    chp_w: float
    sun_w: float
    closed: tuple[bool, ...]
    mains_back_s: float


@dataclass(frozen=True, eq=False, slots=True)
class IslandOutlook:
    """What is expected from this ISP on.

    Attributes:
        load_w: [stages, ISPs] by priority.
        sun_w: [ISPs] available.
        remaining_isps: how long the outage may last still, for the chosen confidence; at least 1.
    """

    load_w: Floats
    sun_w: Floats
    remaining_isps: int


@wire("islanding.Orders")
@dataclass(frozen=True, slots=True)
class IslandOrders:
    """What the units of the island are to do until the next decision.

    Attributes:
        closed: by priority, which stages are to be connected.
        chp_w: what the CHP plant is to give at nominal frequency; 0: stop.
        sun_limit_w: most that PV and wind may give together.
        start: the battery forms the dark island anew.
        hold_hz: the frequency that the battery holds.
        close: close to mains when in step with them; of a dark island: at once.
        stop: the battery lets the island go dark, for nothing is left to carry anything with.
    """

    closed: tuple[bool, ...]
    chp_w: float
    sun_limit_w: float
    start: bool
    hold_hz: float
    close: bool
    stop: bool = False


def decide(facts: IslandFacts, seen: IslandSeen, outlook: IslandOutlook) -> IslandOrders:
    """The orders of one control interval.

    Stages are connected from priority 1 on as far as power lasts in the next ISP, and energy: those that are promised for
    as long as the outage may last, the others only with what is left beside that.
    """
    stages, back = len(seen.closed), seen.mains_back_s >= facts.mains_stable_s
    if not seen.lit and (seen.stored_wh < facts.start_wh or back):
        # nothing to start with, or nothing to start for: mains take all stages again when the breaker is closed dead
        return IslandOrders((False,) * stages, 0.0, 0.0, start=False, hold_hz=facts.nominal_hz, close=back)
    count = _stages_to_serve(facts, seen, outlook, facts.chp_w if seen.chp_w > 0 else 0.0)
    if count == 0:
        return IslandOrders(
            (False,) * stages, 0.0, 0.0, start=False, hold_hz=facts.nominal_hz, close=False, stop=seen.lit
        )
    # a black start begins with the first stage; the others follow one by one
    count = min(count, _connected(seen.closed) + 1 if seen.lit else 1)
    closed = tuple(k < count for k in range(stages))
    drawn_w = float(outlook.load_w[:count, 0].sum())
    chp_w = _chp(facts, seen, drawn_w, float(outlook.sun_w[0]), wanted=count < stages)
    return IslandOrders(
        closed,
        chp_w,
        _sun_limit(facts, seen, drawn_w, max(seen.chp_w, chp_w)),
        start=not seen.lit,
        hold_hz=facts.nominal_hz + (facts.slip_hz if back else 0.0),
        close=back,
    )


def armed(facts: IslandFacts, seen: IslandSeen, outlook: IslandOutlook) -> IslandOrders:
    """What is to happen the instant mains are lost, told to the units beforehand and renewed each control interval.

    All stages that can be served stay connected at once. Where the CHP plant gives more than the battery could take beside
    them, it is tripped and starts again in the island: its governor would be too slow.
    """
    count = _stages_to_serve(facts, seen, outlook, facts.chp_w if seen.chp_w > 0 else 0.0)
    room_w = facts.battery_w * _USABLE * (seen.stored_wh < _ALMOST_FULL * facts.capacity_wh)
    tripped = seen.chp_w - float(outlook.load_w[:count, 0].sum()) > room_w + _GOVERNED * facts.chp_w
    if tripped:
        count = _stages_to_serve(facts, seen, outlook, 0.0)
    drawn_w = float(outlook.load_w[:count, 0].sum())
    chp_w = 0.0 if tripped else _chp(facts, seen, drawn_w, float(outlook.sun_w[0]), wanted=False)
    closed = tuple(k < count for k in range(len(seen.closed)))
    limit_w = _sun_limit(facts, seen, drawn_w, seen.chp_w)
    return IslandOrders(closed, chp_w, limit_w, start=False, hold_hz=facts.nominal_hz, close=False)


def reserve_wh(facts: IslandFacts, seen: IslandSeen, outlook: IslandOutlook) -> float:
    """What has to be stored now to serve the promised stages for as long as the outage may last, Wh above what is kept."""
    isps = max(1, min(outlook.remaining_isps, outlook.sun_w.size))
    return _energy(facts, outlook, facts.promised, isps, facts.chp_w if seen.chp_ready else 0.0)


def _connected(closed: tuple[bool, ...]) -> int:
    """Up to which priority all are connected."""
    return next((k for k, on in enumerate(closed) if not on), len(closed))


def _stages_to_serve(facts: IslandFacts, seen: IslandSeen, outlook: IslandOutlook, chp_now_w: float) -> int:
    """Up to which priority stages are to be connected; 0: none.

    Args:
        chp_now_w: most that the CHP plant can give at once; where it has to start first, the battery bridges that.
    """
    usable_wh = max(0.0, seen.stored_wh - facts.empty_wh)
    chp_most_w = facts.chp_w if seen.chp_ready and (seen.lit or usable_wh > 0) else 0.0
    # sun that is there counts, sun that could be by half: inverters may have tripped, or clouds come
    sun_now_w = min(max(seen.sun_w, 0.5 * float(outlook.sun_w[0])), _USABLE * float(outlook.sun_w[0]))
    isps = max(1, min(outlook.remaining_isps, outlook.sun_w.size))
    soon = min(2, outlook.sun_w.size)
    promised_wh = _energy(facts, outlook, facts.promised, isps, chp_most_w)
    for count in range(len(seen.closed), 0, -1):
        drawn_w = outlook.load_w[:count, :soon].sum(axis=0)
        promised = count <= facts.promised
        share = 1.0 if promised else _USABLE  # what is promised is risked for; the rest has to fit well, and soon, too
        if drawn_w[0] - sun_now_w > share * (facts.battery_w * (usable_wh > 0) + chp_now_w):
            continue
        later_w = float((drawn_w - 0.5 * outlook.sun_w[:soon]).max())
        if not promised and later_w > share * (facts.battery_w * (usable_wh > 0) + chp_most_w):
            continue
        margin = 1.0 if count <= _connected(seen.closed) else _CLOSING_MARGIN
        bridge_wh = float(drawn_w[0]) * facts.bridge_s / 3600 / facts.efficiency if chp_now_w < chp_most_w else 0.0
        if count > facts.promised:
            more_w = outlook.load_w[facts.promised : count, :soon].sum(axis=0)
            more_wh = float(more_w.sum()) * _ISP_H / facts.efficiency
            if chp_most_w + float(outlook.sun_w[0]) >= float(drawn_w[0]):
                more_wh = 0.0  # carried by what is generated
            needed_wh = (promised_wh + more_wh) * (more_wh > 0) + bridge_wh
            if needed_wh * margin > usable_wh:
                continue
        elif count > 1:
            soon_wh = bridge_wh if chp_now_w < chp_most_w else _energy(facts, outlook, count, 1, chp_most_w)
            if soon_wh * _LAST_SHARE > usable_wh:
                continue  # the last of the energy is for priority 1
        return count
    return 1 if usable_wh > 0 or chp_now_w > 0 else 0


def _energy(facts: IslandFacts, outlook: IslandOutlook, count: int, isps: int, chp_most_w: float) -> float:
    """What has to be stored now to serve the first `count` stages for so many ISPs, Wh."""
    short_w = outlook.load_w[:count, :isps].sum(axis=0) - outlook.sun_w[:isps] - chp_most_w
    found = need_of_pieces(short_w, np.full(isps, _ISP_H), facts.battery_w, facts.efficiency)
    return min(found, facts.capacity_wh)


def _chp(facts: IslandFacts, seen: IslandSeen, drawn_w: float, sun_w: float, *, wanted: bool) -> float:
    """What the CHP plant is to give: what is drawn, and what brings the battery to where it can still take and give.

    Args:
        wanted: stages are shed, so it is not left off.
    """
    if facts.chp_w <= 0 or not seen.chp_ready:
        return 0.0
    full = seen.stored_wh / facts.capacity_wh
    rest_w = drawn_w - sun_w
    if seen.chp_on and full > _FULL and rest_w < facts.chp_min_w * 0.8:
        return 0.0
    if not seen.chp_on and not wanted and full > _AGAIN and rest_w < facts.battery_w * _USABLE and seen.lit:
        return 0.0
    charge_w = (0.8 * facts.capacity_wh - seen.stored_wh) / (2 * _ISP_H)
    charge_w = min(max(charge_w, -0.5 * facts.battery_w), 0.5 * facts.battery_w)
    return float(round(min(max(rest_w + charge_w, facts.chp_min_w), facts.chp_w)))


def _sun_limit(facts: IslandFacts, seen: IslandSeen, drawn_w: float, chp_w: float) -> float:
    """Most that inverters may give: what is drawn, less the CHP plant, and what the battery takes beside."""
    full = seen.stored_wh / facts.capacity_wh
    share = 0.0 if full > _FULL else 0.2 if full > _ALMOST_FULL else 0.8
    return float(round(max(0.0, drawn_w - chp_w + share * facts.battery_w)))
