"""A host works off what is due, once, in an order that depends on nothing but the messages."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import benches
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import AHEAD, DAY, FARMS, FIRST, NOON, RULES

from agents.planning.messages import AssetSchedule
from agents.roles.base import Filed
from agents.roles.contract import Arm, Compute, Computed, Fired
from agents.runtime.envelope import Envelope, Outcome
from agents.runtime.host import Host
from cim.model.codec import encode
from cim.model.errors import ProgrammingFault
from devices.port import DeviceKind, DeviceUnreachable, Mode, Setpoint
from market.uftp import DPrognosis, FlexOrder, Header

PV = "farm-a.pv"
EVERYBODY = {spec.name: spec for spec in benches.specs()}


def host(*names: str, **more: Any) -> Host:
    """Some agents of the market, with fake devices."""
    chosen = tuple(EVERYBODY[name] for name in names)
    ports = {spec.device: benches.port(spec) for spec in chosen if spec.device is not None}
    return Host(chosen, RULES, {**ports, **more.pop("ports", {})}, more.pop("executor", benches.inline), **more)


def work(here: Host, now: Any, *inbox: Envelope) -> Outcome:
    """One round."""
    return asyncio.run(here.work(now, inbox))


def bytes_of(outcome: Outcome) -> bytes:
    """All of an outcome but the time it took."""
    return encode((outcome.outbox, outcome.published, outcome.next_timer))


def schedule(power_w: int) -> AssetSchedule:
    """The same limit all day."""
    return AssetSchedule(PV, FIRST, (Setpoint(Mode.LIMIT, power_w),) * 96)


def prognosis(sender: str, revision: int, power_w: int) -> DPrognosis:
    """A member's flat forecast."""
    header = Header(f"{sender}.example", "agr.example", AHEAD, f"{sender}{revision}", "c")
    return DPrognosis(header, FIRST, f"ean.{sender}", revision, (power_w,) * 96, RULES.timezone)


def test_a_repeated_message_is_dropped() -> None:
    """(sender, sequence) is worked off once, within a round and over rounds; another sender's counts for itself."""
    port = benches.FakePort(PV, DeviceKind.PV, 20_000)
    here = host(PV, ports={PV: port})
    asyncio.run(here.open(AHEAD))
    work(here, AHEAD)
    first, second = Envelope(PV, "farm-a", 1, schedule(-100)), Envelope(PV, "farm-a", 2, schedule(-200))
    work(here, NOON, first, first, second)
    assert [s.power_w for s, _ in port.written if s is not None] == [-100, -200]
    work(here, NOON, first, second, Envelope(PV, "dso", 1, schedule(-300)))
    assert len(port.written) == 2


INBOX = tuple(
    Envelope("agr", sender, sequence, prognosis(sender, sequence, -1000 * sequence))
    for sender in FARMS
    for sequence in (1, 2, 3)
) + tuple(Envelope("farm-a", "agr", k, schedule(-k)) for k in (4, 5))


@given(st.permutations(INBOX))
def test_the_order_of_arrival_does_not_matter(inbox: list[Envelope]) -> None:
    """Whatever order a round's messages came in, the outcome is the same to the byte."""
    expected = work(host("agr", "farm-a"), AHEAD, *INBOX)
    here = host("agr", "farm-a")
    assert bytes_of(work(here, AHEAD, *inbox)) == bytes_of(expected)
    assert expected.outbox


def test_a_moved_timer_fires_once() -> None:
    """Arming a timer again moves it: it does not fire at its old instant, and once at its new one."""
    here = host("agr")
    fired: list[str] = []
    role = here.roles["agr"]
    plain = role.handle

    def listening(event: Any, now: Any) -> Any:
        if isinstance(event, Fired):
            fired.append(event.timer)
            return [Arm("x", now + timedelta(hours=9))] if event.timer == "again" else []
        return plain(event, now)

    role.handle = listening  # type: ignore[method-assign]
    for at in (5, 20, 10):
        here._arm("agr", Arm("x", AHEAD + timedelta(minutes=at)))
    assert work(here, AHEAD).next_timer == AHEAD + timedelta(minutes=10)
    assert work(here, AHEAD + timedelta(minutes=5)).next_timer == AHEAD + timedelta(minutes=10)
    assert fired == []
    assert work(here, AHEAD + timedelta(minutes=10)).next_timer is None
    work(here, AHEAD + timedelta(minutes=20))
    assert fired == ["x"]


def test_a_device_fault_becomes_an_outcome() -> None:
    """A device that is lost or refuses is told about; the host and the other agents go on."""
    port = benches.FakePort(PV, DeviceKind.PV, 20_000)
    here = host(PV, "farm-b.pv", ports={PV: port})
    asyncio.run(here.open(AHEAD))
    work(here, AHEAD)
    port.lost = True
    outcome = work(here, DAY.start)
    faults = [value for name, topic, value in outcome.published if (name, topic) == (PV, "device")]
    assert [fault["fault"] for fault in faults] == [f"{PV}: no answer; expected a device"]
    assert any(name == "farm-b.pv" and topic == "telemetry" for name, topic, _ in outcome.published)
    port.lost, port.refuses = False, True
    work(here, DAY.start + timedelta(minutes=5))
    refused = work(here, NOON, Envelope(PV, "farm-a", 1, schedule(-100)))
    assert [v["fault"] for _, t, v in refused.published if t == "device"] == [f"{PV}: refused; expected an answer"]


def test_a_device_that_is_not_there_at_the_start_is_one_sentence() -> None:
    """Opening raises it, or returns it where missing devices are allowed."""
    port = benches.FakePort(PV, DeviceKind.PV)
    port.lost = True
    sentence = f"{PV}: no answer; expected a device"
    with pytest.raises(DeviceUnreachable, match=sentence):
        asyncio.run(host(PV, ports={PV: port}).open(AHEAD))
    assert asyncio.run(host(PV, ports={PV: port}).open(AHEAD, allow_missing=True)) == (sentence,)


def test_a_jobs_result_comes_back_to_who_asked() -> None:
    """What a job returns is handled by the same agent as `Computed`, in the same round."""

    async def double(job: str, arguments: tuple[Any, ...]) -> Any:
        return job, arguments[0] * 2

    here = host("dso", "agr", executor=double)
    heard: list[tuple[str, Any]] = []
    for name, role in here.roles.items():
        role.handle = lambda event, now, name=name: (  # type: ignore[method-assign]
            heard.append((name, event)) or ([Compute("sum 1", "twice", (21,))] if isinstance(event, Fired) else [])
        )
    here._arm("dso", Arm("go", AHEAD))
    work(here, AHEAD)
    assert heard == [("dso", Fired("go")), ("dso", Computed("sum 1", ("twice", 42)))]


def test_a_keeper_without_a_ledger_is_a_fault_of_the_program() -> None:
    """Records are never dropped silently."""
    here = host("ledger")
    with pytest.raises(ProgrammingFault, match="ledger keeps a ledger, but its host has none"):
        work(here, AHEAD, Envelope("ledger", "dso", 1, Filed("r", ())))


def test_states_and_outboxes_are_made_durable_together() -> None:
    """A durable journal gets, for each agent that handled something, its new state and what it is about to send."""
    notes = benches.Notes()
    here = host("agr", journal=notes)
    outcome = work(here, AHEAD, *(e for e in INBOX if e.to == "agr"))
    ((state, sent),) = notes.kept["agr"]
    assert state == here.roles["agr"].snapshot() == notes.load("agr")
    assert sent == outcome.outbox


def test_placement_changes_nothing(tmp_path: Path) -> None:
    """The same market on 1, 2 and 3 hosts: the same states, messages in the same order, and published values."""
    start, end = DAY.next(-1).at(10), DAY.next(-1).at(12)
    plays = [asyncio.run(benches.play(n, tmp_path / f"ledger-{n}.sqlite", start, end)) for n in (1, 2, 3)]
    notes = [stage.notes.kept for stage, _, _ in plays]
    assert any(isinstance(e.message, FlexOrder) for rounds in notes[0].values() for _, sent in rounds for e in sent)
    for other in notes[1:]:
        assert other.keys() == notes[0].keys()
        for name, rounds in notes[0].items():
            assert encode(tuple(other[name])) == encode(tuple(rounds)), name
    published = [sorted(encode(what) for what in heard) for _, _, heard in plays]
    assert published[1] == published[2] == published[0]
    assert len({conductor.messages for _, conductor, _ in plays}) == 1
    ordered = [{name: port.written for name, port in stage.ports.items()} for stage, _, _ in plays]
    assert ordered[1] == ordered[2] == ordered[0]


def test_the_same_run_again_is_the_same(tmp_path: Path) -> None:
    """Two runs publish the same, in the same order, and leave ledgers of the same records."""
    start, end = DAY.next(-1).at(10), DAY.next(-1).at(12)
    one, other = (asyncio.run(benches.play(2, tmp_path / f"{n}.sqlite", start, end)) for n in ("a", "b"))
    assert [encode(what) for what in one[2]] == [encode(what) for what in other[2]]
    assert one[1].rounds == other[1].rounds
