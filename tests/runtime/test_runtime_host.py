"""A host works off what is due, once, in an order that depends on nothing but the messages."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.roles.effects import Arm, Compute, Timer
from agents.roles.events import Computed, Fired
from agents.roles.messages import DeviceSchedule, Filed
from agents.runtime.envelope import LANES, ORDINARY, SAFETY, Envelope, Outcome, Parcel, Task
from agents.runtime.host.host import Host
from cim.codec.codec import encode
from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import ProgrammingFault
from cim.platform.publications.measured import CommandRefused, DeviceLost, ReadingsTaken
from devices.port.errors import DeviceUnreachable
from market.uftp import DPrognosis, Header
from tests.worlds import benches
from tests.worlds.chatter import Nap, Sum
from tests.worlds.players import AHEAD, DAY, FARMS, FIRST, NOON, RULES

PV = "farm-a.pv"
EVERYBODY = {spec.name: spec for spec in benches.specs()}


def host(*names: str, **more: Any) -> Host:
    """Some agents of the market, with fake devices; all others live in another host."""
    chosen = tuple(EVERYBODY[name] for name in names)
    ports = {spec.device: benches.port(spec) for spec in chosen if spec.device is not None}
    neighbours = {name: "here" if name in names else "there" for name in EVERYBODY}
    executor = more.pop("executor", benches.inline)
    return Host(chosen, RULES, {**ports, **more.pop("ports", {})}, executor, neighbours, **more)


class Rounds:
    """Asks a host for one round after the other; each round's messages come in a parcel."""

    def __init__(self, here: Host) -> None:
        self.here, self.number = here, 0

    def work(self, now: Any, *inbox: Envelope) -> Outcome:
        """The next round."""
        self.number += 1
        parcels = (Parcel("there", self.number, inbox),) if inbox else ()
        return asyncio.run(self.here.work(now, Task(self.number, parcels, self.number - 1)))


def envelope(to: str, sender: str, sequence: int, message: Any) -> Envelope:
    """On the lane that the message has."""
    return Envelope(to, sender, LANES[type(message)], sequence, message)


def bytes_of(outcome: Outcome) -> bytes:
    """All of an outcome but the time it took."""
    mail = tuple((host, tuple(tuple(e) for e in envelopes)) for host, envelopes in sorted(outcome.mail.items()))
    return encode((outcome.number, mail, outcome.taken, outcome.local, outcome.published, outcome.next_timer))


def schedule(power_w: int) -> DeviceSchedule:
    """The same limit all day."""
    return DeviceSchedule(PV, FIRST, (Setpoint(Mode.LIMIT, power_w),) * 96)


def prognosis(sender: str, revision: int, power_w: int) -> DPrognosis:
    """A member's flat forecast."""
    header = Header(f"{sender}.example", "agr.example", AHEAD, f"{sender}{revision}", "c")
    return DPrognosis(header, FIRST, f"ean.{sender}", revision, (power_w,) * 96, RULES.timezone)


def test_a_repeated_message_is_dropped() -> None:
    """(sender, lane, sequence) is worked off once, within a round and over rounds; another sender's counts for itself."""
    port = benches.FakePort(PV, DeviceKind.PV, 20_000)
    here = host(PV, ports={PV: port})
    asyncio.run(here.open(AHEAD))
    rounds = Rounds(here)
    rounds.work(AHEAD)
    first, second = envelope(PV, "farm-a", 1, schedule(-100)), envelope(PV, "farm-a", 2, schedule(-200))
    assert rounds.work(NOON, first, first, second).taken == (("there", 2),)
    assert [s.power_w for s, _ in port.written if s is not None] == [-100, -200]
    again = rounds.work(NOON, first, second, envelope(PV, "dso", 1, schedule(-300)))
    assert (again.taken, again.handled) == ((("there", 3),), 1)
    assert len(port.written) == 2


def test_what_is_published_needs_its_own_lane() -> None:
    """Only what limits or steers a device is on the lane of safety."""
    assert (LANES[type(schedule(-1))], LANES[type(prognosis("farm-a", 1, 0))]) == (SAFETY, ORDINARY)


INBOX = tuple(
    envelope("agr", sender, sequence, prognosis(sender, sequence, -1000 * sequence))
    for sender in FARMS
    for sequence in (1, 2, 3)
) + tuple(envelope("farm-a", "agr", k, schedule(-k)) for k in (1, 2))


@given(st.permutations(INBOX))
@settings(deadline=None)
def test_the_order_of_arrival_does_not_matter(inbox: list[Envelope]) -> None:
    """Whatever order a round's messages came in, the outcome is the same to the byte."""
    expected = Rounds(host("agr", "farm-a")).work(AHEAD, *INBOX)
    assert bytes_of(Rounds(host("agr", "farm-a")).work(AHEAD, *inbox)) == bytes_of(expected)
    assert expected.mail
    assert expected.handled == len(INBOX)


@given(st.permutations(INBOX), st.integers(1, 7))
@settings(deadline=None)
def test_the_order_of_arrival_over_rounds_does_not_matter_to_the_states(inbox: list[Envelope], cut: int) -> None:
    """What comes too early is left, and taken when what was missing has come: nobody handles a channel out of order."""
    whole, halves = host("agr", "farm-a"), Rounds(host("agr", "farm-a"))
    Rounds(whole).work(AHEAD, *INBOX)
    first = halves.work(AHEAD, *inbox[:cut])
    second = halves.work(AHEAD, *(inbox if not first.taken else inbox[cut:]))
    assert first.handled + second.handled == len(INBOX)
    assert len(second.taken) == 1
    for name, hosted_agent in whole.hosted_agents.items():
        assert halves.here.hosted_agents[name].seen == hosted_agent.seen


def _listening(here: Host, name: str, hear: Any) -> None:
    here.hosted_agents[name].role.handle = hear  # type: ignore[method-assign]


def test_a_moved_timer_fires_once() -> None:
    """Arming a timer again moves it: it does not fire at its old instant, and once at its new one."""
    here, fired = host("agr"), list[Timer]()
    rounds = Rounds(here)

    def hear(event: Any, now: Any) -> list[Any]:
        fired.append(event.timer)
        return []

    _listening(here, "agr", hear)
    for at in (5, 20, 10):
        here._timers.arm("agr", Nap(1), AHEAD + timedelta(minutes=at))
    assert rounds.work(AHEAD).next_timer == AHEAD + timedelta(minutes=10)
    assert rounds.work(AHEAD + timedelta(minutes=5)).next_timer == AHEAD + timedelta(minutes=10)
    assert fired == []
    assert rounds.work(AHEAD + timedelta(minutes=10)).next_timer is None
    rounds.work(AHEAD + timedelta(minutes=20))
    assert fired == [Nap(1)]


def test_a_timer_armed_anew_by_an_event_of_the_same_instant_stays_armed() -> None:
    """Two timers are due, the first's handler moves the second ahead: it fires now (it was due) and then, restarted or not."""
    here, first, second = host("agr"), Nap(1), Nap(2)

    def hear(event: Any, now: Any) -> list[Any]:
        return [Arm(second, now + timedelta(minutes=9))] if event == Fired(first) else []

    _listening(here, "agr", hear)
    for timer in (first, second):
        here._timers.arm("agr", timer, AHEAD)
        here.hosted_agents["agr"].timers[timer] = AHEAD
    assert Rounds(here).work(AHEAD).next_timer == AHEAD + timedelta(minutes=9)
    assert here.hosted_agents["agr"].timers == {second: AHEAD + timedelta(minutes=9)}


def test_a_device_fault_becomes_an_outcome() -> None:
    """A device that is lost or refuses is told about; the host and the other agents go on."""
    port = benches.FakePort(PV, DeviceKind.PV, 20_000)
    here = host(PV, "farm-b.pv", ports={PV: port})
    asyncio.run(here.open(AHEAD))
    rounds = Rounds(here)
    rounds.work(AHEAD)
    port.lost = True
    outcome = rounds.work(DAY.start)
    lost = DeviceLost(DAY.start, PV, f"{PV}: no answer; expected a device")
    assert [told for name, told in outcome.published if name == PV and not isinstance(told, ReadingsTaken)] == [lost]
    assert any(name == "farm-b.pv" and isinstance(told, ReadingsTaken) for name, told in outcome.published)
    port.lost, port.refuses = False, True
    rounds.work(DAY.start + timedelta(minutes=5))
    refused = rounds.work(NOON, envelope(PV, "farm-a", 1, schedule(-100)))
    assert [told.reason for _, told in refused.published if isinstance(told, CommandRefused)] == [
        f"{PV}: refused; expected an answer"
    ]


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
    for name in here.hosted_agents:
        _listening(
            here, name, lambda event, now, name=name: (
                heard.append((name, event)) or ([Compute(Sum(1), "twice", (21,))] if isinstance(event, Fired) else [])
            ),
        )  # fmt: skip
    here._timers.arm("dso", Nap(1), AHEAD)
    Rounds(here).work(AHEAD)
    assert heard == [("dso", Fired(Nap(1))), ("dso", Computed(Sum(1), ("twice", 42)))]


def test_a_keeper_without_a_ledger_is_a_fault_of_the_program() -> None:
    """Records are never dropped silently."""
    with pytest.raises(ProgrammingFault, match="ledger keeps a ledger, but its host has none"):
        Rounds(host("ledger")).work(AHEAD, envelope("ledger", "dso", 1, Filed("r", ())))


def test_a_round_out_of_turn_is_a_fault_of_the_program() -> None:
    """A round before the last, and mail for an agent of another host."""
    rounds = Rounds(host("agr"))
    rounds.work(AHEAD, INBOX[0])
    rounds.work(AHEAD, INBOX[1])
    rounds.number = 0
    with pytest.raises(ProgrammingFault, match="round 1 was asked for after round 2"):
        rounds.work(AHEAD)
    with pytest.raises(ProgrammingFault, match="a message for farm-a came to a host where it does not live"):
        Rounds(host("agr")).work(AHEAD, *INBOX)


def test_placement_changes_nothing(tmp_path: Path) -> None:
    """The same market on 1, 2 and 3 hosts: the same states, ledger, setpoints and published values."""
    start, end = DAY.next(-1).at(10), DAY.next(-1).at(12)
    plays = [asyncio.run(benches.market(n, tmp_path / f"ledger-{n}.sqlite", start, end)) for n in (1, 2, 3)]
    kept = [
        (benches.states(runtime), site.records(), benches.commands(site), sorted(encode(what) for what in heard))
        for site, runtime, _, heard in plays
    ]
    assert any(kind == "flex-order" for kind, *_ in kept[0][1])
    for other in kept[1:]:
        assert other == kept[0]
    assert len({scheduler.messages for _, _, scheduler, _ in plays}) == 1


def test_the_same_run_again_is_the_same(tmp_path: Path) -> None:
    """Two runs publish the same, in the same order, with the same journals to the byte."""
    start, end = DAY.next(-1).at(10), DAY.next(-1).at(11)
    one, other = (asyncio.run(benches.market(2, tmp_path / f"{n}.sqlite", start, end)) for n in ("a", "b"))
    assert [encode(what) for what in one[3]] == [encode(what) for what in other[3]]
    assert one[2].rounds == other[2].rounds
    assert {h: s.entries for h, s in one[0].stores.items()} == {h: s.entries for h, s in other[0].stores.items()}
