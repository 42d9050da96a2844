"""What one party sees of the market, made from what the store holds; the operator, who runs the site, sees all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cim.platform.publications.agreements import (
    AssetsRegistered,
    ContractAgreed,
    RegisteredAsset,
    TemplatePublished,
    UnitMoved,
    UnitsMoved,
)
from cim.platform.publications.settlement import (
    BaselineChecked,
    DisputeDecided,
    PaymentRow,
    PaymentsMade,
    SettlementTold,
    last_checks,
)
from cim.platform.store import Publications, values


@dataclass(frozen=True, slots=True)
class MarketRows:
    """Everything of the market that the store holds; each method gives what a party (a domain; None: the operator) may see."""

    store: Publications

    def assets(self, party: str | None) -> list[RegisteredAsset]:
        """Assets as they were published last: its own."""
        found: dict[str, RegisteredAsset] = {}
        for told in values(self.store, AssetsRegistered):
            found |= {asset.name: asset for asset in told.assets}
        return [asset for asset in found.values() if party in (None, asset.owner)]

    def register(self, party: str | None) -> list[UnitMoved]:
        """Where its units stand in the flexibility register, and those that it may market, by unit and product."""
        own = {asset.name for asset in self.assets(party)}
        found: dict[tuple[str, str], UnitMoved] = {}
        for told in values(self.store, UnitsMoved):
            found |= {(moved.unit, moved.product): moved for moved in told.units}
        return [moved for moved in found.values() if party is None or moved.unit in own or moved.provider == party]

    def contracts(self, party: str | None) -> list[ContractAgreed]:
        """Contracts that it bought or sold under."""
        return [told for told in values(self.store, ContractAgreed) if party in (None, told.buyer, told.seller)]

    def templates(self) -> list[TemplatePublished]:
        """Contract templates that were published, superseded versions too: every party may read them."""
        return values(self.store, TemplatePublished)

    def settlements(self, party: str | None, since: datetime | None = None) -> list[SettlementTold]:
        """Settlements as buyer or seller, every revision; those told since an instant, or all."""
        return [told for told in values(self.store, SettlementTold, since) if party in (None, told.buyer, told.seller)]

    def baselines(self, party: str | None) -> list[BaselineChecked]:
        """How far agreed baselines held in every ISP, as buyer or seller, by the last revision of a settlement."""
        told = last_checks(values(self.store, BaselineChecked))
        return [one for one in told if party in (None, one.buyer, one.seller)]

    def disputes(self, party: str | None) -> list[DisputeDecided]:
        """Disputes that were decided."""
        return [told for told in values(self.store, DisputeDecided) if party in (None, told.buyer, told.seller)]

    def payments(self, party: str | None, since: datetime | None = None) -> list[PaymentRow]:
        """What it paid and was paid; of payments made since an instant, or all."""
        rows = [row for told in values(self.store, PaymentsMade, since) for row in told.payments]
        return [row for row in rows if party in (None, row.payer, row.payee)]
