"""The flexibility register between agents: applied, prequalified by the DSO, recorded, found by the aggregator."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from agents.roles.effects import Effect, Publish, Send
from agents.roles.events import Fired, Recalled, Received
from agents.roles.iles_manager import IlesConfig, IlesRole
from agents.roles.messages import DeviceJoined, Filed, Receipt
from agents.roles.parts.register_keeping import RegisterKeeping, RemindOperator, moves_of
from agents.roles.prosumer.asset_publishing import AssetPublishing
from agents.roles.prosumer.told import ElementJudged
from agents.roles.register_messages import (
    AssetList,
    AssetQuery,
    AssetsPublished,
    AssetsWithdrawn,
    PublishAgain,
    RegisterEntry,
)
from cim.model.devices import DeviceKind
from cim.platform.publications.agreements import UnitsMoved, UnitsRanked
from cim.platform.publications.incidents import RuleBroken
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.register.lifecycle import UnitState
from market.register.units import CONGESTION_MANAGEMENT, RECORD_KIND, UnitProduct
from tests.worlds import players
from tests.worlds.miniature import Miniature
from tests.worlds.players import AHEAD, FARMS, RULES

UNIT = UnitProduct("farm-a.pv", CONGESTION_MANAGEMENT)
MINUTE = timedelta(minutes=1)


def manager() -> IlesRole:
    """The keeper of the register."""
    return IlesRole("iles", RULES, players.key("iles"), IlesConfig("weather", FARMS, "ledger", "dso"))


def application() -> RegisterEntry:
    """What a farm says when its plant has joined."""
    joined = DeviceJoined("farm-a.pv", players.nameplate(DeviceKind.PV, 10_000, 0))
    effects = players.farm("farm-a").handle(Received("farm-a.pv", 1, joined), AHEAD)
    (entry,) = messages(effects, RegisterEntry)
    return entry


def messages(effects: list[Effect], kind: type) -> list:  # type: ignore[type-arg]
    """The messages of a type among effects."""
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def published(effects: list[Effect], kind: type) -> list:  # type: ignore[type-arg]
    """The publications of a family among effects."""
    return [e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, kind)]


def recorded(role: IlesRole, effects: list[Effect]) -> tuple[list[Effect], Record]:
    """What the manager does on the receipt of what it just filed, and the record."""
    (filed,) = messages(effects, Filed)
    (record,) = filed.records
    return role.handle(Received("ledger", 1, Receipt(filed.reference)), AHEAD), record


def units_found(role: IlesRole, sender: str = "agr") -> list[str]:
    """What an aggregator may market."""
    (answer,) = messages(role.handle(Received(sender, 1, AssetQuery(("farm-a.example",))), AHEAD), AssetList)
    return [unit.asset.name for unit in answer.units]


def test_a_unit_is_found_once_the_dso_has_prequalified_it_and_all_of_it_is_recorded() -> None:
    """Application, prequalification: each signed by its party, countersigned, in force on the ledger's receipt."""
    role, entry = manager(), application()
    effects, record = recorded(role, role.handle(Received("farm-a", 1, entry), AHEAD))
    assert {s.party for s in record.signatures} == {"farm-a.example", "iles.example"}
    assert units_found(role) == []
    (asked,) = messages(effects, RegisterEntry)
    (answer,) = messages(players.dso().handle(Received("iles", 1, asked), AHEAD), RegisterEntry)
    effects, record = recorded(role, role.handle(Received("dso", 1, answer), AHEAD + MINUTE))
    assert {s.party for s in record.signatures} == {"dso.example", "iles.example"}
    (told,) = published(effects, UnitsMoved)
    assert [(u.unit, u.state, u.provider) for u in told.units] == [("farm-a.pv", "prequalified", "agr.example")]
    assert units_found(role) == ["farm-a.pv"]
    assert units_found(role, "agr-2") == []


def test_nothing_counts_before_it_is_recorded() -> None:
    """Without a receipt, or when the ledger refuses, the register stays as it was; the refusal is told."""
    role = manager()
    (filed,) = messages(role.handle(Received("farm-a", 1, application()), AHEAD), Filed)
    assert role.part(RegisterKeeping).state.units == {}
    effects = role.handle(Received("ledger", 1, Receipt(filed.reference, "disk full")), AHEAD)
    assert role.part(RegisterKeeping).state.units == {}
    assert [e.publication.reason for e in effects if isinstance(e, Publish)] == ["disk full"]  # type: ignore[attr-defined]


def test_forged_moves_are_refused() -> None:
    """Sent by another, signed by another, of a party that may not, or no moves at all: told as a breach, not filed."""
    entry = application()
    forged = replace(entry.record, body=entry.record.body + b"\0")
    dso = players.dso().me
    theirs = dso.record(RECORD_KIND, "x", (1,), AHEAD)
    for sender, message in (
        ("farm-b", entry),
        ("farm-a", RegisterEntry(forged)),
        ("dso", RegisterEntry(theirs)),
        ("dso", RegisterEntry(dso.record("contract", "x", (), AHEAD))),
    ):
        effects = manager().handle(Received(sender, 1, message), AHEAD)
        assert len(published(effects, RuleBroken)) == 1
        assert messages(effects, Filed) == []


def test_an_application_that_the_dso_does_not_answer_is_sent_again() -> None:
    """Each ten minutes, until it is answered."""
    role = manager()
    effects, _ = recorded(role, role.handle(Received("farm-a", 1, application()), AHEAD))
    (asked,) = messages(effects, RegisterEntry)
    again = role.handle(Fired(RemindOperator()), AHEAD + 10 * MINUTE)
    assert messages(again, RegisterEntry) == [asked]
    (answer,) = messages(players.dso().handle(Received("iles", 1, asked), AHEAD), RegisterEntry)
    recorded(role, role.handle(Received("dso", 1, answer), AHEAD))
    assert role.handle(Fired(RemindOperator()), AHEAD + 20 * MINUTE) == []


def test_the_dso_refuses_a_unit_at_no_connection_of_its_own() -> None:
    """The reason stands in the register, and nobody finds the unit."""
    role, farm = manager(), players.farm("farm-a").me
    (move,) = moves_of(application().record)
    assert move.asset is not None
    elsewhere = replace(move, asset=replace(move.asset, usage_point="ean.nowhere"))
    entry = RegisterEntry(farm.record(RECORD_KIND, "x", (elsewhere,), AHEAD))
    effects, _ = recorded(role, role.handle(Received("farm-a", 1, entry), AHEAD))
    (asked,) = messages(effects, RegisterEntry)
    (answer,) = messages(players.dso().handle(Received("iles", 1, asked), AHEAD), RegisterEntry)
    recorded(role, role.handle(Received("dso", 1, answer), AHEAD))
    unit = role.part(RegisterKeeping).state.units[UNIT]
    assert (unit.state, unit.reason) == (
        UnitState.REFUSED, "usage_point: ean.nowhere is not in the operator's register",
    )  # fmt: skip
    assert units_found(role) == []


def test_a_suspended_element_is_withdrawn_and_applied_with_again() -> None:
    """By its meter: off the market with its unit, and back when it counts again."""
    farm = players.farm("farm-a")
    farm.handle(Received("farm-a.pv", 1, DeviceJoined("farm-a.pv", players.nameplate(DeviceKind.PV, 10_000, 0))), AHEAD)
    publishing = farm.part(AssetPublishing)
    off = publishing.judged(ElementJudged("farm-a.pv", suspended=True), AHEAD)
    assert messages(off, AssetsWithdrawn) == [AssetsWithdrawn(("farm-a.pv",))]
    assert len(messages(off, RegisterEntry)) == 1
    assert publishing.judged(ElementJudged("farm-a.pv", suspended=True), AHEAD) == []
    back = publishing.judged(ElementJudged("farm-a.pv", suspended=False), AHEAD)
    assert [asset.name for m in messages(back, AssetsPublished) for asset in m.assets] == ["farm-a.pv"]
    role = manager()
    for sender, entry in (("farm-a", application()), ("farm-a", *messages(off, RegisterEntry))):
        recorded(role, role.handle(Received(sender, 1, entry), AHEAD))
    assert role.part(RegisterKeeping).state.units[UNIT].state is UnitState.WITHDRAWN
    assert messages(farm.handle(Received("iles", 1, PublishAgain()), AHEAD), AssetsPublished)


def test_a_whole_market_is_prequalified_found_and_its_register_rebuilt_from_the_ledger(tmp_path: Path) -> None:
    """Every element of four homes; the manager that lost everything has the same register again, and asks once more."""
    market = Miniature(tmp_path / "ledger.db")
    market.play(market.start + timedelta(minutes=10))
    units = market.roles["iles"].part(RegisterKeeping).state.units
    assert len(units) == 8
    assert {unit.state for unit in units.values()} == {UnitState.PREQUALIFIED}
    ranked = [told for told in market.told(UnitsRanked) if told.aggregator == "agr"]
    assert {row.unit for told in ranked for row in told.units} == {"home-a.bat", "home-a.pv", "home-b.bat", "home-b.pv"}
    with LedgerReader(tmp_path / "ledger.db") as reader:
        records = reader.records(kind=RECORD_KIND)
        began = reader.began()
    assert began is not None
    fresh = IlesRole("iles", market.rules, players.key("iles"), IlesConfig("weather", FARMS, "ledger", "dso"))
    effects = fresh.handle(Recalled(records, (), began, began), market.start + timedelta(hours=1))
    assert fresh.part(RegisterKeeping).state.units == units
    assert len(messages(effects, PublishAgain)) == len(FARMS)
