"""The DSO's contracts follow the sellers' portfolios when connections go over from one aggregator to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.registration import GridRegistration
from agents.roles.effects import Arm, Effect, Timer
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contract_ending import ContractEnding
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import NoState
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.switches_known import SwitchKnown
from cim.codec.codec import wire
from market.contracts.changes import amended
from market.contracts.contract import FlexContract
from market.register.providers import AMENDING_HOUR


@wire("dso.timer.portfolios")
@dataclass(frozen=True, slots=True)
class FollowPortfolios(Timer):
    """Connections go over to another aggregator with this day."""

    day: date


class PortfolioChanges(Part[NoState]):
    """Proposes amendments from the day on: at the same prices and the same share of what the seller has then.

    By then the seller that gains has its members' contracts. What is not agreed stays as it was: the seller that has lost
    connections then has to make good what it has reserved.
    """

    def __init__(
        self,
        me: AgentIdentity,
        config: DsoConfig,
        *,
        contracts: Contracts,
        negotiation: ContractNegotiation,
        ending: ContractEnding,
        registration: GridRegistration,
    ) -> None:
        super().__init__(me, NoState())
        self._config, self._contracts, self._negotiation = config, contracts, negotiation
        self._ending, self._registration = ending, registration

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """On the day before each change; contracts of the first day are made for that day's portfolios."""
        if not self.rules.flexibility:
            return []
        days = (self.rules.day(day) for day in self._config.changes if day > self.rules.first_day)
        return [
            Arm(FollowPortfolios(day.day), max(day.next(-1).at(AMENDING_HOUR), now)) for day in days if now < day.start
        ]

    @on(SwitchKnown)
    def known(self, event: SwitchKnown, now: datetime) -> list[Effect]:
        """Another was agreed while the site lives."""
        if not self.rules.flexibility:
            return []
        day = self.rules.day(event.switch.day)
        return [Arm(FollowPortfolios(day.day), max(day.next(-1).at(AMENDING_HOUR), now))]

    @on(FollowPortfolios)
    def follow(self, timer: FollowPortfolios, now: datetime) -> list[Effect]:
        """Each seller whose portfolio is another from the day on."""
        day, effects = timer.day, list[Effect]()
        if now >= self.rules.day(day).start:
            return []  # after a standstill: what is running is not changed
        for seller in self._config.aggregators:
            held = self._contracts.contracts_on(seller, day)
            if not self._registration.portfolios(seller, day):
                why = "none of its connections is left"
                for contract in held:
                    effects += self._ending.give(contract, day - timedelta(days=1), now, why, notice=False)
                continue
            for contract in held:
                effects += self._amended(seller, contract, day, now)
            if not any(contract.reserved for contract in held) and self._registration.in_season(day):
                effects += self._negotiation.propose(self._registration.option(seller, day, now), now)
            if all(contract.reserved for contract in held):
                effects += self._negotiation.propose(self._registration.framework(seller, day, now), now)
        return effects

    def _amended(self, seller: str, contract: FlexContract, day: date, now: datetime) -> list[Effect]:
        registration, reserved = self._registration, contract.reserved
        made = (registration.option if reserved else registration.framework)(seller, day, now)
        sizes = {element.name: element.max_increase_w for element in made.flex_elements}
        same = sizes == {element.name: element.max_increase_w for element in contract.flex_elements}
        if same or self._negotiation.talking(seller, reserved=reserved):
            return []
        new = replace(
            amended(contract, day),
            flex_elements=made.flex_elements,
            amount_up_w=made.amount_up_w,
            amount_down_w=made.amount_down_w,
        )
        return self._negotiation.propose_amendment(new, now)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start; what was agreed is recorded, and is not proposed again."""
        return Recovery(self.started(Started(), now))
