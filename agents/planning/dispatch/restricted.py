"""What an element can still give where the system operator restricts it for a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agents.planning.dispatch.flexibility import Curtailable, Flexibility, Storable


def restricted(model: Flexibility, inside: NDArray[np.bool_], up_kw: float, down_kw: float) -> Flexibility | None:
    """The model moving by no more than `up_kw` (>= 0) and `down_kw` (<= 0) in some ISPs; None where it cannot be told so.

    Args:
        inside: [T] where it is restricted. What is planned there stays possible.
    """
    if not inside.any():
        return model
    if isinstance(model, Curtailable):
        up = np.where(inside, np.minimum(model.up_kw, up_kw), model.up_kw)
        return replace(model, up_kw=up, down_kw=np.where(inside, np.maximum(model.down_kw, down_kw), model.down_kw))
    if isinstance(model, Storable):
        low, high = np.maximum(model.low_kw, model.plan_kw + down_kw), np.minimum(model.high_kw, model.plan_kw + up_kw)
        return replace(model, low_kw=np.where(inside, low, model.low_kw), high_kw=np.where(inside, high, model.high_kw))
    return None  # a programme runs at once or later, as a whole
