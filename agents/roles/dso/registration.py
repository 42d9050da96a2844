"""What the DSO brings to the market at the start: its congestion points to the CRO, and options on each seller's portfolio."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from agents.roles.dso.config import DsoConfig
from agents.roles.effects import Arm, Effect, Send
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts, SeekContracts
from agents.roles.parts.filing import NoState
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.recovery import LedgerHistory
from market.contracts.contract import PORTFOLIO, BaselineKind, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.uftp import CongestionPoint, Connection, DsoPortfolioUpdate

CONTRACTING = timedelta(minutes=30)  # after the start: the sellers' own contracts stand by then


class GridRegistration(Part[NoState]):
    """Publishes the congestion points, and negotiates options on flexibility."""

    def __init__(
        self, me: AgentIdentity, config: DsoConfig, contracts: Contracts, negotiation: ContractNegotiation
    ) -> None:
        super().__init__(me, NoState())
        self.config, self._contracts, self._negotiation = config, contracts, negotiation

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Publish the congestion points; then look for options."""
        effects: list[Effect] = [Arm(SeekContracts(), now + CONTRACTING)]
        for point in self.config.points:
            connections = tuple(
                Connection(c.usage_point, self.rules.first_day, None, point.identity)
                for c in self.config.at(point.identity)
            )
            header = self.me.header(self.config.market, now, None, "DSOPortfolioUpdate", point.identity)
            published = CongestionPoint(point.identity, connections, self.rules.first_day)
            update = DsoPortfolioUpdate(header, (published,), self.rules.timezone)
            effects.append(Send(self.config.market, update))
        return effects

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start: the CRO may have forgotten the points."""
        return Recovery(
            self.started(Started(), now),
            ("negotiations that were running; with whom no contract is recorded one is sought again",),
        )

    @on(SeekContracts)
    def seek(self, timer: SeekContracts, now: datetime) -> list[Effect]:
        """Propose to each seller an option on its portfolio and a framework beside it; without a market, neither."""
        if not self.rules.flexibility:
            return []
        effects: list[Effect] = [self._contracts.seek_again(self.config.aggregators, now, kinds=(True, False))]
        for seller in self.config.aggregators:
            first = self._contracts.wanted_from(seller, now)
            if first is not None and self.in_season(first) and self._can_agree(seller, first, reserved=True):
                effects += self._negotiation.propose(self.option(seller, first, now), now)
            first = self._contracts.wanted_from(seller, now, reserved=False)
            if first is not None and self._can_agree(seller, first, reserved=False):
                effects += self._negotiation.propose(self.framework(seller, first, now), now)
        return effects

    def _can_agree(self, seller: str, first: date, *, reserved: bool) -> bool:
        """Whether a seller has any connection on a day, and nothing is being negotiated with it."""
        return bool(self.portfolios(seller, first)) and not self._negotiation.talking(seller, reserved=reserved)

    def in_season(self, day: date) -> bool:
        """Whether a day lies in the months in which flexibility is expected to be needed."""
        return self.config.option.first_month <= day.month <= self.config.option.last_month

    def _season_end(self, day: date) -> date:
        """The last day of the season of a day."""
        last = self.config.option.last_month
        return date(day.year, 12, 31) if last == 12 else date(day.year, last + 1, 1) - timedelta(days=1)

    def option(self, seller: str, first: date, now: datetime) -> FlexContract:
        """An option on a seller's whole portfolio, from a day on."""
        config, limits, elements = self.config, self.config.limits_of_contracts, self.portfolios(seller, first)
        return from_template(
            "dso-flexoption",
            contract_id=self.me.identifier("contract", seller, now.isoformat()),
            buyer=self.me.domain,
            seller=self.rules.domains[seller],
            start_date=first,
            end_date=min(first + timedelta(days=config.term_days), self._season_end(first)),
            start_minute=config.option.start_minute,
            end_minute=config.option.end_minute,
            timezone=self.rules.timezone,
            flex_elements=elements,
            isp_minutes=self.rules.isp_minutes,
            max_activations=limits.max_activations_per_day,
            max_runtime_isps=limits.max_runtime_isps,
            recovery_isps=limits.recovery_isps,
            amount_down_w=-int(sum(-e.max_decrease_w for e in elements) * config.option.share_down),
            amount_up_w=int(sum(e.max_increase_w for e in elements) * config.option.share_up),
        )

    def framework(self, seller: str, first: date, now: datetime) -> FlexContract:
        """A framework for what a seller offers beyond its option, up to its whole portfolio, from a day on."""
        return from_template(
            "dso-framework",
            contract_id=self.me.identifier("contract", seller, "framework", now.isoformat()),
            buyer=self.me.domain,
            seller=self.rules.domains[seller],
            start_date=first,
            end_date=first + timedelta(days=self.config.term_days),
            timezone=self.rules.timezone,
            flex_elements=self.portfolios(seller, first),
            isp_minutes=self.rules.isp_minutes,
        )

    def portfolios(self, seller: str, day: date) -> tuple[FlexElement, ...]:
        """All that a seller has at each congestion point on a day: from full consumption to full feed-in of its connections."""
        elements = []
        for point in self.config.points:
            size_w = sum(c.contracted_w for c in self.config.of_seller(seller, point.identity, day))
            if size_w:
                elements.append(FlexElement(point.identity, PORTFOLIO, size_w, -size_w, BaselineKind.ELEMENTS))
        return tuple(elements)
