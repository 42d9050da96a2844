"""What every role promises: no hidden handler, deterministic identifiers, and a snapshot that goes on elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from agents.roles.device_agent import DeviceAgent, ReadDevice
from agents.roles.dso.prognoses import BeginWithout
from agents.roles.dso.trading_round import ChooseNow, SafetyOf, SelectionOf
from agents.roles.effects import Effect
from agents.roles.events import BlockClosed, Computed, Connected, Event, Fired, Measured, Received, Recorded, Started
from agents.roles.iles_manager import IlesConfig, IlesRole
from agents.roles.ledger_keeper import CloseNow, KeeperRole
from agents.roles.messages import DeviceJoined, DeviceReport, DeviceSchedule, Filed, HeadCosigned, MeterUpdate
from agents.roles.part import Part, on
from agents.roles.parts.contracts import SeekContracts
from agents.roles.parts.filing import NoState
from agents.roles.parts.settlement_as_buyer import SettleDay
from agents.roles.prosumer.metering_messages import TellMetering
from agents.roles.prosumer.prognoses import ForecastDay, ReviseDay
from agents.roles.register_messages import AssetQuery, AssetsPublished
from agents.roles.role import Role
from cim.codec.codec import encode
from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import BadInput, ProgrammingFault
from cim.model.readings import Kind, Reading
from market.assets.publication import AssetPublication
from market.ledger.records import BlockHead
from market.uftp import DPrognosis, Header
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FARMS, FIRST, NOON, POINT, RULES

MINUTE = timedelta(minutes=1)
PV = "farm-a.pv"


def prognosis(sender: str, to: str, place: str, revision: int = 1) -> DPrognosis:
    """A flat prognosis."""
    name = f"{sender}{revision}"
    header = Header(f"{sender}.example", f"{to}.example", AHEAD, name, name)
    return DPrognosis(header, FIRST, place, revision, (-9000,) * 96, RULES.timezone)


def published() -> AssetsPublished:
    """A farm's one asset on the market."""
    return AssetsPublished((AssetPublication(PV, "pv", "farm-a.example", "ean.farm-a", POINT, 0, -10_000),))


def counters(at: Any, value: float) -> tuple[Reading, ...]:
    """A meter's registers."""
    return (Reading("m", Kind.ENERGY_IMPORT, value, at), Reading("m", Kind.ENERGY_EXPORT, 1.0, at))


def asset() -> Role:
    """A battery."""
    return DeviceAgent(PV, RULES, players.key(PV), "farm-a")


def keeper() -> Role:
    """A ledger keeper."""
    return KeeperRole("ledger", RULES, players.key("ledger"), ("dso",))


def iles() -> Role:
    """An ILES manager."""
    return IlesRole("iles", RULES, players.key("iles"), IlesConfig("weather", FARMS, "ledger", "dso"))


def from_(sender: str, message: Any) -> Received:
    """A message as it arrives."""
    return Received(sender, 1, message)


HEAD = BlockHead(1, AHEAD, DAY.start, 0, 0, b"\0" * 32, b"\1" * 32, b"\2" * 32, DAY.start)
LIVES: dict[str, tuple[Callable[[], Role], list[tuple[Event, Any]]]] = {
    "asset": (
        asset,
        [
            (Connected(PV, players.nameplate(DeviceKind.BATTERY, 5000, 4000)), AHEAD),
            (from_("farm-a", DeviceSchedule(PV, FIRST, (Setpoint(Mode.TARGET, 900), None) * 48)), NOON),
            (Measured(PV, players.good(PV, 5.0, NOON), ()), NOON + MINUTE),
            (Measured(PV, players.absent(PV, NOON), (), "lost"), NOON + 2 * MINUTE),
            (Measured(PV, players.good(PV, 5.0, NOON), ()), NOON + 20 * MINUTE),
            (Fired(ReadDevice()), NOON + 25 * MINUTE),
        ],
    ),
    "prosumer": (
        lambda: players.farm("farm-a"),
        [
            (Started(), AHEAD),
            (Connected("farm-a.meter", players.nameplate(DeviceKind.METER, 0, 0)), AHEAD),
            (from_(PV, DeviceJoined(PV, players.nameplate(DeviceKind.PV, 10_000, 0))), AHEAD),
            (Fired(ForecastDay(FIRST)), AHEAD),
            (Measured("farm-a.meter", counters(NOON, 5.0), ()), NOON),
            (from_(PV, DeviceReport(PV, NOON, players.good(PV, -900.0, NOON), ())), NOON),
            (Measured("farm-a.meter", counters(NOON, 50.0), ()), NOON + 5 * MINUTE),
            (Fired(ReviseDay(FIRST)), NOON + 5 * MINUTE),
            (Fired(TellMetering(FIRST)), DAY.end + 60 * MINUTE),
        ],
    ),
    "aggregator": (
        players.aggregator,
        [
            (Started(), AHEAD),
            (from_("farm-a", prognosis("farm-a", "agr", "ean.farm-a")), AHEAD),
            (from_("farm-b", prognosis("farm-b", "agr", "ean.farm-b")), AHEAD),
            (from_("dso", players.request()), AHEAD),
            (from_("farm-a", MeterUpdate("ean.farm-a", NOON, NOON + 5 * MINUTE, 7)), NOON + 5 * MINUTE),
            (from_("farm-a", prognosis("farm-a", "agr", "ean.farm-a", 2)), NOON),
            (Fired(f"prognose {FIRST}"), NOON),
        ],
    ),
    "dso": (
        players.dso,
        [
            (Started(), AHEAD),
            (Fired(SeekContracts()), AHEAD),
            (from_("agr", prognosis("agr", "dso", POINT)), AHEAD),
            (Fired(BeginWithout(FIRST)), AHEAD),
            (Computed(SafetyOf(FIRST), players.assessment({48: 5000.0})), AHEAD),
            (Fired(ChooseNow(FIRST)), AHEAD),
            (Computed(SelectionOf(FIRST), ()), AHEAD),
            (Fired(SettleDay(FIRST)), DAY.end),
        ],
    ),
    "iles": (
        iles,
        [
            (Connected("weather", players.nameplate(DeviceKind.WEATHER, 0, 0)), AHEAD),
            (from_("farm-a", published()), AHEAD),
            (from_("agr", AssetQuery(("farm-a.example",))), AHEAD),
            (from_("agr", prognosis("agr", "iles", POINT)), AHEAD),
            (from_("agr-2", prognosis("agr-2", "iles", POINT)), AHEAD),
        ],
    ),
    "ledger-keeper": (
        keeper,
        [
            (Started(), AHEAD),
            (from_("dso", Filed("orders 1", ())), AHEAD),
            (Recorded("dso orders 1"), AHEAD),
            (Fired(CloseNow(1)), DAY.start),
            (BlockClosed(HEAD), DAY.start),
            (from_("dso", HeadCosigned(1, b"s")), DAY.start),
        ],
    ),
}


@pytest.mark.parametrize("life", LIVES)
def test_a_restored_role_goes_on_like_the_one_it_was(life: str) -> None:
    """After any number of events a fresh instance restored from the snapshot wants the same, byte for byte."""
    make, events = LIVES[life]
    lived = make()
    effects: list[Effect] = []
    for event, now in events:
        again = make()
        again.restore(lived.snapshot())
        effects = lived.handle(event, now)
        assert encode(tuple(again.handle(event, now))) == encode(tuple(effects))
        assert again.snapshot() == lived.snapshot()


@pytest.mark.parametrize("life", LIVES)
def test_the_same_events_give_the_same_effects(life: str) -> None:
    """Two instances that live through the same want the same, identifiers and signatures included."""
    make, events = LIVES[life]
    told = []
    for _ in range(2):
        role = make()
        told.append([encode(tuple(role.handle(event, now))) for event, now in events])
    assert told[0] == told[1]
    assert any(len(effects) > 3 for effects in told[0])


def test_a_session_survives_a_restart_of_everybody() -> None:
    """Restored from their snapshots between two messages, aggregator and members come to the same offer."""
    from market.uftp import FlexOffer

    calm, shaken = players.market_of_farms(), players.market_of_farms()
    fresh = {"agr": players.aggregator(), **{name: players.farm(name) for name in FARMS}}
    for name, role in fresh.items():
        role.restore(shaken.roles[name].snapshot())
        shaken.roles[name] = role
    for pump in (calm, shaken):
        pump.tell("agr", "dso", players.request(), AHEAD)
    assert calm.said(FlexOffer)
    assert encode(tuple(calm.said(FlexOffer))) == encode(tuple(shaken.said(FlexOffer)))


def test_a_hidden_handler_is_refused_at_class_creation() -> None:
    """A subclass that overrides a handler without marking it is refused in one sentence, when it is written."""

    class Base(Part[NoState]):
        """A part with one handler."""

        @on(Started)
        def begun(self, event: Started, now: Any) -> list[Effect]:
            """Nothing."""
            return []

    with pytest.raises(ProgrammingFault, match=r"Hiding.begun hides the handler of Started"):

        class Hiding(Base):
            """A part that hides it."""

            def begun(self, event: Started, now: Any) -> list[Effect]:
                """Nothing."""
                return []


def test_events_without_a_handler_change_nothing() -> None:
    """A role ignores what it has no handler for, and its snapshot stays the same."""
    role = asset()
    before = role.snapshot()
    assert role.handle(Recorded("x"), AHEAD) == []
    assert role.handle(from_("dso", Filed("x", ())), AHEAD) == []
    assert role.snapshot() == before


def test_identifiers_differ_between_agents_and_subjects() -> None:
    """An identifier says whose it is and what it is about, and nothing else: it is the same whenever it is asked for."""
    one, other = players.farm("farm-a").me, players.farm("farm-b").me
    drawn = [me.identifier("DPrognosis", str(k)) for me in (one, other) for k in range(50)]
    assert len(set(drawn)) == 100
    assert drawn[::-1] == [me.identifier("DPrognosis", str(k)) for me in (other, one) for k in reversed(range(50))]
    assert one.identifier("a", "bc") != one.identifier("ab", "c")


def test_a_snapshot_of_another_format_is_refused() -> None:
    """A snapshot that is not of this format is refused in one sentence that names the agent."""
    with pytest.raises(BadInput, match=r"snapshot of farm-a\.pv: expected format"):
        asset().restore(encode((1, None)))
