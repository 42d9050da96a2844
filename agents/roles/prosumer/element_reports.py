"""What each element reported last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from agents.planning.elements.element import ElementConfig
from agents.roles.effects import Effect, Publish
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceJoined, DeviceReport
from agents.roles.part import Part, on
from agents.roles.prosumer.told import ElementReported
from cim.codec.codec import wire
from cim.model.plausibility import judged
from cim.model.readings import Kind, Quality, Reading
from cim.platform.publications.measured import ReadingRefused


@wire("prosumer.ElementReports")
@dataclass(slots=True)
class ElementReportsState:
    """The last report of each element, and the share of its capacity that each store keeps back."""

    reports: dict[str, DeviceReport] = field(default_factory=dict)
    reserves_pct: dict[str, int] = field(default_factory=dict)


class ElementReports(Part[ElementReportsState]):
    """Keeps the elements' last reports, and passes each on to the other parts.

    Args:
        elements: the own elements by name; nobody else's report counts, and nothing that an element cannot show.
    """

    def __init__(self, me: AgentIdentity, elements: Mapping[str, ElementConfig]) -> None:
        super().__init__(me, ElementReportsState())
        self._elements = elements

    @on(DeviceReport)
    def reported(self, message: DeviceReport, sender: str, now: datetime) -> list[Effect]:
        """An element says what it measured, and its news."""
        if sender not in self._elements or message.element != sender:
            return []
        config = self._elements[sender]
        readings = tuple(judged(r, rated_w=config.rated_w, capacity_wh=config.capacity_wh) for r in message.readings)
        report = self.state.reports[sender] = replace(message, readings=readings)
        refused = [r.kind for r, told in zip(readings, message.readings, strict=True) if r.quality is not told.quality]
        effects = self.emit(ElementReported(report), now)
        if refused:
            why = "; ".join(f"{r.kind} {r.value:g}" for r in readings if r.kind in refused)
            effects.append(Publish(ReadingRefused(now, sender, f"its ratings do not carry {why}")))
        return effects

    @on(DeviceJoined)
    def joined(self, message: DeviceJoined, sender: str, now: datetime) -> list[Effect]:
        """A store says what it keeps back."""
        if sender in self._elements:
            self.state.reserves_pct[sender] = message.nameplate.reserve_pct
        return []

    def config(self, element: str) -> ElementConfig:
        """What is known of an element, with the reserve that it told; nothing below that is planned or offered."""
        config, share = self._elements[element], self.state.reserves_pct.get(element, 0)
        return replace(config, reserve_wh=-(-config.capacity_wh * share // 100)) if share else config

    def last_value(self, element: str, kind: Kind) -> float | None:
        """What an element measured last, as far as its last report has a good reading of it."""
        report = self.state.reports.get(element)
        return None if report is None else value(report, kind)

    def last_at(self, element: str) -> datetime | None:
        """When an element reported last."""
        report = self.state.reports.get(element)
        return None if report is None else report.at


def value(report: DeviceReport, kind: Kind) -> float | None:
    """A good reading's value, or None."""
    found: Reading | None = next((r for r in report.readings if r.kind is kind and r.quality is Quality.GOOD), None)
    return None if found is None else found.value
