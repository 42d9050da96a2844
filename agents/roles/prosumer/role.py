"""The prosumer's market desk: its assets published, its contract negotiated, its own sums after the day."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from agents.planning.forecast.like_day import with_day
from agents.roles.effects import Arm, Effect, Poll, Send
from agents.roles.messages import AssetsPublished, DeviceJoined, Filed
from agents.roles.part import on
from agents.roles.parts.recovery import KEPT_DAYS
from agents.roles.parts.settlement import metering_of, response_effects
from agents.roles.prosumer.forecasting import METERING
from agents.roles.prosumer.recovery import RecallingDesk
from market.assets.publication import AssetPublication
from market.contracts.contract import FlexContract
from market.negotiation.concession import NegotiationPreferences
from market.settlement.day import lost_isps, settle
from market.settlement.elements import ElementMove, commitment
from market.uftp import FlexOrderSettlement, FlexSettlement, Metering


class ProsumerRole(RecallingDesk):
    """A home, farm, estate, plant or park behind one connection."""

    @on(DeviceJoined)
    def joined(self, message: DeviceJoined, sender: str, now: datetime) -> list[Effect]:
        """An asset is connected; when all are, they go to the market."""
        if sender not in self.elements:
            return []
        if sender in self.state.joined:  # it has lost everything: tell it again what it was told
            today = self.rules.day_of(now).key
            told = self.state.told.get(sender, {})
            return [Send(sender, schedule) for period, schedule in told.items() if period >= today]
        plate, kind = message.nameplate, self.kinds[sender]
        self.state.joined[sender] = AssetPublication(
            sender,
            str(plate.kind),
            self.domain,
            self.config.usage_point,
            self.config.congestion_point,
            plate.max_consumption_w,
            -plate.max_generation_w,
            can_increase=kind.can_increase,
            can_decrease=kind.can_decrease,
        )
        return self._publish() if len(self.state.joined) == len(self.elements) else []

    def timer_publish(self, _: str, now: datetime) -> list[Effect]:
        """An asset is missing: go to the market with the others."""
        return self._publish() if 0 < len(self.state.joined) < len(self.elements) else []

    def _publish(self) -> list[Effect]:
        assets = tuple(self.state.joined[name] for name in sorted(self.state.joined))
        return [Send(self.config.market, AssetsPublished(assets))]

    def preferences(self, contract: FlexContract) -> NegotiationPreferences:
        """It sells: never below what moving its power costs it."""
        return self.config.selling

    def timer_metering(self, period: str, now: datetime) -> list[Effect]:
        """After the day: what the meter and each element measured, signed, to DSO and aggregator."""
        day = self.rules.day(date.fromisoformat(period))
        if self._awaits_reading(period, day.end, now):
            self.state.late[period] = self.rules.patience(now)
            return [Poll(self.config.meter), Arm(f"metering {period}", self.state.late[period])]
        energy = self.state.energy_wh.get(period, {})
        zero = np.zeros(day.count)
        effects: list[Effect] = []
        told: dict[str, Metering] = {}
        for name in self.elements:
            lost = self.lost_isps(name, day)
            message = metering_of(self.me, self.config.aggregator, day.day, name, energy.get(name, zero), now, lost)
            told[name] = message
            effects.append(Send(self.config.aggregator, message))
        point, meter = self.config.usage_point, energy.get(self.config.meter, zero)
        lost = self.lost_isps(self.config.meter, day)
        for to in (self.config.aggregator, self.config.dso):
            told[point] = metering_of(self.me, to, day.day, point, meter, now, lost)
            effects.append(Send(to, told[point]))
        record = self.record("metering", f"{period}/{self.domain}", tuple(told[k] for k in sorted(told)), now)
        self.state.metered[period] = told
        self._remember(period)
        return [*effects, Send(self.config.ledger, Filed(f"metering {period}", (record,)))]

    def _awaits_reading(self, period: str, end: datetime, now: datetime) -> bool:
        """After a standstill over the day's end: what meter and elements show now still tells what the day took."""
        read = self.state.counter_at
        stood_still = now - end > METERING + self.rules.interval
        return period not in self.state.late and (stood_still or read is None or read < end)

    def _remember(self, period: str) -> None:
        """The day becomes history for the next forecasts; older days are dropped."""
        day = self.rules.day(date.fromisoformat(period))
        if not any(self.lost_isps(name, day) for name in (self.config.meter, *self.elements)):
            base = self.measured_kw(self.config.meter, day) - sum(self.measured_kw(name, day) for name in self.elements)
            self.state.base_history_kw = with_day(self.state.base_history_kw, base)
        state = self.state
        for kept in (state.plans, state.energy_wh, state.revisions, state.late):
            for old in [key for key in kept if key < period and key in state.metered]:
                del kept[old]
        first = day.next(-KEPT_DAYS).day
        for told in (state.metered, state.answered):
            for old in [key for key in told if key < first.isoformat()]:
                del told[old]
        state.orders = tuple(order for order in state.orders if order.period >= first.isoformat())
        state.received = {k: order for k, order in state.received.items() if order.period >= first}
        state.sessions = {k: session for k, session in state.sessions.items() if session.period >= period}

    @on(FlexSettlement)
    def settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The aggregator settles: the same sum from own orders, baselines and meters, and the answer."""
        if sender != self.config.aggregator or not self.state.contracts.get(sender):
            return []
        period = message.period_start.isoformat()
        if period not in self.state.metered:
            return [self.lapse("FlexSettlement", message.header.message_id, sender, f"{period} is not metered", now)]
        if period in self.state.answered:
            return [self.lapse("FlexSettlement", message.header.message_id, sender, f"{period} is answered", now)]
        self.state.answered[period] = message.header.message_id
        ours = self._own_settlement(period)
        return response_effects(self.me, sender, self.config.ledger, message, ours, now)

    def _own_settlement(self, period: str) -> tuple[FlexOrderSettlement, ...]:
        contract = self.contract_on(self.config.aggregator, date.fromisoformat(period))
        rows: list[FlexOrderSettlement] = []
        metered = self.state.metered.get(period, {})
        for name in sorted(self.elements):
            moves = [
                ElementMove(self.state.received[part.order_reference], part.isps)
                for part in self.state.orders
                if part.element == name and part.period == period
            ]
            profile = metered[name].profile("Power") if name in metered else None
            owed = None if contract is None or not moves else commitment(name, moves, contract)
            if owed is not None and contract is not None and profile is not None:
                order, baseline = owed
                rows += settle((order,), baseline, profile.values, (contract,), lost_isps([metered[name]]))
        return tuple(rows)
