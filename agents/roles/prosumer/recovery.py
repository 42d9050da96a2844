"""The prosumer's memory after a loss: its contract, what it metered and answered; not what its elements were held to."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.forecast.like_day import with_day
from agents.roles.effects import Arm, Effect, Send
from agents.roles.events import Recalled
from agents.roles.messages import DeviceSchedule
from agents.roles.part import on
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory, forgotten, revision
from agents.roles.parts.settlement_recovery import answer_owed
from agents.roles.prosumer.forecasting import DAY_AHEAD_HOUR, METERING, PATIENCE, REVISION_MINUTE
from agents.roles.prosumer.vpp_member import DispatchingDesk
from cim.model.intervals import LocalDay
from market.settlement.day import lost_isps
from market.uftp import FlexOrder, FlexSettlement, Metering


class RecallingDesk(DispatchingDesk):
    """Goes on where the ledger ends, and says what it has forgotten; a meter reading is never guessed."""

    @on(Recalled)
    def recalled(self, event: Recalled, now: datetime) -> list[Effect]:
        """Remember what is recorded; forecast afresh once the elements have reported; meter from now on."""
        past, state = LedgerHistory(event, self.rules), self.state
        state.recalled = now
        for contract in past.contracts(self.domain, now):
            if contract.seller == self.domain and contract.buyer == self.rules.domains[self.config.aggregator]:
                self.agreed(contract, now)
        effects: list[Effect] = [Arm("publish", now + PATIENCE)]
        effects += self._metered(past, now)
        orders = self._held(past, now)
        effects += answer_owed(self, past, self.config.aggregator, self.settled, now)
        days = past.open_days(now)
        for day in days:
            effects += self._timers(day, now)
        effects += self.days_on(days[-1].next() if days else self.rules.day(self.rules.first_day), now)
        lost = [(max(day.start, event.began), min(day.end, now)) for day in days
                if day.start < now and day.key not in state.metered]  # fmt: skip
        state.forgotten, told = forgotten(
            self.name,
            past,
            (
                "a negotiation that was running" if self.wanted_from(self.config.aggregator, now) is not None else "",
                "splits of the virtual power plant that were running, and its schedules: they are planned anew",
                "vehicles, rooms and weather, as far as devices and services do not tell them again",
                *(f"metered energy of its connection and elements from {a.isoformat()} to {b.isoformat()}, and until "
                  "each is read again: told as not metered" for a, b in lost),
                f"how {orders} recorded orders fall on its elements, which are held to none of them" if orders else "",
                "numbers of its prognoses: revisions go on in seconds",
            ),
            now,
        )  # fmt: skip
        return [*effects, told]

    def _timers(self, day: LocalDay, now: datetime) -> list[Effect]:
        """As at the start, but when the elements have had time to report."""
        state, key, soon = self.state, day.key, now + PATIENCE
        effects: list[Effect] = []
        if key not in state.metered:
            effects.append(Arm(f"metering {key}", day.end + METERING))
        if now < day.end and day.start <= now + timedelta(days=2):
            state.revisions[key] = revision(day, now)
        if soon < day.start:
            effects.append(Arm(f"forecast {key}", max(day.next(-1).at(DAY_AHEAD_HOUR), soon)))
        elif soon < day.end:
            effects.append(Arm(f"resume {key}", soon))
        if soon < day.start + timedelta(minutes=REVISION_MINUTE):
            effects.append(Arm(f"revise {key}", day.start + timedelta(minutes=REVISION_MINUTE)))
        return effects

    def timer_resume(self, period: str, now: datetime) -> list[Effect]:
        """Plan the rest of the running day; what an element was told before a loss, and nobody remembers, ends."""
        day = self.rules.day(date.fromisoformat(period))
        if now >= day.end:
            return []
        begin = day.isp_of(now) + 1 if now >= day.start else 1
        if 1 < begin <= day.count:
            self.replan(day, begin, now)
            self.plan_batteries(day, begin, now)
        free = (None,) * day.count
        effects: list[Effect] = [Send(name, DeviceSchedule(name, day.day, free)) for name in self.elements]
        return [*effects, *self.timer_revise(period, now)]

    def _metered(self, past: LedgerHistory, now: datetime) -> list[Effect]:
        """Days that were metered and told are; the last of them, for who may not have heard; and all are history."""
        state, effects = self.state, list[Effect]()
        first = self.rules.day_of(now).next(-KEPT_DAYS).day
        settled = {period for period, _ in past.owed_to(self.domain)}
        for told in past.of("metering", tuple).values():
            messages: dict[str, Metering] = {m.ean: m for m in told if isinstance(m, Metering)}
            if self.config.usage_point not in messages or any(m.header.sender_domain != self.domain for m in told):
                continue
            period = messages[self.config.usage_point].period
            self._into_history(messages)
            if period < first:
                continue
            state.metered[period.isoformat()] = messages
            if period.isoformat() not in settled:
                for message in messages.values():
                    effects.append(Send(self.config.aggregator, message))
                effects.append(Send(self.config.dso, messages[self.config.usage_point]))
        return effects

    def _into_history(self, messages: dict[str, Metering]) -> None:
        if lost_isps(tuple(messages.values())):
            return
        rows = {ean: p.values for ean, m in messages.items() if (p := m.profile("Power")) is not None}
        meter = np.array(rows.pop(self.config.usage_point), dtype=np.float64)
        base = (meter - sum((np.array(row) for row in rows.values()), start=np.zeros(len(meter)))) / 1000
        self.state.base_history_kw = with_day(self.state.base_history_kw, base)

    def _held(self, past: LedgerHistory, now: datetime) -> int:
        """Orders as recorded, so that none is taken twice; returns how many of them are about days not over."""
        orders = {k: o for k, o in past.of("member-order", FlexOrder).items()
                  if o.header.recipient_domain == self.domain
                  and o.period >= self.rules.day_of(now).next(-KEPT_DAYS).day}  # fmt: skip
        self.state.received = orders
        return sum(order.period >= self.rules.day_of(now).day for order in orders.values())

    def settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The aggregator settles; the market desk answers."""
        return []
