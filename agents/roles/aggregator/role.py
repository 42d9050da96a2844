"""The aggregator's market desk: contracts with its members and with the DSO, and both levels' settlement."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from agents.roles.aggregator.recovery import RecallingDesk
from agents.roles.aggregator.state import place
from agents.roles.effects import Arm, Effect, Send
from agents.roles.events import Started
from agents.roles.messages import AssetList, AssetQuery
from agents.roles.part import on
from agents.roles.parts.recovery import KEPT_DAYS
from agents.roles.parts.settlement import LATEST, payment_effects, response_effects, settlement_effects
from cim.model.intervals import LocalDay
from market.contracts.contract import CountedPer, FlexContract
from market.contracts.templates import from_template
from market.negotiation.concession import NegotiationPreferences
from market.settlement.day import lost_isps, metered_w, reservation, settle
from market.settlement.elements import ElementMove, commitment
from market.uftp import (
    AgrPortfolioUpdate,
    Connection,
    ContractSettlement,
    FlexOrderSettlement,
    FlexSettlement,
    FlexSettlementResponse,
    Metering,
)

CONTRACTING = timedelta(minutes=5)  # after the start: the assets are published by then
TIMES_ASKED = 3


class AggregatorRole(RecallingDesk):
    """Pools its members' flexibility and sells it to the DSO."""

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Register the portfolio with the CRO; then look for assets to contract; settle after each day."""
        connections = tuple(
            Connection(m.usage_point, self.rules.first_day, None, None, self.domain) for m in self.config.members
        )
        header = self.header(self.config.market, now, None, "AGRPortfolioUpdate")
        update = AgrPortfolioUpdate(header, connections, self.rules.timezone)
        return [Send(self.config.market, update), Arm("contracts", now + CONTRACTING), *self.begin_days(now)]

    def day_timers(self, day: LocalDay, now: datetime) -> list[Effect]:
        """Its settlement, at the latest."""
        return [Arm(f"settle {day.key}", day.end + LATEST)]

    def timer_contracts(self, _: str, now: datetime) -> list[Effect]:
        """Ask the market what the members have published."""
        wanting = [name for name in self.members if self.wanted_from(name, now) is not None]
        if not wanting:
            self.state.asked = 0
            return [self.seek_again(self.members, now)]
        self.state.asked += 1
        # Who had published nothing yet when we asked may have been late.
        soon = self.state.asked < TIMES_ASKED
        again = Arm("contracts", now + CONTRACTING) if soon else self.seek_again(wanting, now)
        return [Send(self.config.market, AssetQuery(tuple(self.rules.domains[name] for name in wanting))), again]

    @on(AssetList)
    def listed(self, message: AssetList, sender: str, now: datetime) -> list[Effect]:
        """Take up a template for each member that has something to give, and open the negotiation."""
        effects: list[Effect] = []
        for member in self.config.members:
            owner = self.rules.domains[member.name]
            elements = tuple(asset.element for asset in message.assets if asset.owner == owner)
            first = self.wanted_from(member.name, now)
            if not elements or first is None or self.talking(member.name):
                continue
            big = sum(element.max_increase_w for element in elements) > self.config.plant_from_w
            contract = from_template(
                "plant-daily" if big else "household-daily",
                contract_id=self.identifier("contract", member.name, now.isoformat()),
                buyer=self.domain,
                seller=owner,
                start_date=first,
                end_date=first + timedelta(days=self.config.term_days),
                timezone=self.rules.timezone,
                flex_elements=elements,
                isp_minutes=self.rules.isp_minutes,
                max_activations=self.config.limits.max_activations_per_day,
                max_runtime_isps=self.config.limits.max_runtime_isps,
                recovery_isps=self.config.limits.recovery_isps,
            )
            effects += self.propose(contract, now)
        return effects

    def preferences(self, contract: FlexContract) -> NegotiationPreferences:
        """It buys from members and sells to the DSO, the second above the first."""
        return self.config.buying if contract.buyer == self.domain else self.config.selling

    # ---- after the day -----------------------------------------------------------------------------------------------

    @on(Metering)
    def metering(self, message: Metering, sender: str, now: datetime) -> list[Effect]:
        """Members' meters; with the last connection of the portfolio the members are settled."""
        if sender not in self.members:
            return []
        period = message.period.isoformat()
        if period in self.state.settled or message.period < self.rules.day_of(now).next(-KEPT_DAYS).day:
            return [self.lapse("Metering", message.header.message_id, sender, f"{period} is settled", now)]
        self.state.metering[f"{message.ean}|{period}"] = message
        if message.ean != self.members[sender].usage_point or not self._metered(period):
            return []
        return self._settle(period, now)

    def _metered(self, period: str) -> bool:
        return all(f"{member.usage_point}|{period}" in self.state.metering for member in self.config.members)

    def timer_settle(self, period: str, now: datetime) -> list[Effect]:
        """Not all meters came: settle with those that did; after a standstill the members have to catch up first."""
        if period in self.state.settled:
            return []
        due = self.rules.day(date.fromisoformat(period)).end + LATEST
        if now - due > self.rules.interval and period not in self.state.late:
            self.state.late[period] = now + 4 * self.rules.interval
            return [Arm(f"settle {period}", self.state.late[period])]
        return self._settle(period, now)

    def _settle(self, period: str, now: datetime) -> list[Effect]:
        self.state.settled = (*self.state.settled, period)[-2 * KEPT_DAYS :]
        effects = self._settle_members(date.fromisoformat(period), now)
        owed = self.state.owed.pop(period, None)
        if owed is not None:
            effects += self._answer(owed, now)
        self._forget(self.rules.day(date.fromisoformat(period)).next(-KEPT_DAYS).day)
        return effects

    def _forget(self, first: date) -> None:
        """Drop what is about days before `first`."""
        state, key = self.state, first.isoformat()
        by_period: tuple[dict[str, Any], ...] = (state.forecasts, state.fresh, state.late, state.answered)
        by_place: tuple[dict[str, Any], ...] = (
            state.prognoses, state.revisions, state.room, state.baselines, state.metering
        )  # fmt: skip
        for kept in by_period + by_place:
            for old in [k for k in kept if k.rpartition("|")[2] < key]:
                del kept[old]
        for reference in [k for k, order in state.member_orders.items() if order.period < first]:
            del state.member_orders[reference], state.order_member[reference]
            state.order_sessions.pop(reference, None)
        state.orders = tuple(order for order in state.orders if order.period >= first)
        state.parts = tuple(part for part in state.parts if part.period >= key)
        begin = self.rules.day(first).start
        for name, starts in state.activated.items():
            contract, since = self.contract_on(name, first), begin
            if contract is not None and contract.counted_per is CountedPer.TERM:
                since = min(begin, self.rules.day(contract.start_date).start)
            state.activated[name] = tuple(start for start in starts if start >= since)

    def _settle_members(self, period: date, now: datetime) -> list[Effect]:
        effects: list[Effect] = []
        told = self.state.told.pop(period.isoformat(), ())
        for member in self.config.members:
            contract = self.contract_on(member.name, period)
            if contract is None or member.name in told:
                continue
            rows, ordered = self._member_rows(member.name, contract, period)
            isps = reservation(contract, {}, {}, self.rules.day(period).count, ordered)
            parts = (ContractSettlement(contract.contract_id, period, isps),)
            message, sent = settlement_effects(self.me, member.name, self.ledger, period, rows, parts, now)
            self.state.settlements[message.header.message_id] = message
            effects += sent
        return effects

    def _member_rows(
        self, member: str, contract: FlexContract, period: date
    ) -> tuple[tuple[FlexOrderSettlement, ...], dict[int, int]]:
        """A member's settlement, element by element, and what was ordered of it in each ISP."""
        rows: list[FlexOrderSettlement] = []
        total: dict[int, int] = {}
        mine = [p for p in self.state.parts if p.member == member and p.period == period.isoformat()]
        for element in sorted({part.element for part in mine}):
            moves = [
                ElementMove(self.state.member_orders[part.order_reference], part.isps)
                for part in mine
                if part.element == element
            ]
            metering = self.state.metering.get(f"{element}|{period.isoformat()}")
            profile = None if metering is None else metering.profile("Power")
            owed = commitment(element, moves, contract)
            if owed is None or metering is None or profile is None:
                continue
            order, baseline = owed
            for row in order.isps:
                total[row.start] = total.get(row.start, 0) + row.power_w
            rows += settle((order,), baseline, profile.values, (contract,), lost_isps([metering]))
        return tuple(rows), total

    @on(FlexSettlement)
    def dso_settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The DSO settles: the same sum from own orders, baselines and the members' meters, and the answer."""
        if sender != self.config.dso:
            return []
        period, number = message.period_start.isoformat(), message.header.message_id
        if period in self.state.answered:
            return [self.lapse("FlexSettlement", number, sender, f"{period} is answered already", now)]
        if period not in self.state.settled and not self._metered(period):
            self.state.owed[period] = message  # the members' meters come by other ways than the DSO's sums
            return []
        return self._answer(message, now)

    def _answer(self, message: FlexSettlement, now: datetime) -> list[Effect]:
        self.state.answered[message.period_start.isoformat()] = message.header.message_id
        day = self.rules.day(message.period_start)
        sales = self.state.contracts.get(self.config.dso, ())
        ours: list[FlexOrderSettlement] = []
        for point in self.config.congestion_points:
            orders = [o for o in self.state.orders if o.congestion_point == point and o.period == day.day]
            baseline = self.state.baselines.get(place(point, day.day), {})
            meterings = self._meterings(point, day.day)
            actual = metered_w(meterings, day.count)
            ours += settle(orders, baseline, actual, sales, lost_isps(meterings))
        return response_effects(self.me, self.config.dso, self.ledger, message, ours, now)

    def _meterings(self, point: str, period: date) -> list[Metering]:
        keys = [f"{self.members[name].usage_point}|{period.isoformat()}" for name in self.config.at(point)]
        return [self.state.metering[key] for key in keys if key in self.state.metering]

    @on(FlexSettlementResponse)
    def member_responded(self, message: FlexSettlementResponse, sender: str, now: datetime) -> list[Effect]:
        """A member accepts: pay it. What it disputes waits for people."""
        settlement = self.state.settlements.get(message.flex_settlement_message_id)
        contracts = self.state.contracts.get(sender, ())
        theirs = settlement is not None and settlement.header.recipient_domain == self.rules.domains[sender]
        if settlement is None or not contracts or not theirs:
            return [
                self.lapse("FlexSettlementResponse", message.header.message_id, sender, "nothing waits for it", now)
            ]
        del self.state.settlements[message.flex_settlement_message_id]
        return payment_effects(self.me, self.ledger, settlement, message, contracts, self.rules.domains[sender], now)
