"""What elements can still take where their connection may draw no more than its cap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility, Shiftable, Storable
from cim.model.arrays import Floats


def import_room_kw(cap_kw: float, base_kw: Floats, elements_kw: Iterable[Floats]) -> Floats:
    """[T] kW that a capped connection may draw beside its base and some elements; below 0 where that is too much already.

    What is generated or discharged makes no room: it may fail, and no mean of an ISP may be beyond the cap.
    """
    drawn = sum((np.maximum(power_kw, 0.0) for power_kw in elements_kw), start=np.maximum(base_kw, 0.0))
    room: Floats = cap_kw - drawn
    return room


def within_room(models: Iterable[Flexibility], room_kw: Floats) -> tuple[Flexibility, ...]:
    """The models together drawing at most `room_kw` more than is planned; each has a share by what it could draw.

    What is planned stays possible; a programme, which runs at once or later as a whole, is left out where room is short.

    Args:
        room_kw: [T] that is left beside the plans of all; where it is below 0, nothing more is drawn.
    """
    known, room = tuple(models), np.maximum(room_kw, 0.0)
    wanted = {model.element: _more_kw(model) for model in known}
    if (sum(wanted.values(), start=np.zeros(len(room))) <= room).all():
        return known
    stores = [model for model in known if isinstance(model, Storable)]
    total = sum((wanted[model.element] for model in stores), start=np.zeros(len(room)))
    share = np.where(total > room, room / np.maximum(total, 1e-9), 1.0)
    held: list[Flexibility] = []
    for model in known:
        if isinstance(model, Storable):
            most_kw = np.maximum(model.plan_kw, 0.0) + share * wanted[model.element]
            held.append(replace(model, high_kw=np.minimum(model.high_kw, most_kw)))
        elif not isinstance(model, Shiftable):  # of a generator, what is curtailed was no room
            held.append(model)
    return tuple(held)


def _more_kw(model: Flexibility) -> Floats:
    """[T] by how much more than is planned an element could draw."""
    if isinstance(model, Storable):
        return np.maximum(model.high_kw - np.maximum(model.plan_kw, 0.0), 0.0)
    most = float(np.max(model.run_kw)) if isinstance(model, Shiftable) and len(model.run_kw) else 0.0
    return np.full(len(model.plan_kw) if isinstance(model, Shiftable) else len(model.up_kw), most)
