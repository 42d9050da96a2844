"""The TSO seeks a framework under which the site's provider may bid: prequalified size, highest premium, penalty."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from agents.roles.effects import Arm, Effect
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts, SeekContracts
from agents.roles.parts.filing import NoState
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.tso.config import TsoConfig
from market.contracts.contract import PORTFOLIO, BaselineKind, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.negotiation.concession import NegotiationPreferences, Side, Terms

CONTRACTING = timedelta(minutes=45)  # after the start: the site's own contracts stand by then


def buying(config: TsoConfig) -> NegotiationPreferences:
    """It negotiates nothing: the highest premium is the volume price, what is paid is cleared quarter-hour by quarter-hour."""
    terms = Terms(config.highest_premium_e4_per_kwh, 0)
    return NegotiationPreferences(Side.BUYER, terms, terms, 1, strategy="take-it-or-leave-it")


class TsoContracting(Part[NoState]):
    """Proposes the framework, and its successor in time."""

    def __init__(
        self, me: AgentIdentity, config: TsoConfig, contracts: Contracts, negotiation: ContractNegotiation
    ) -> None:
        super().__init__(me, NoState())
        self._config, self._contracts, self._negotiation = config, contracts, negotiation

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Look for it when the site's own contracts stand."""
        return [Arm(SeekContracts(), now + CONTRACTING)]

    @on(SeekContracts)
    def seek(self, timer: SeekContracts, now: datetime) -> list[Effect]:
        """Propose what is missing or about to end."""
        provider = self._config.provider
        again: list[Effect] = [self._contracts.seek_again((provider,), now, kinds=(False,))]
        first = self._contracts.wanted_from(provider, now, reserved=False)
        if first is None or self._negotiation.talking(provider, reserved=False):
            return again
        return [*again, *self._negotiation.propose(self.framework(first, now), now)]

    def framework(self, first: date, now: datetime) -> FlexContract:
        """A framework from a day on."""
        config, size_w = self._config, self._config.size_w
        return from_template(
            "balancing-framework",
            contract_id=self.me.identifier("contract", config.provider, now.isoformat()),
            buyer=self.me.domain,
            seller=self.rules.domains[config.provider],
            start_date=first,
            end_date=first + timedelta(days=config.term_days),
            timezone=self.rules.timezone,
            flex_elements=(FlexElement(config.connection, PORTFOLIO, size_w, -size_w, BaselineKind.PROGNOSIS),),
            isp_minutes=self.rules.isp_minutes,
            penalty_e4_per_kwh=config.penalty_e4_per_kwh,
            volume_price_e4_per_kwh=config.highest_premium_e4_per_kwh,
            currency=self.rules.currency,
        )

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start."""
        return Recovery(self.started(Started(), now))
