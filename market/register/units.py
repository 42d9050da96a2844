"""What the register holds of a controllable unit, and the moves that lead it there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cim.codec.codec import wire
from market.assets.publication import AssetPublication
from market.register.lifecycle import UnitEvent, UnitState

RECORD_KIND = "register"  # of the ledger's records of moves
CONGESTION_MANAGEMENT = "congestion management"  # the product that a DSO buys at a congestion point


@wire("market.UnitProduct")
class UnitProduct(NamedTuple):
    """A unit, by its asset's name, and the product it is registered for."""

    unit: str
    product: str


@wire("market.UnitLimit")
@dataclass(frozen=True, slots=True)
class UnitLimit:
    """How far the system operator lets a unit move, and until when: watts up (>= 0) and down (<= 0), UTC.

    `start` is from when on; None: from when it is recorded.
    """

    up_w: int
    down_w: int
    until: datetime
    start: datetime | None = None

    def covers(self, start: datetime, end: datetime) -> bool:
        """Whether it holds at any time of a span."""
        return start < self.until and (self.start is None or self.start < end)


@wire("market.UnitMove")
@dataclass(frozen=True, slots=True)
class UnitMove:
    """One step in a unit's life, as its party signs it.

    Attributes:
        event: what happens.
        asset: of an application or a revision, the asset as it is then.
        provider: of an application, who is to market it; of a switch, who shall from then on.
        congestion_point: of a prequalification, where it is prequalified.
        limit: of a limit.
        until: of a switch, when it lapses.
        reason: of a refusal or a limit, in words.
    """

    key: UnitProduct
    event: UnitEvent
    at: datetime
    asset: AssetPublication | None = None
    provider: str = ""
    congestion_point: str = ""
    limit: UnitLimit | None = None
    until: datetime | None = None
    reason: str = ""


@wire("market.RegisteredUnit")
@dataclass(frozen=True, slots=True)
class RegisteredUnit:
    """A unit in the register, for one product.

    Attributes:
        asset: as it was last applied with or revised.
        provider: domain of who may market it.
        state: where it stands in `LIFE_CYCLE`.
        congestion_point: where it is prequalified; empty before.
        limit: while it is limited.
        next_provider, switch_until: while it is about to go to another provider.
        reason: of the last refusal or limit.
    """

    asset: AssetPublication
    provider: str
    state: UnitState
    congestion_point: str = ""
    limit: UnitLimit | None = None
    next_provider: str = ""
    switch_until: datetime | None = None
    reason: str = ""

    @property
    def up_w(self) -> int:
        """How far it may raise consumption, >= 0: its whole swing, or what a limit leaves."""
        whole = self.asset.element.max_increase_w
        return whole if self.limit is None else min(whole, self.limit.up_w)

    @property
    def down_w(self) -> int:
        """How far it may lower consumption, <= 0, likewise."""
        whole = self.asset.element.max_decrease_w
        return whole if self.limit is None else max(whole, self.limit.down_w)
