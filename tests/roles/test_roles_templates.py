"""Templates are published with a version, recorded, and named by every negotiation that begins from one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.roles.aggregator import AggregatorRole, Member
from agents.roles.aggregator.template_publishing import NAMES, TemplatePublishing
from agents.roles.effects import Effect, Publish, Send
from agents.roles.events import Recalled, Started
from agents.roles.messages import Filed
from cim.codec.codec import decode
from cim.platform.publications.agreements import TemplatePublished
from market.contracts.templates import PUBLISHED_TEMPLATE, PublishedTemplate
from market.ledger.records import Record
from market.negotiation.conversation import Negotiation
from market.negotiation.messages import ContractProposal
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, POINT, RULES, market_of_farms


def aggregator(max_activations: int) -> AggregatorRole:
    """An aggregator whose contracts allow so many activations a day."""
    members = tuple(Member(name, f"ean.{name}", POINT) for name in players.FARMS)
    config = terms.aggregator_config(members)
    limits = replace(config.limits, max_activations_per_day=max_activations)
    return AggregatorRole("agr", RULES, players.key("agr"), replace(config, limits=limits))


def filed(effects: list[Effect]) -> list[Record]:
    """The templates that are filed."""
    sent = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Filed)]
    return [r for message in sent for r in message.records if r.kind == PUBLISHED_TEMPLATE]


def published(effects: list[Effect]) -> list[TemplatePublished]:
    """The templates that everybody is told of."""
    return [e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, TemplatePublished)]


def test_an_aggregator_publishes_its_templates_at_the_start() -> None:
    """Each once, as version 1, with the limits that it proposes; recorded under publisher, name and version."""
    effects = aggregator(7).handle(Started(), AHEAD)
    assert [r.key for r in filed(effects)] == [f"agr.example/{name}#1" for name in NAMES]
    assert [(t.template, t.version, t.max_activations) for t in published(effects)] == [(name, 1, 7) for name in NAMES]


@pytest.mark.parametrize(("activations", "versions"), [(7, [1, 1]), (9, [2, 2])])
def test_other_terms_are_another_version_and_the_same_ones_are_not(activations: int, versions: list[int]) -> None:
    """After a loss of everything; what was published stays in the ledger as it was."""
    records = filed(aggregator(7).handle(Started(), AHEAD))
    again = aggregator(activations)
    effects = again.handle(Recalled(tuple(records), (), AHEAD, AHEAD), AHEAD)
    assert [again.part(TemplatePublishing).version(name) for name in NAMES] == versions
    assert [t.version for t in published(effects)] == ([] if activations == 7 else versions)
    old = decode(records[0].body)
    assert isinstance(old, PublishedTemplate)
    assert (old.version, old.template.max_activations) == (1, 7)


def test_a_negotiation_names_template_and_version() -> None:
    """And an answer that begins from another one is a breach of the conversation."""
    pump = market_of_farms()
    proposal = pump.said(ContractProposal, sender="agr")[0]
    contract = proposal.contract
    assert (contract.template, contract.template_version) == ("household-daily", 1)
    talk = Negotiation(proposal.conversation_id, "farm-a.example", "agr.example", RULES.keys)
    talk.receive(proposal)
    other = replace(proposal, round=2, contract=replace(contract, template_version=2))
    assert "expected that of the first offer" in (talk._misfit_of_offer(other) or "")
