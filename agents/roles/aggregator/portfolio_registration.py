"""The portfolio and its contracts: registered with the CRO, then a template proposed to each member that has assets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from agents.roles.aggregator.config import AggregatorConfig, Member
from agents.roles.aggregator.template_publishing import TemplatePublishing
from agents.roles.effects import Arm, Effect, Send
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts, SeekContracts
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import units_ranked
from agents.roles.register_messages import AssetList, AssetQuery
from cim.codec.codec import wire
from market.contracts.commitments import bought_stock, oversold
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.register.discovery import RankingWeights, UnitWish, discover
from market.register.providers import NOTICE_HOUR, SWITCH_HOUR
from market.uftp import AgrPortfolioUpdate, Connection

CONTRACTING = timedelta(minutes=5)  # after the start: the assets are published by then
TIMES_ASKED = 3


@wire("aggregator.PortfolioRegistration")
@dataclass(slots=True)
class PortfolioRegistrationState:
    """How often the market was asked for the members' assets."""

    asked: int = 0


class PortfolioRegistration(Part[PortfolioRegistrationState]):
    """Registers the portfolio with the CRO and finds members to contract."""

    def __init__(
        self,
        me: AgentIdentity,
        config: AggregatorConfig,
        contracts: Contracts,
        negotiation: ContractNegotiation,
        templates: TemplatePublishing,
    ) -> None:
        super().__init__(me, PortfolioRegistrationState())
        self._config, self._contracts, self._negotiation = config, contracts, negotiation
        self._templates, self._members = templates, config.by_name()

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Register the portfolio with the CRO; then, where flexibility is traded, look for assets to contract."""
        market, domain = self._config.market, self.me.domain
        today = max(self.rules.day_of(now).day, self.rules.first_day)
        connections = tuple(
            Connection(
                member.usage_point, max(days.first or self.rules.first_day, self.rules.first_day), None, None, domain
            )
            for member in self._config.members
            for days in member.days
            if days.has(today)
        )
        header = self.me.header(market, now, None, "AGRPortfolioUpdate")
        update = AgrPortfolioUpdate(header, connections, self.rules.timezone)
        # Where nobody trades, nobody is paid for standing by either.
        trade = [Arm(SeekContracts(), now + CONTRACTING)] if self.rules.flexibility else []
        return [Send(market, update), *trade]

    @on(SeekContracts)
    def seek(self, timer: SeekContracts, now: datetime) -> list[Effect]:
        """Ask the market which units of the members without a contract it may market."""
        names = [member.name for member in self._config.members if self._serves(member, now)]
        wanting = [name for name in names if self._wanted_from(self._members[name], now) is not None]
        if not wanting:
            self.state.asked = 0
            return [self._contracts.seek_again(names, now)]
        self.state.asked += 1
        # Who had published nothing yet when we asked may have been late.
        soon = self.state.asked < TIMES_ASKED
        again = Arm(timer, now + CONTRACTING) if soon else self._contracts.seek_again(wanting, now)
        return [Send(self._config.market, AssetQuery(tuple(self.rules.domains[name] for name in wanting))), again]

    @on(AssetList)
    def listed(self, message: AssetList, sender: str, now: datetime) -> list[Effect]:
        """Take up a template for each member that has something to give, and open the negotiation."""
        wish = UnitWish(price_e4_per_kwh=self._config.dearest_e4_per_kwh)
        found = discover(message.units, wish, RankingWeights(), {})
        assets = sorted((one.unit.asset for one in found.ranked), key=lambda asset: asset.name)
        effects: list[Effect] = [units_ranked(self.me.name, found, now)] if message.units else []
        for member in self._config.members:
            owner = self.rules.domains[member.name]
            elements = tuple(asset.element for asset in assets if asset.owner == owner)
            first = self._wanted_from(member, now)
            if not elements or first is None or self._negotiation.talking(member.name):
                continue
            effects += self._negotiation.propose(self._template(member, elements, first, now), now)
        return effects

    def _wanted_from(self, member: Member, now: datetime) -> date | None:
        """The first day for which a contract with a member is to be sought now, or None; one to come counts from the eve on."""
        first = self._contracts.wanted_from(member.name, now)
        if first is None or member.is_on(first):
            return first
        begins = (days.first for days in member.days if days.first is not None and days.first > first)
        begin = min(begins, default=None)
        return begin if begin is not None and self._comes(begin, now) else None

    def _serves(self, member: Member, now: datetime) -> bool:
        """Whether a contract with a member can be sought now or renewed later."""
        today = max(self.rules.day_of(now).day, self.rules.first_day)
        comes = any(days.first is not None and self._comes(days.first, now) for days in member.days)
        return comes or member.is_on(today)

    def _comes(self, begin: date, now: datetime) -> bool:
        """Whether a member that comes on a day can be contracted now: from the day before on, while it is to come."""
        day = self.rules.day(begin)
        return day.next(-1).at(SWITCH_HOUR) <= now < day.start

    def _leaves(self, last: date, now: datetime) -> bool:
        """Whether a member that leaves after a day is given notice by now: nothing is agreed for later days."""
        return now >= self.rules.day(last).next(-1).at(NOTICE_HOUR)

    def _last_day(self, member: Member, first: date, now: datetime) -> date:
        """Of a new contract: its whole term, or the member's last day where it has been given notice."""
        whole = first + timedelta(days=self._config.term_days)
        ends = (days.last for days in member.days if days.has(first) and days.last is not None)
        return min((whole, *(last for last in ends if self._leaves(last, now))))

    def _template(self, member: Member, elements: tuple[FlexElement, ...], first: date, now: datetime) -> FlexContract:
        config = self._config
        big = sum(element.max_increase_w for element in elements) > config.plant_from_w
        name = "plant-daily" if big else "household-daily"
        return from_template(
            name,
            template_version=self._templates.version(name),
            contract_id=self.me.identifier("contract", member.name, now.isoformat()),
            buyer=self.me.domain,
            seller=self.rules.domains[member.name],
            start_date=first,
            end_date=self._last_day(member, first, now),
            timezone=self.rules.timezone,
            flex_elements=elements,
            isp_minutes=self.rules.isp_minutes,
            max_activations=config.limits.max_activations_per_day,
            max_runtime_isps=config.limits.max_runtime_isps,
            recovery_isps=config.limits.recovery_isps,
            notice_days=config.notice_days,
            volume_price_e4_per_kwh=0,  # what comes on top of the elements' costs is negotiated
        )

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start: who has no recorded contract is asked again."""
        lost = "negotiations that were running; with whom no contract is recorded one is sought again"
        return Recovery(self.started(Started(), now), (lost,))


def sold_twice(sale: FlexContract, contracts: Sequence[FlexContract], me: str) -> str | None:
    """Why an aggregator (its domain) has not bought what a sale reserves beside its other sales, in words, or None.

    Days after its members' last contract are not judged: it expects to renew them.
    """
    bought = [contract for contract in contracts if contract.buyer == me]
    last = max((contract.end_date for contract in bought), default=None)
    if last is None or sale.start_date > last:
        return None if last is not None else "sold twice: no member's contract is there to sell from"
    sales = [c for c in (*contracts, sale) if c.seller == me and c.start_date <= last]
    return oversold([replace(c, end_date=min(c.end_date, last)) for c in sales], bought_stock(bought))
