"""The DSO buys the microgrid as a service: kilowatts that stand by in certain hours, at a level that it measures itself.

It calls them as a setpoint of the whole (docs/iaf.md); what that moves is ordered and paid as ever. Standing by is paid by this
contract, for what was told in time and, where it was ordered, came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.service_terms import ServiceTerms
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts, SeekContracts
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.told_in_time import told_in_time
from agents.roles.service_messages import ServiceLevelOffered, ServiceLevelSigned, ServiceTold
from cim.codec.codec import decode, wire
from market.contracts.contract import PORTFOLIO, BaselineKind, FlexContract, FlexElement
from market.contracts.service_level import LEVEL, SERVICE, ServiceLevel
from market.contracts.templates import from_template


@wire("dso.ServiceBuying")
@dataclass(slots=True)
class ServiceBuyingState:
    """What is agreed and told.

    Attributes:
        levels: by contract id, those that both have signed.
        told_w: by day, ISP (from 1) -> watts in the service's direction that were told in time.
    """

    levels: dict[str, ServiceLevel] = field(default_factory=dict)
    told_w: dict[date, dict[int, int]] = field(default_factory=dict)


class ServiceBuying(Part[ServiceBuyingState]):
    """Seeks the contract, has its level signed, and keeps what was told."""

    def __init__(
        self,
        me: AgentIdentity,
        config: DsoConfig,
        terms: ServiceTerms,
        contracts: Contracts,
        negotiation: ContractNegotiation,
    ) -> None:
        super().__init__(me, ServiceBuyingState())
        self._config, self._terms, self._contracts, self._negotiation = config, terms, contracts, negotiation
        self._community = config.market

    def contract_on(self, period: date) -> tuple[FlexContract, ServiceLevel] | None:
        """The service contract of a day whose level both have signed, or None."""
        contract = self._contracts.contract_on(self._community, period)
        level = None if contract is None else self.state.levels.get(contract.contract_id)
        return None if contract is None or level is None else (contract, level)

    def told_w(self, period: date) -> dict[int, int]:
        """ISP (from 1) -> watts that were told in time to be ready."""
        return self.state.told_w.get(period, {})

    @on(SeekContracts)
    def seek(self, timer: SeekContracts, now: datetime) -> list[Effect]:
        """Propose the contract where there is none for long enough."""
        if not self.rules.flexibility:
            return []
        first = self._contracts.wanted_from(self._community, now)
        if first is None or self._negotiation.talking(self._community):
            return []
        return self._negotiation.propose(self.draft(first, now), now)

    def draft(self, first: date, now: datetime) -> FlexContract:
        """The contract from a day on; its price is negotiated."""
        terms, top = self._terms, self._config.points[-1].identity
        up_w, down_w = max(terms.power_w, 0), min(terms.power_w, 0)
        return from_template(
            SERVICE,
            contract_id=self.me.identifier("contract", SERVICE, now.isoformat()),
            buyer=self.me.domain,
            seller=self.rules.domains[self._community],
            start_date=first,
            end_date=first + timedelta(days=self._config.term_days),
            start_minute=terms.start_minute,
            end_minute=terms.end_minute,
            timezone=self.rules.timezone,
            flex_elements=(FlexElement(top, PORTFOLIO, up_w, down_w, BaselineKind.ELEMENTS),),
            isp_minutes=self.rules.isp_minutes,
            currency=self.rules.currency,
        )

    @on(ServiceTold)
    def told(self, message: ServiceTold, sender: str, now: datetime) -> list[Effect]:
        """Keep what is told in time; where the contract's level is not signed yet, offer it."""
        day = self.rules.day(message.period)
        if sender != self._community or {len(message.down_w), len(message.up_w)} != {day.count}:
            return [self.me.lapse("ServiceTold", message.period.isoformat(), sender, "no rows of that day", now)]
        self.state.told_w[message.period] = told_in_time(
            self.state.told_w.get(message.period, {}),
            message,
            day,
            up=self._terms.power_w > 0,
            response_min=self._terms.response_min,
            now=now,
        )
        contract = self._contracts.contract_on(self._community, message.period)
        if contract is None or contract.contract_id in self.state.levels:
            return []
        terms = self._terms
        level = ServiceLevel(contract.contract_id, terms.response_min, terms.availability_pct, terms.deduction_pct)
        record = self.me.record(LEVEL, contract.contract_id, level, now)
        return [Send(self._community, ServiceLevelOffered(record))]

    @on(ServiceLevelSigned)
    def signed(self, message: ServiceLevelSigned, sender: str, now: datetime) -> list[Effect]:
        """Both have signed: from now on it counts."""
        record, domain = message.record, self.rules.domains.get(sender, "")
        if sender != self._community or not (
            self.me.has_signed(domain, record) and self.me.has_signed(self.me.domain, record)
        ):
            return [self.me.lapse("ServiceLevelSigned", record.key, sender, "both have to have signed it", now)]
        self.state.levels[record.key] = decode(record.body)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.told_w = {period: row for period, row in self.state.told_w.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Levels are recorded; what was told is not, so of the ISPs before nothing counts as ready."""
        self.state.levels = history.of(LEVEL, ServiceLevel)
        return Recovery(forgotten=("what the microgrid told to have ready before: it is not paid for",))
