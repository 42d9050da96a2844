"""The DSO's market desk: its register at the CRO, its options on portfolios, and the settlement after the day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from agents.roles.dso.recovery import DsoRecallingDesk
from agents.roles.dso.state import place
from agents.roles.effects import Arm, Effect, Send
from agents.roles.events import Started
from agents.roles.part import on
from agents.roles.parts.recovery import KEPT_DAYS
from agents.roles.parts.settlement import LATEST, payment_effects, settlement_effects
from cim.model.intervals import LocalDay
from market.contracts.contract import FlexContract, FlexElement
from market.contracts.templates import from_template
from market.negotiation.concession import NegotiationPreferences
from market.settlement.day import lost_isps, metered_w, reservation, settle
from market.uftp import (
    Connection,
    ContractSettlement,
    DsoPortfolioUpdate,
    FlexOrderSettlement,
    FlexSettlementResponse,
    Metering,
)

CONTRACTING = timedelta(minutes=30)  # after the start: the sellers' own contracts stand by then


class DsoRole(DsoRecallingDesk):
    """One per site."""

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Publish the congestion points, then negotiate options, then wait for the days to settle."""
        effects: list[Effect] = [Arm("contracts", now + CONTRACTING)]
        for point in self.config.points:
            connections = tuple(
                Connection(c.usage_point, self.rules.first_day, None, point.identity)
                for c in self.config.at(point.identity)
            )
            header = self.header(self.config.market, now, None, "DSOPortfolioUpdate", point.identity)
            update = DsoPortfolioUpdate(header, point.identity, connections, self.rules.timezone)
            effects.append(Send(self.config.market, update))
        return effects + self.begin_days(now)

    def day_timers(self, day: LocalDay, now: datetime) -> list[Effect]:
        """Its settlement, at the latest."""
        return [Arm(f"settle {day.key}", day.end + LATEST)]

    def timer_contracts(self, _: str, now: datetime) -> list[Effect]:
        """Take up the template for an option on each seller's portfolio and open the negotiation."""
        effects: list[Effect] = [self.seek_again(self.config.aggregators, now)]
        for seller in self.config.aggregators:
            first = self.wanted_from(seller, now)
            if first is None or self.talking(seller):
                continue
            elements = []
            for point in self.config.points:
                size = sum(c.contracted_w for c in self.config.at(point.identity) if c.aggregator == seller)
                if size:
                    elements.append(FlexElement(point.identity, "portfolio", size, -size))
            contract = from_template(
                "dso-flexoption",
                contract_id=self.identifier("contract", seller, now.isoformat()),
                buyer=self.domain,
                seller=self.rules.domains[seller],
                start_date=first,
                end_date=first + timedelta(days=self.config.term_days),
                timezone=self.rules.timezone,
                flex_elements=tuple(elements),
                isp_minutes=self.rules.isp_minutes,
                max_activations=self.config.limits_of_contracts.max_activations_per_day,
                max_runtime_isps=self.config.limits_of_contracts.max_runtime_isps,
                recovery_isps=self.config.limits_of_contracts.recovery_isps,
                amount_down_w=-int(sum(-e.max_decrease_w for e in elements) * self.config.option_share_down),
                amount_up_w=int(sum(e.max_increase_w for e in elements) * self.config.option_share_up),
            )
            effects += self.propose(contract, now)
        return effects

    def preferences(self, contract: FlexContract) -> NegotiationPreferences:
        """It buys: never above what the flexibility is worth to the grid."""
        return self.config.buying

    @on(Metering)
    def metering(self, message: Metering, sender: str, now: datetime) -> list[Effect]:
        """A connection's meter; with the last one the day is settled."""
        known = {c.usage_point for c in self.config.connections}
        if message.ean not in known or header_of(self, sender) != message.header.sender_domain:
            return []
        period = message.period.isoformat()
        if period in self.state.settled or message.period < self.rules.day_of(now).next(-KEPT_DAYS).day:
            return [self.lapse("Metering", message.header.message_id, sender, f"{period} is settled", now)]
        self.state.metering[f"{message.ean}|{period}"] = message
        if all(f"{ean}|{period}" in self.state.metering for ean in known):
            return self._settle(period, now)
        return []

    def timer_settle(self, period: str, now: datetime) -> list[Effect]:
        """Not all meters came: settle with those that did; after a standstill the others have to catch up first."""
        if period in self.state.settled:
            return []
        due = self.rules.day(date.fromisoformat(period)).end + LATEST
        if now - due > self.rules.interval and period not in self.state.late:
            self.state.late[period] = now + 4 * self.rules.interval
            return [Arm(f"settle {period}", self.state.late[period])]
        return self._settle(period, now)

    def _settle(self, period: str, now: datetime) -> list[Effect]:
        self.state.settled = (*self.state.settled, period)[-2 * KEPT_DAYS :]
        day = self.rules.day(date.fromisoformat(period))
        effects: list[Effect] = []
        told = self.state.told.pop(period, ())
        for seller in (name for name in self.config.aggregators if name not in told):
            rows: list[FlexOrderSettlement] = []
            requested: dict[int, int] = {}
            offered: dict[int, int] = {}
            ordered: dict[int, int] = {}
            contracts, contract = self.state.contracts.get(seller, ()), self.contract_on(seller, day.day)
            for point in self.config.points:
                key = place(seller, point.identity, day)
                meterings = [
                    self.state.metering[f"{c.usage_point}|{period}"]
                    for c in self._connections(seller, point.identity)
                    if f"{c.usage_point}|{period}" in self.state.metering
                ]
                actual = metered_w(meterings, day.count)
                orders = self.state.orders.get(key, ())
                rows += settle(orders, self.state.baselines.get(key, {}), actual, contracts, lost_isps(meterings))
                for total, part in (
                    (requested, self.state.requested_w.get(key, {})),
                    (offered, self.state.offered_w.get(key, {})),
                    (ordered, self.ordered_w(key)),
                ):
                    for isp, power in part.items():
                        total[isp] = total.get(isp, 0) + power
            parts: tuple[ContractSettlement, ...] = ()
            if contract is not None:
                isps = reservation(contract, requested, offered, day.count, ordered)
                parts = (ContractSettlement(contract.contract_id, day.day, isps),)
            message, sent = settlement_effects(self.me, seller, self.ledger, day.day, tuple(rows), parts, now)
            self.state.settlements[message.header.message_id] = message
            effects += sent
        self._remember(period)
        self._forget(day)
        return effects

    def _forget(self, day: LocalDay) -> None:
        """Drop what was needed until a day was settled."""
        state, first = self.state, day.next(-KEPT_DAYS).key

        def over(period: str) -> bool:
            return period in state.settled or period < first

        by_place: tuple[dict[str, Any], ...] = (
            state.prognoses, state.fresh, state.rounds, state.requested_w, state.offered_w, state.orders,
            state.baselines, state.revisions, state.late, state.metering,
        )  # fmt: skip
        for kept in by_place:
            for old in [key for key in kept if over(key.rpartition("|")[2])]:
                del kept[old]
        state.by_id = {k: v for k, v in state.by_id.items() if not over(v.period.isoformat())}
        state.requests = {k: v for k, v in state.requests.items() if not over(v.period.isoformat())}

    def _remember(self, period: str) -> None:
        """The day's meters become history for the next analysis."""
        for connection in self.config.connections:
            metering = self.state.metering.pop(f"{connection.usage_point}|{period}", None)
            if metering is not None:
                self.into_history(metering)

    @on(FlexSettlementResponse)
    def responded(self, message: FlexSettlementResponse, sender: str, now: datetime) -> list[Effect]:
        """The seller accepts: pay it. What it disputes waits for people."""
        settlement = self.state.settlements.get(message.flex_settlement_message_id)
        if settlement is None or settlement.header.recipient_domain != self.rules.domains[sender]:
            return [
                self.lapse("FlexSettlementResponse", message.header.message_id, sender, "nothing waits for it", now)
            ]
        del self.state.settlements[message.flex_settlement_message_id]
        contracts = self.state.contracts.get(sender, ())
        return payment_effects(self.me, self.ledger, settlement, message, contracts, self.rules.domains[sender], now)


def header_of(role: DsoRole, sender: str) -> str | None:
    """The domain an agent must sign its headers with."""
    return role.rules.domains.get(sender)
