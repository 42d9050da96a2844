"""Asset publication (S01): what a prosumer brings to the market, and the register that knows where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from cim.codec.codec import wire
from cim.model.errors import BadInput
from market.assets.capability import OfferedTimes, PowerBand, UserSetting
from market.contracts.contract import BaselineKind, FlexElement


@wire("market.AssetPublication")
@dataclass(frozen=True, slots=True)
class AssetPublication:
    """One asset offered to the market.

    Attributes:
        name: unique among the register's assets.
        kind: what it is, for example `battery`.
        owner: domain of the prosumer.
        usage_point: CIM UsagePoint (the connection, an EAN) it stands behind.
        congestion_point: UFTP CongestionPoint of that connection.
        max_consumption_w: rating, >= 0.
        max_generation_w: rating, <= 0.
        can_increase, can_decrease: which directions of flexibility it offers.
        baseline: against what its delivery can be measured.
        cost_e4_per_kwh: what moving it costs its owner by and large, ten-thousandths per kWh: no contract pays less.
        place: where it stands, for example the node of its connection; empty where that is not told.
        capacity_wh: of a store; 0 for what stores nothing.
        ramp_w_per_min: how fast its power can change; 0 where that is not told.
        envelope: where it can do less than its ratings, by time of day, without overlap.
        offered: when its owner offers it; empty: always.
        settings: what its owner insists on.
    """

    name: str
    kind: str
    owner: str
    usage_point: str
    congestion_point: str
    max_consumption_w: int
    max_generation_w: int
    can_increase: bool = True
    can_decrease: bool = True
    baseline: BaselineKind = BaselineKind.PROGNOSIS
    cost_e4_per_kwh: int = 0
    place: str = ""
    capacity_wh: int = 0
    ramp_w_per_min: int = 0
    envelope: tuple[PowerBand, ...] = ()
    offered: tuple[OfferedTimes, ...] = ()
    settings: tuple[UserSetting, ...] = ()

    def __post_init__(self) -> None:
        for name in ("name", "kind", "owner", "usage_point", "congestion_point"):
            if not getattr(self, name):
                raise BadInput(f"asset {self.name}: {name} is empty; expected a name")
        if self.cost_e4_per_kwh < 0:
            raise BadInput(f"asset {self.name}: cost_e4_per_kwh {self.cost_e4_per_kwh}; expected 0 or more")
        if self.max_consumption_w < 0 or self.max_generation_w > 0:
            ratings = f"{self.max_consumption_w} W and {self.max_generation_w} W"
            raise BadInput(f"asset {self.name}: ratings {ratings}; expected consumption >= 0 and generation <= 0")
        for name in ("capacity_wh", "ramp_w_per_min"):
            if getattr(self, name) < 0:
                raise BadInput(f"asset {self.name}: {name} {getattr(self, name)}; expected 0 or more")
        end = 0
        for band in self.envelope:
            if band.start_minute < end:
                raise BadInput(
                    f"asset {self.name}: envelope from minute {band.start_minute} overlaps the band before it"
                )
            if not self.max_generation_w <= band.min_w <= band.max_w <= self.max_consumption_w:
                raise BadInput(f"asset {self.name}: envelope {band.min_w}..{band.max_w} W is beyond its ratings")
            end = band.end_minute

    @property
    def kept_in_prequalification(self) -> AssetPublication:
        """What a prequalification is about: the asset without its price, settings and offered times."""
        return replace(self, cost_e4_per_kwh=0, settings=(), offered=())

    @property
    def rating(self) -> tuple[int, int, int]:
        """What it can do by its nameplate: the most it takes and gives (<= 0), W, and stores, Wh."""
        return self.max_consumption_w, self.max_generation_w, self.capacity_wh

    def band_w(self, start_minute: int, end_minute: int) -> tuple[int, int]:
        """(lowest, highest) net power that it can hold throughout a part of the local day, watts."""
        low, high = self.max_generation_w, self.max_consumption_w
        for band in self.envelope:
            if band.start_minute < end_minute and start_minute < band.end_minute:
                low, high = max(low, band.min_w), min(high, band.max_w)
        return low, high

    def is_offered(self, day_of_week: int, minute: int) -> bool:
        """Whether its owner offers it at a minute of a weekday (1 = Monday)."""
        return not self.offered or any(times.covers(day_of_week, minute) for times in self.offered)

    @property
    def element(self) -> FlexElement:
        """The asset as a contract's flex element, with its whole swing in each direction it offers, at its owner's cost."""
        swing = self.max_consumption_w - self.max_generation_w
        up, down = (swing if self.can_increase else 0), (-swing if self.can_decrease else 0)
        return FlexElement(self.name, self.kind, up, down, self.baseline, volume_price_e4_per_kwh=self.cost_e4_per_kwh)


@dataclass(frozen=True, slots=True)
class AssetRegister:
    """All published assets, by name; a value: `published` gives a new one."""

    assets: Mapping[str, AssetPublication] = field(default_factory=lambda: MappingProxyType({}))

    def published(self, publications: Iterable[AssetPublication]) -> AssetRegister:
        """The register with these added or renewed.

        Raises:
            BadInput: a name belongs to another owner.
        """
        assets = dict(self.assets)
        for asset in publications:
            known = assets.get(asset.name)
            if known is not None and known.owner != asset.owner:
                raise BadInput(f"asset {asset.name}: owner {asset.owner}; it is already published by {known.owner}")
            assets[asset.name] = asset
        return AssetRegister(MappingProxyType(dict(sorted(assets.items()))))

    def withdrawn(self, names: Iterable[str], owner: str) -> AssetRegister:
        """The register without these assets of an owner; those that it does not hold are passed over.

        Raises:
            BadInput: one belongs to another owner.
        """
        assets = dict(self.assets)
        for name in names:
            known = assets.pop(name, None)
            if known is not None and known.owner != owner:
                raise BadInput(f"asset {name}: withdrawn by {owner}; it is published by {known.owner}")
        return AssetRegister(MappingProxyType(assets))
