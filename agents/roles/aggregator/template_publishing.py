"""The templates that an aggregator's negotiations begin from: published with a version, and never changed under one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.effects import Effect
from agents.roles.events import Started
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import template_published
from cim.codec.codec import wire
from market.contracts.templates import PUBLISHED_TEMPLATE, TEMPLATES, PublishedTemplate

NAMES = ("household-daily", "plant-daily")  # what members' contracts begin from


@wire("aggregator.TemplatePublishing")
@dataclass(slots=True)
class TemplatePublishingState:
    """By name, the version that counts."""

    published: dict[str, PublishedTemplate] = field(default_factory=dict)


class TemplatePublishing(Part[TemplatePublishingState]):
    """Publishes its templates, signed and recorded; one whose terms have changed gets the next version."""

    def __init__(self, me: AgentIdentity, config: AggregatorConfig, filing: LedgerFiling) -> None:
        super().__init__(me, TemplatePublishingState())
        self._config, self._filing = config, filing

    def version(self, name: str) -> int:
        """The version of a template that is published now; 1 before any is."""
        known = self.state.published.get(name)
        return 1 if known is None else known.version

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Publish what is new or has changed."""
        effects: list[Effect] = []
        for name in NAMES if self.rules.flexibility else ():
            limits, known = self._config.limits, self.state.published.get(name)
            template = replace(
                TEMPLATES[name],
                max_activations=limits.max_activations_per_day,
                max_runtime_isps=limits.max_runtime_isps,
                recovery_isps=limits.recovery_isps,
            )
            if known is not None and known.template == template:
                continue
            made = PublishedTemplate(self.me.domain, 1 if known is None else known.version + 1, template)
            self.state.published[name] = made
            record = self.me.record(PUBLISHED_TEMPLATE, made.key, made, now)
            effects += [self._filing.file(PUBLISHED_TEMPLATE, made.key, record), template_published(made, now)]
        return effects

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Versions go on from those that are recorded."""
        for made in history.of(PUBLISHED_TEMPLATE, PublishedTemplate).values():
            known = self.state.published.get(made.template.name)
            if made.publisher == self.me.domain and (known is None or known.version < made.version):
                self.state.published[made.template.name] = made
        return Recovery(self.started(Started(), now))
