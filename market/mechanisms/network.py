"""The grid as a mechanism may know it: rows of limits over places, and the linear solver that is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput


@dataclass(frozen=True)
class NetworkLimits:
    """What the grid allows, row by row: over all bids, buyers' shares less sellers' shares of a row are at most its room.

    A buyer of relief at a congestion point takes 1 from the point's row, a seller gives 1 to the row of each point above
    it: one sale may serve the needs of several points. A line that sales load has a row with negative shares.

    Attributes:
        rows: what is limited.
        points: the places that bids name.
        share: [rows][points] what a Wh at a point takes from the row (a buyer) or gives to it (a seller).
        room_wh: [rows] what may be taken beyond what is given, >= 0.

    Raises:
        BadInput: shapes that do not fit, or a negative room.
    """

    rows: tuple[str, ...]
    points: tuple[str, ...]
    share: tuple[tuple[float, ...], ...]
    room_wh: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.share) != len(self.rows) or len(self.room_wh) != len(self.rows):
            raise BadInput(
                f"limits: {len(self.share)} rows of shares, {len(self.room_wh)} rooms; expected {len(self.rows)} each"
            )
        for row, shares in zip(self.rows, self.share, strict=True):
            if len(shares) != len(self.points):
                raise BadInput(f"limits: row {row!r} has {len(shares)} shares; expected {len(self.points)}")
        for row, room in zip(self.rows, self.room_wh, strict=True):
            if room < 0:
                raise BadInput(f"limits: row {row!r} has a room of {room} Wh; expected at least 0")

    def columns(self, points: tuple[str, ...]) -> Floats:
        """[rows, n] the shares at these places.

        Raises:
            BadInput: a place is unknown.
        """
        known = {point: place for place, point in enumerate(self.points)}
        for point in points:
            if point not in known:
                raise BadInput(
                    f"limits: point {point!r} is unknown; expected one of {', '.join(map(repr, self.points))}"
                )
        table = np.array(self.share, dtype=np.float64).reshape(len(self.rows), len(self.points))
        return table[:, [known[point] for point in points]]


# One place without limits: what is bought is sold, and what is sold is bought.
OPEN = NetworkLimits(("bought", "sold"), ("",), ((1.0,), (-1.0,)), (0, 0))


@dataclass(frozen=True)
class Optimum:
    """The solution of a linear program: [n] variables, and [rows] what another unit of room would save (>= 0)."""

    values: Floats
    prices: Floats


class LinearSolver(Protocol):
    """Minimises costs @ x with matrix @ x <= room and 0 <= x <= most; nothing at all is always feasible."""

    def __call__(self, costs: Floats, matrix: Floats, room: Floats, most: Floats) -> Optimum:
        """The optimum."""
        ...
