"""Non-firm capacity first: what flexible connection agreements leave the DSO free to withdraw, before it pays anybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.dso.config import DsoConfig, PlantConnection
from agents.roles.dso.expected_power import ExpectedPower
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import Prognoses
from agents.roles.effects import Effect, Send
from agents.roles.grid_messages import CapacityWithdrawn
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed
from agents.roles.part import Part, Recovery
from agents.roles.parts.filing import Filing
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.meter_data import MeterDay
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.contracts.connection_terms import FlexibleConnection, NonFirm, withdrawals
from market.register.providers import aggregator_on


@wire("dso.NonFirmCapacity")
@dataclass(slots=True)
class NonFirmCapacityState:
    """What was withdrawn of days that are not closed for good.

    Attributes:
        withdrawn_w: by connection and day, ISP -> what may still be fed in, a magnitude in watts.
        told: by connection and day, when it was told last, and on which prognosis (its message id) that stood.
    """

    withdrawn_w: dict[MeterDay, dict[int, int]] = field(default_factory=dict)
    told: dict[MeterDay, tuple[datetime, str]] = field(default_factory=dict)


class NonFirmCapacity(Part[NonFirmCapacityState]):
    """Withdraws non-firm export capacity where less feed-in is needed; what is still needed then, the market is asked for.

    Only once the sellers' prognoses know of it: what is withdrawn is part of the baseline, and never delivered flexibility.
    """

    def __init__(
        self, me: AgentIdentity, config: DsoConfig, *, prognoses: Prognoses, ordering: Ordering, expected: ExpectedPower
    ) -> None:
        super().__init__(me, NonFirmCapacityState())
        self._ledger, self._prognoses, self._ordering, self._expected = config.ledger, prognoses, ordering, expected
        plants = () if config.curtailing is None else config.curtailing.plants
        self._plants = tuple((plant, agreed) for plant in plants if (agreed := plant.terms.flexible) is not None)
        self._connections = {c.usage_point: c for c in config.connections}

    def left_w(self, usage_point: str, period: date) -> dict[int, int]:
        """ISP -> what a connection may still feed in where capacity was withdrawn, a magnitude."""
        return self.state.withdrawn_w.get(MeterDay(usage_point, period), {})

    def use_first(self, point: str, day: LocalDay, need_w: Floats, now: datetime) -> tuple[Floats, list[Effect]]:
        """Withdraw what helps at a congestion point; gives the need ([T] W) that the market is asked for now, and effects."""
        below = [(plant, agreed) for plant, agreed in self._plants if point in plant.points]
        found = withdrawals(_watts(need_w), (self._non_firm(plant, agreed, day) for plant, agreed in below), day, now)
        effects: list[Effect] = []
        for plant, _ in below:
            if plant.usage_point in found:
                effects += self._withdraw(plant, day, found[plant.usage_point], point, now)
        waiting = {isp for plant, _ in below for isp in self._unheard(plant, day, now)}
        left = [0.0 if isp in waiting and watts > 0 else watts for isp, watts in enumerate(need_w.tolist(), start=1)]
        return np.array(left), effects

    def _place(self, usage_point: str, period: date) -> SellerPointDay:
        connection = self._connections[usage_point]
        return SellerPointDay(aggregator_on(connection, period), connection.congestion_point, period)

    def _non_firm(self, plant: PlantConnection, agreed: FlexibleConnection, day: LocalDay) -> NonFirm:
        """What a connection is expected to feed in; of ISPs in which its seller is ordered something, nothing is withdrawn."""
        power_w = self._expected.of_connection_w(self._connections[plant.usage_point], day)
        ordered = self._ordering.ordered_w(self._place(plant.usage_point, day.day))
        left = self.left_w(plant.usage_point, day.day)
        most = plant.rated_w if plant.terms.export_w is None else plant.terms.export_w
        rows = [
            0 if isp in ordered else max(round(watts), -left.get(isp, most))
            for isp, watts in enumerate(power_w.tolist(), start=1)
        ]
        return NonFirm(plant.usage_point, agreed, tuple(rows))

    def _withdraw(
        self, plant: PlantConnection, day: LocalDay, isps: dict[int, int], point: str, now: datetime
    ) -> list[Effect]:
        key = MeterDay(plant.usage_point, day.day)
        self.state.withdrawn_w[key] = {**self.state.withdrawn_w.get(key, {}), **isps}
        newest = self._prognoses.newest(self._place(plant.usage_point, day.day))
        self.state.told[key] = now, "" if newest is None else newest.header.message_id
        owner = self.rules.domains[plant.owner]
        message = CapacityWithdrawn(plant.usage_point, owner, day.day, now, tuple(sorted(isps.items())), point)
        name = f"{plant.usage_point}/{day.day}/{now.isoformat()}"
        record = self.me.record("capacity-withdrawn", name, message, now, salted=True)
        filed = Filed(Filing("capacity-withdrawn", name), (record,))
        return [Send(plant.owner, message), Send(self._ledger, filed)]

    def _unheard(self, plant: PlantConnection, day: LocalDay, now: datetime) -> tuple[int, ...]:
        """The ISPs with withdrawn capacity of which the seller's newest prognosis cannot know yet; not for ever."""
        key = MeterDay(plant.usage_point, day.day)
        newest = self._prognoses.newest(self._place(plant.usage_point, day.day))
        at, stood_on = self.state.told.get(key, (now, ""))
        known = newest is not None and newest.header.message_id == stood_on
        late = now - at > timedelta(hours=self.rules.revision_hours)
        return tuple(self.left_w(plant.usage_point, day.day)) if known and not late else ()

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.withdrawn_w = {key: isps for key, isps in state.withdrawn_w.items() if key.period >= before}
        state.told = {key: at for key, at in state.told.items() if key.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was withdrawn stays so, and is not paid."""
        first = history.open_days(now)
        for message in history.of("capacity-withdrawn", CapacityWithdrawn).values():
            if first and message.period >= first[0].day:
                key = MeterDay(message.usage_point, message.period)
                self.state.withdrawn_w[key] = {**self.state.withdrawn_w.get(key, {}), **dict(message.export_w)}
        return Recovery()


def _watts(need_w: Floats) -> dict[int, int]:
    return {isp: round(watts) for isp, watts in enumerate(need_w.tolist(), start=1) if watts > 0}
