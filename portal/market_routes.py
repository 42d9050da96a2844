"""`/market/...`: what a party sees of assets, register, contracts, settlements, disputes and payments."""

from __future__ import annotations

from fastapi import FastAPI, Request

from cim.platform.publications.agreements import ContractAgreed, RegisteredAsset, TemplatePublished, UnitMoved
from cim.platform.publications.settlement import BaselineChecked, DisputeDecided, PaymentRow, SettlementTold
from portal.market import MarketRows
from portal.views import SharedAnswer


def add_market_routes(app: FastAPI, see: SharedAnswer[MarketRows]) -> None:
    """Add them; whose token was shown (`portal.guard`) decides which rows are answered."""

    @app.get("/market/assets")
    async def assets(request: Request) -> list[RegisteredAsset]:
        """Assets on the market: the caller's own."""
        return (await see()).assets(request.state.party)

    @app.get("/market/register")
    async def register(request: Request) -> list[UnitMoved]:
        """Where the caller's units stand in the flexibility register, and those that it may market."""
        return (await see()).register(request.state.party)

    @app.get("/market/contracts")
    async def contracts(request: Request) -> list[ContractAgreed]:
        """Contracts under which the caller buys or sells."""
        return (await see()).contracts(request.state.party)

    @app.get("/market/templates")
    async def templates() -> list[TemplatePublished]:
        """Contract templates that aggregators published, every version."""
        return (await see()).templates()

    @app.get("/market/settlements")
    async def settlements(request: Request) -> list[SettlementTold]:
        """Settlements of the caller, every revision: each order and ISP, and what accumulated since the month began."""
        return (await see()).settlements(request.state.party)

    @app.get("/market/baselines")
    async def baselines(request: Request) -> list[BaselineChecked]:
        """The caller's agreed baselines against the meters, in every ISP, ordered or not."""
        return (await see()).baselines(request.state.party)

    @app.get("/market/disputes")
    async def disputes(request: Request) -> list[DisputeDecided]:
        """Disputes of the caller, as they were decided."""
        return (await see()).disputes(request.state.party)

    @app.get("/market/payments")
    async def payments(request: Request) -> list[PaymentRow]:
        """What the caller paid and was paid."""
        return (await see()).payments(request.state.party)
