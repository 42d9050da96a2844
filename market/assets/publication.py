"""Asset publication (S01): what a prosumer brings to the market, and the register that knows where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cim.codec.codec import wire
from cim.model.errors import BadInput
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

    def __post_init__(self) -> None:
        for name in ("name", "kind", "owner", "usage_point", "congestion_point"):
            if not getattr(self, name):
                raise BadInput(f"asset {self.name}: {name} is empty; expected a name")
        if self.cost_e4_per_kwh < 0:
            raise BadInput(f"asset {self.name}: cost_e4_per_kwh {self.cost_e4_per_kwh}; expected 0 or more")
        if self.max_consumption_w < 0 or self.max_generation_w > 0:
            ratings = f"{self.max_consumption_w} W and {self.max_generation_w} W"
            raise BadInput(f"asset {self.name}: ratings {ratings}; expected consumption >= 0 and generation <= 0")

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
