"""A dispatch in which some devices are on or off: always executable, with a bound that holds for it.

What all others cost at best is a convex function V of the load that the on/off devices make. Its slope is the price, and
its curvature is the inverse of the summed sensitivity, so for a change d of that load

    V(load + d) ~ V(load) + h price . d + h/2 d' (slope + supply slope)^-1 d

is known without asking anybody again. By it the on/off devices take turns, each choosing the best of what it can do with
the others where they are; then the rest is dispatched anew, and the turns go on from its price until no turn pays. Every
state in between can be executed. The bound is the dual function with every device's own least cost, those of the on/off
devices over what they can really do, so it holds though nothing here is convex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.planning.dispatch.packed.answered import dispatch_members
from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.members import Members, PackedHost
from agents.planning.dispatch.packed.messages import PriceAsked
from agents.planning.dispatch.packed.on_off import OnOff
from agents.planning.dispatch.packed.second_order import Dispatch
from cim.model.arrays import Floats

MOST_SWEEPS = 8
_PAYS = 1e-6  # share of the cost that a sweep must bring to be followed by another
_LEAST_SLOPE = 1e-3  # of the mean: where nobody can move, a price would leap
_STIFFNESS = (0.25, 1.0, 4.0)


@dataclass(frozen=True, slots=True)
class Switched:
    """A dispatch with on/off devices: `dispatch` counts their costs and powers; `power_kw` [K, T] is what each device does."""

    dispatch: Dispatch
    power_kw: Floats
    sweeps: int


def dispatch_switched(members: Members, devices: Sequence[OnOff], coupling: Coupling) -> Switched:
    """Dispatch members some of whom have on/off devices beside those of `members`.

    Args:
        devices: each with its member's index.
    """
    rest = dispatch_members(members, coupling).dispatch
    power = np.zeros((len(devices), members.length))
    best: Switched | None = None
    bound = -np.inf
    for sweep in range(1, MOST_SWEEPS + 1):
        here = _with(members, devices, power)
        turns = _turns(PackedHost(here), devices, coupling, rest.price_ct_per_kwh, power, first=sweep == 1)
        if sweep > 1 and np.array_equal(turns, power):
            break
        power = turns
        here = _with(members, devices, power)
        rest = dispatch_members(here, coupling, price_ct_per_kwh=rest.price_ct_per_kwh).dispatch
        bound = max(bound, lower_bound(members, devices, coupling, rest.price_ct_per_kwh))
        own = sum(device.cost_ct(row) for device, row in zip(devices, power, strict=True))
        found = replace(rest, cost_ct=rest.cost_ct + own)
        pays = best is None or found.cost_ct < best.dispatch.cost_ct * (1 - _PAYS * np.sign(best.dispatch.cost_ct))
        if best is None or found.cost_ct < best.dispatch.cost_ct:
            best = Switched(found, power, sweep)
        if not pays:
            break
    if best is None:  # no sweep: MOST_SWEEPS is above 0
        raise AssertionError
    dispatch = replace(best.dispatch, bound_ct=bound, gaps=())
    return replace(best, dispatch=dispatch)


def lower_bound(members: Members, devices: Sequence[OnOff], coupling: Coupling, price_ct_per_kwh: Floats) -> float:
    """Cents that any dispatch of members and on/off devices costs at least; any price gives one."""
    pull = price_ct_per_kwh * coupling.hours
    least = PackedHost(members).ask(PriceAsked(0, price_ct_per_kwh, sensitive=False))().least_ct
    for device in devices:
        answer = device.answer(pull, 0.0)
        least += device.cost_ct(answer) + float(pull @ answer)
    return least + coupling.least_ct(price_ct_per_kwh)


def _with(members: Members, devices: Sequence[OnOff], power_kw: Floats) -> Members:
    """The members with what their on/off devices do as part of their load."""
    load = members.load_kw.copy()
    for device, row in zip(devices, power_kw, strict=True):
        load[device.member] += row
    return replace(members, load_kw=load)


def _turns(
    host: PackedHost, devices: Sequence[OnOff], coupling: Coupling, price: Floats, power: Floats, *, first: bool
) -> Floats:
    """[K, T] what the devices do after each had its turn, the largest first; at first none of them runs."""
    hours, length = coupling.hours, len(price)
    slope = host.ask(PriceAsked(0, price))().slope.reshape(length, length)
    whole = slope + np.diag(coupling.supply(price)[1])
    stiff = np.linalg.inv(whole + (_LEAST_SLOPE * np.trace(whole) / length + 1e-9) * np.eye(length)) * hours
    stiff = (stiff + stiff.T) / 2
    pull, found = price * hours, power.copy()
    typical = float(np.median(np.diag(stiff)))
    size = [float(device.answer(pull, typical).sum()) for device in devices]
    for k in sorted(range(len(devices)), key=lambda j: (-size[j], j)):
        device = devices[k]
        without = pull - stiff @ found[k]
        tried = [device.choices(without, typical * factor) for factor in _STIFFNESS]
        choices = np.concatenate([*tried, *(() if first else (found[k : k + 1],))])
        own = np.array([device.cost_ct(choice) for choice in choices])
        worth = own + choices @ without + np.einsum("kt,ts,ks->k", choices, stiff, choices) / 2
        best = choices[int(np.argmin(worth))]
        if not first and worth[-1] <= worth.min() + 1e-9:
            best = found[k]
        pull = without + stiff @ best
        found[k] = best
    return found
