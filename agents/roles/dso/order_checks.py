"""Between the choice of offers and their orders: a power flow with them, so that no order breaks a limit elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from agents.roles.dso.case_building import CaseBuilding
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.ordering import OffersChecked, OffersChosen
from agents.roles.effects import Compute, Effect
from agents.roles.events import JobFailed
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import NoState
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.uftp import FlexOffer

Chosen = tuple[str, FlexOffer, int, int | None]


@wire("dso.OrderCheckOf")
@dataclass(frozen=True, slots=True)
class OrderCheckOf:
    """The reference of a check: what was chosen, as `OffersChosen` tells it."""

    period: date
    point: str
    chosen: tuple[Chosen, ...]
    by_hand: bool


class OrderChecks(Part[NoState]):
    """Has each choice checked, and lets through what breaks nothing."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, building: CaseBuilding) -> None:
        super().__init__(me, NoState())
        self._config, self._building = config, building

    @on(OffersChosen)
    def chosen(self, event: OffersChosen, now: datetime) -> list[Effect]:
        """Ask for the power flow."""
        day, config = self.rules.day(event.period), self._config
        now_w = self._building.expected(event.point, day)
        orders = tuple(self._moved(now_w.nodes, day, event.point, chosen) for chosen in event.chosen)
        inverters = config.inverters_near(event.point)
        arguments = (
            config.part_of(event.point), config.limits, now_w.nodes, now_w.p_w, now_w.q_var, orders, inverters,
        )  # fmt: skip
        return [Compute(OrderCheckOf(event.period, event.point, event.chosen, event.by_hand), "order-check", arguments)]

    def _moved(self, nodes: tuple[str, ...], day: LocalDay, point: str, chosen: Chosen) -> tuple[Floats, ...]:
        """[T] watts that an order changes at each node: shared by the size of its seller's connections at the point."""
        seller, offer, factor, _ = chosen
        moved = np.zeros(day.count)
        for row in offer.options[0].activated(factor)[1]:
            moved[row.start - 1 : row.start - 1 + row.duration] += row.power_w
        members = self._config.of_seller(seller, point, day.day)
        size_w = sum(c.contracted_w for c in members)
        return self._building.by_node(nodes, {c.usage_point: moved * (c.contracted_w / size_w) for c in members}, day)

    @on(OrderCheckOf)
    def checked(self, reference: OrderCheckOf, faults: tuple[str, ...], now: datetime) -> list[Effect]:
        """What may be ordered goes on; what may not is told."""
        effects, kept = list[Effect](), list[Chosen]()
        for chosen, fault in zip(reference.chosen, faults, strict=True):
            if fault:
                seller, offer, _, _ = chosen
                effects.append(self.me.lapse("FlexOffer", offer.header.message_id, seller, fault, now))
            else:
                kept.append(chosen)
        told = OffersChecked(reference.period, reference.point, tuple(kept), reference.by_hand)
        return [*effects, *self.emit(told, now)]

    @on(JobFailed)
    def failed(self, event: JobFailed, now: datetime) -> list[Effect]:
        """What the grid could not even be calculated with is not ordered."""
        reference = event.reference
        if not isinstance(reference, OrderCheckOf):
            return []
        about = f"{reference.point} {reference.period.isoformat()}"
        told = self.me.failed("power flow before an order", about, event.fault, now)
        return [told, *self.emit(OffersChecked(reference.period, reference.point, (), reference.by_hand), now)]
