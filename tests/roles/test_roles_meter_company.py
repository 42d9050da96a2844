"""A meter-data company: the DSO settles by what it hands over, and who sums up by something else is found without any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.roles.dso import DsoRole
from agents.roles.dso.prognoses import Prognoses
from agents.roles.effects import Effect, Publish, Send
from agents.roles.events import Fired, Recalled, Received
from agents.roles.messages import Filed
from agents.roles.meter_data_company import MeterCompanyConfig, MeterDataCompanyRole, MeterReading
from agents.roles.meter_messages import CopiesCorrected, CopiesHeld, MeteringHandedOver, MeteringWanted
from agents.roles.parts.copy_confirming import ConfirmCopies
from agents.roles.parts.meter_data import MeterData
from agents.roles.prosumer.metering_messages import MeteringMessages, TellMetering
from cim.platform.publications.settlement import CopiesDiffer
from market.rules import MarketRules
from market.settlement.meter_copies import copy_digest
from market.uftp import Header, Metering, MeteringProfile, MeteringResponse, Result
from tests.worlds import players
from tests.worlds.players import DAY, FIRST, NOON

FARM = "farm-a"


def rules() -> MarketRules:
    """The players' market, with a company that reads their meters."""
    known = players.rules()
    domains = {**known.domains, "meters": "meters.example"}
    return replace(known, domains=domains, meter_company="meters")


def company() -> MeterDataCompanyRole:
    """It reads both farms' meters."""
    config = MeterCompanyConfig("dso", "ledger", (("ean.farm-a", "farm-a"), ("ean.farm-b", "farm-b")))
    return MeterDataCompanyRole("meters", rules(), players.key("meters"), config)


def told(owner: str, meter: str, level_w: int = 1_000) -> Metering:
    """What a meter showed of the day, to the company."""
    header = Header(f"{owner}.example", "meters.example", DAY.end, f"m-{owner}-{meter}-{level_w}", "c-1")
    profile = MeteringProfile("Power", "W", (level_w,) * DAY.count)
    return Metering(header, FIRST, meter, 1, (profile,), "Europe/Vienna", 15)


def hear(role: Any, sender: str, message: object) -> list[Effect]:
    """What a role wants when it hears something at the day's end."""
    return role.handle(Received(sender, 1, message), DAY.end)  # type: ignore[no-any-return]


def of(effects: list[Effect], kind: type) -> list[Any]:
    """Messages and publications of a kind."""
    found = [e.message if isinstance(e, Send) else getattr(e, "publication", None) for e in effects]
    return [one for one in found if isinstance(one, kind)]


def test_connections_go_to_the_dso_and_elements_where_they_are_under_order() -> None:
    """As it was told, with its owner's name; an element that nobody ordered stays with the company."""
    role = company()
    for meter, handed in (("ean.farm-a", True), ("farm-a.pv", False)):
        effects = hear(role, FARM, told(FARM, meter))
        assert [m.metering for m in of(effects, MeteringHandedOver)] == ([told(FARM, meter)] if handed else [])
        assert of(effects, MeteringResponse)[0].result is Result.ACCEPTED


@pytest.mark.parametrize(
    ("sender", "owner", "meter"),
    [("agr", "agr", "ean.farm-a"), (FARM, "farm-b", "ean.farm-b"), (FARM, FARM, "ean.farm-b")],
)
def test_nobody_tells_of_anothers_meter(sender: str, owner: str, meter: str) -> None:
    """Neither a party of the settlement nor a neighbour: refused, and nothing goes on."""
    effects = hear(company(), sender, told(owner, meter))
    assert of(effects, MeteringHandedOver) == []
    assert of(effects, MeteringResponse)[0].result is Result.REJECTED


def test_what_a_meter_showed_is_not_told_anew() -> None:
    """The same revision with other values is refused; the first stays."""
    role = company()
    hear(role, FARM, told(FARM, "ean.farm-a"))
    assert of(hear(role, FARM, told(FARM, "ean.farm-a", 900)), MeteringHandedOver) == []
    assert next(iter(role.part(MeterReading).state.read.values())) == told(FARM, "ean.farm-a")


@pytest.mark.parametrize("party", [FARM, "agr", "dso"])
def test_who_holds_something_else_is_found_recorded_and_put_right(party: str) -> None:
    """Nothing was ordered; five percent more in one copy is found by its digest, once."""
    role = company()
    for meter in ("ean.farm-a", "farm-a.pv"):
        hear(role, FARM, told(FARM, meter))
    held = CopiesHeld(FIRST, (copy_digest(told(FARM, "ean.farm-a")), copy_digest(told(FARM, "farm-a.pv", 1_050))))
    effects = hear(role, party, held)
    right = (told(FARM, "farm-a.pv"),)
    assert of(effects, CopiesCorrected) == [CopiesCorrected(FIRST, right)]
    (found,) = of(effects, CopiesDiffer)
    assert (found.party, found.owners, found.meters) == (f"{party}.example", ("farm-a.example",), ("farm-a.pv",))
    (filed,) = of(effects, Filed)
    assert [(r.kind, bool(r.salt)) for r in filed.records] == [("meter-copies", True)]
    assert of(hear(role, party, held), CopiesDiffer) == []


def test_who_holds_what_the_meters_showed_hears_nothing() -> None:
    """No record, no publication."""
    role = company()
    hear(role, FARM, told(FARM, "ean.farm-a"))
    assert hear(role, FARM, CopiesHeld(FIRST, (copy_digest(told(FARM, "ean.farm-a")),))) == []


def test_the_dso_takes_meter_data_from_the_company_alone() -> None:
    """What a farm tells it itself is refused by that reason; from the company it is taken, by its owner; from nobody else."""
    role = DsoRole("dso", rules(), players.key("dso"), players.dso().part(Prognoses).config)
    meters, message = role.part(MeterData), told(FARM, "ean.farm-a")
    (answer,) = of(hear(role, FARM, message), MeteringResponse)
    assert (answer.result, answer.rejection_reason) == (Result.REJECTED, "meter data are taken from meters alone")
    hear(role, "agr", MeteringHandedOver(message))
    assert meters.of("ean.farm-a", FIRST) is None
    (answer,) = of(hear(role, "meters", MeteringHandedOver(message)), MeteringResponse)
    assert answer.result is Result.ACCEPTED
    assert meters.of("ean.farm-a", FIRST) == message


def test_a_farms_gateway_tells_the_company_all_that_its_meters_showed_and_the_farm_its_copies() -> None:
    """Connection and elements to the company, nothing to the DSO; half an hour later the digests of its own copies.

    Told otherwise by the company, its copy is what the meter showed.
    """
    role = players.farm(FARM, market=rules())
    effects = role.handle(Fired(TellMetering(FIRST)), DAY.end)
    effects += role.handle(Fired(TellMetering(FIRST)), DAY.end)
    sent = [(e.to, e.message.ean) for e in effects if isinstance(e, Send) and isinstance(e.message, Metering)]
    assert sorted(sent) == [
        ("agr", "ean.farm-a"),
        ("agr", "farm-a.pv"),
        ("meters", "ean.farm-a"),
        ("meters", "farm-a.pv"),
    ]
    copies = role.part(MeteringMessages).copies(FIRST)
    (held,) = of(role.handle(Fired(ConfirmCopies(FIRST)), DAY.end), CopiesHeld)
    assert set(held.copies) == {copy_digest(copy) for copy in copies}
    right = told(FARM, "farm-a.pv", -700)
    hear(role, "agr", CopiesCorrected(FIRST, (right,)))
    assert right not in role.part(MeteringMessages).copies(FIRST)
    hear(role, "meters", CopiesCorrected(FIRST, (right,)))
    assert right in role.part(MeteringMessages).copies(FIRST)


def test_where_nobody_reads_meters_nobody_confirms() -> None:
    """A site without a company stays as it was: the farm tells the DSO itself."""
    role = players.farm(FARM)
    effects = role.handle(Fired(TellMetering(FIRST)), DAY.end)
    effects += role.handle(Fired(TellMetering(FIRST)), DAY.end)
    assert ("dso", "ean.farm-a") in [(e.to, getattr(e.message, "ean", "")) for e in effects if isinstance(e, Send)]
    assert not [e for e in effects if isinstance(e, Publish) and isinstance(e.publication, CopiesDiffer)]


def test_after_a_loss_of_everything_it_asks_for_what_the_dso_may_not_have() -> None:
    """Owners tell the day again, elements before their connection; a day that is not over is not asked for."""
    later = DAY.end + timedelta(hours=1)
    effects = company().handle(Recalled((), (), later, later), later)
    wanted = [(e.to, e.message) for e in effects if isinstance(e, Send) and isinstance(e.message, MeteringWanted)]
    assert wanted == [("farm-a", MeteringWanted(FIRST)), ("farm-b", MeteringWanted(FIRST))]
    assert of(company().handle(Recalled((), (), NOON, NOON), NOON), MeteringWanted) == []
    role = players.farm(FARM, market=rules())
    role.handle(Fired(TellMetering(FIRST)), DAY.end)
    role.handle(Fired(TellMetering(FIRST)), DAY.end)
    assert [m.ean for m in of(hear(role, "meters", MeteringWanted(FIRST)), Metering)] == ["farm-a.pv", "ean.farm-a"]
    assert hear(role, "agr", MeteringWanted(FIRST)) == []
