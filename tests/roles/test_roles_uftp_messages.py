"""Every UFTP message with the roles that send and handle it, so that none is sent to nobody or waited for in vain."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agents.assembly.roles import ROLES
from agents.roles.part import Part
from agents.runtime.imports import imported
from market import uftp
from market.uftp.exchange import ANSWERED, EXCHANGES
from tests.worlds import players
from tests.worlds import uftp_messages as examples

ROOT = Path(__file__).parents[2] / "agents" / "roles"
EDGE = "the edge"  # pilot/uftp: it answers tests, and rejects what the rules do not let through
# message: (who sends it, who handles it); a rejection may besides come from the edge of a party elsewhere.
TABLE = {
    "AgrPortfolioUpdate": ("aggregator", "iles"), "AgrPortfolioUpdateResponse": ("iles", "aggregator"),
    "DsoPortfolioUpdate": ("dso", "iles"), "DsoPortfolioUpdateResponse": ("iles", "dso"),
    "DPrognosis": ("aggregator", "dso"), "DPrognosisResponse": ("dso", "aggregator"),
    "FlexRequest": ("dso", "aggregator"), "FlexRequestResponse": ("aggregator", "dso"),
    "FlexOffer": ("aggregator", "dso"), "FlexOfferResponse": ("dso", "aggregator"),
    "FlexOfferRevocation": ("aggregator", "dso"), "FlexOfferRevocationResponse": ("dso", "aggregator"),
    "FlexReservationUpdate": ("dso", "aggregator"), "FlexReservationUpdateResponse": ("aggregator", "dso"),
    "FlexOrder": ("dso", "aggregator"), "FlexOrderResponse": ("aggregator", "dso"),
    "FlexSettlement": ("dso", "aggregator"), "FlexSettlementResponse": ("aggregator", "dso"),
    "Metering": ("prosumer", "dso"), "MeteringResponse": ("dso", "prosumer"),
    "TestMessage": (EDGE, EDGE), "TestMessageResponse": (EDGE, EDGE),
}  # fmt: skip
# Parties elsewhere ask the CRO; the site's own agents know what it would answer from their configuration.
FROM_ELSEWHERE = {
    "AgrPortfolioQuery": ("elsewhere", "iles"), "AgrPortfolioQueryResponse": ("iles", "aggregator"),
    "DsoPortfolioQuery": ("elsewhere", "iles"), "DsoPortfolioQueryResponse": ("iles", "dso"),
}  # fmt: skip
SHARED = "parts"


@cache
def made(folder: str) -> frozenset[str]:
    """The names that modules of a role's folder (or its one module) call, as when they make a message."""
    paths = sorted((ROOT / folder).rglob("*.py")) if (ROOT / folder).is_dir() else [ROOT / f"{folder}.py"]
    calls = (n for path in paths for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call))
    return frozenset(n.func.id for n in calls if isinstance(n.func, ast.Name))


FOLDERS = {"aggregator": "aggregator", "dso": "dso", "prosumer": "prosumer", "iles": "iles_manager"}


@cache
def handled(kind: str) -> frozenset[type]:
    """What the parts that a role's module names declare."""
    module = sys.modules[imported(ROLES[kind]).__module__]
    parts = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Part)]
    return frozenset(message for part in parts for message in part.handlers)


def test_every_message_is_on_the_list() -> None:
    """Once, in one of the two: no message is without a role."""
    names = sorted([*TABLE, *FROM_ELSEWHERE])
    assert names == sorted(kind.__name__ for kind in (*EXCHANGES, *ANSWERED))


@pytest.mark.parametrize("name", [*TABLE, *FROM_ELSEWHERE])
def test_who_is_said_to_send_and_handle_a_message_does(name: str) -> None:
    """Its sender makes it (itself or in a part that roles share), its handler declares it."""
    sender, handler = (TABLE | FROM_ELSEWHERE)[name]
    if sender in FOLDERS:
        assert name in made(FOLDERS[sender]) | made(SHARED)
    if handler in FOLDERS:
        assert vars(uftp)[name] in handled(handler)


def test_every_metering_is_answered() -> None:
    """A day that fits is accepted; one of another number of ISPs is rejected with the reason, and told by who sent it."""
    from agents.roles.effects import Send
    from agents.roles.identity import AgentIdentity
    from agents.roles.parts.meter_data import MeterData
    from agents.roles.parts.refusals import Refusals

    rules = players.RULES
    part = MeterData(
        AgentIdentity("dso", rules, bytes(32)), {"ean.farm-a": "farm-a"}, elements=False, facilitator="dso"
    )
    head = AgentIdentity("farm-a", rules, bytes(32)).header("dso", players.NOON, None, "Metering")
    for count, result in ((95, uftp.Result.REJECTED), (96, uftp.Result.ACCEPTED)):
        power = uftp.MeteringProfile("Power", "kW", (0,) * count)
        metering = uftp.Metering(head, players.FIRST, "ean.farm-a", 1, (power,), "Europe/Vienna")
        sent = next(effect for effect in part.metered(metering, "farm-a", players.NOON) if isinstance(effect, Send))
        answer = sent.message
        assert (sent.to, answer.metering_message_id, answer.result) == ("farm-a", head.message_id, result)
        told: Any = Refusals(AgentIdentity("farm-a", rules, bytes(32))).answered(answer, "dso", players.NOON)
        assert [lapse.publication.reason for lapse in told] == (
            ["Power: 95 values; expected 96"] if count == 95 else []
        )


def test_a_refused_offer_is_told() -> None:
    """A FlexOfferResponse that says Rejected: what, about which message, by whom, why; an accepted one is quiet."""
    from agents.roles.identity import AgentIdentity
    from agents.roles.parts.refusals import Refusals

    rules = players.rules()
    part = Refusals(AgentIdentity("agr", rules, bytes(32)))
    head = examples.header(examples.DSO, examples.AGR, 1)
    for result, count in ((uftp.Result.ACCEPTED, 0), (uftp.Result.REJECTED, 1)):
        answer = uftp.FlexOfferResponse(head, examples.number(7), result, None if count == 0 else "Invalid Message: no")
        told: Any = part.answered(answer, "dso", examples.NOON)
        assert len(told) == count
    lapse = told[0].publication
    assert (lapse.what, lapse.about, lapse.peer, lapse.reason) == (
        "FlexOffer",
        examples.number(7),
        "dso",
        "Invalid Message: no",
    )
