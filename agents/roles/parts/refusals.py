"""Refusals of what this agent said and nothing else hears: told, so that nobody waits in silence for what was turned down."""

from __future__ import annotations

from datetime import datetime

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import NoState
from market.uftp import (
    AgrPortfolioQueryResponse,
    AgrPortfolioUpdateResponse,
    DsoPortfolioQueryResponse,
    DsoPortfolioUpdateResponse,
    FlexOfferResponse,
    FlexOfferRevocationResponse,
    MeteringResponse,
    Result,
)
from market.uftp.exchange import answered_id

Heard = (
    AgrPortfolioQueryResponse
    | AgrPortfolioUpdateResponse
    | DsoPortfolioQueryResponse
    | DsoPortfolioUpdateResponse
    | FlexOfferResponse
    | FlexOfferRevocationResponse
    | MeteringResponse
)


class Refusals(Part[NoState]):
    """Publishes each refusal; an offer that was refused ends by its own expiry, a portfolio is told again at the next start."""

    def __init__(self, me: AgentIdentity) -> None:
        super().__init__(me, NoState())

    @on(
        AgrPortfolioQueryResponse,
        AgrPortfolioUpdateResponse,
        DsoPortfolioQueryResponse,
        DsoPortfolioUpdateResponse,
        FlexOfferResponse,
        FlexOfferRevocationResponse,
        MeteringResponse,
    )
    def answered(self, message: Heard, sender: str, now: datetime) -> list[Effect]:
        """Nothing follows from a consent."""
        if message.result is Result.ACCEPTED:
            return []
        about = answered_id(message) or message.header.conversation_id
        what = type(message).__name__.removesuffix("Response")
        return [self.me.lapse(what, about, sender, message.rejection_reason or "refused without a reason", now)]
