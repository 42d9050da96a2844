"""A simulated site that is stopped anywhere and started again is the site that was never stopped."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from datetime import timedelta

import pytest

from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.model.errors import BadInput
from devices.ocpp.driver import StationPort
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.recording import RecordedSimulation
from devices.simulators.recording_log import InputLog, LogFailed
from environment.profiles.library import load
from tests.devices.asking import read

STEP = timedelta(seconds=300)
STEPS = 24  # from 11:00: vehicles come, charge and leave


def _setpoint(kind, rng):
    match kind:
        case DeviceKind.PV:
            return Setpoint(Mode.LIMIT, -rng.randrange(0, 9000))
        case DeviceKind.STATION:
            return Setpoint(Mode.LIMIT, rng.randrange(0, 12_000))
        case DeviceKind.CHP:
            return Setpoint(Mode.TARGET, -rng.randrange(0, 5000))
        case DeviceKind.BATTERY:
            return Setpoint(Mode.TARGET, rng.randrange(-1500, 1500))
        case DeviceKind.APPLIANCE:
            return Setpoint(Mode.START, 0)  # the simulation begins when they have been made ready: nothing to start
    return Setpoint(Mode.TARGET, rng.randrange(0, 2000))


def _plan(simulation, seed):
    """By step the setpoints to give: for each device a few, that last from a minute to half an hour."""
    rng = random.Random(seed)
    plan = {step: [] for step in range(STEPS + 1)}
    for setpoints in plan.values():
        for name in simulation.names:
            kind = simulation.kind(name)
            if kind is not DeviceKind.METER and rng.random() < 0.15:
                setpoints.append((name, _setpoint(kind, rng), timedelta(seconds=rng.randrange(60, 1800))))
    return plan


async def _drive(simulation, port_of, start, plan, until=STEPS, life=0):
    """Go on from where the site is, with new drivers; what was told at the last instant is told again."""
    ports = {name: port_of(simulation, name) for name in simulation.names}
    for name, port in ports.items():
        if isinstance(port, StationPort):  # a driver gives no message id that one before it gave
            ports[name] = StationPort(name, simulation.link, run=f"life{life}")
    for port in ports.values():
        await port.open(simulation.now)
    step = (simulation.now - start) // STEP
    while True:
        now = simulation.now
        for port in ports.values():
            await read(port, now)
        for name, setpoint, span in plan[step]:
            await ports[name].command(setpoint, now + span, now)
        if step == until:
            return
        step += 1
        simulation.advance(start + step * STEP)


def _unit(machine):
    """The physics behind a station or gateway, kept in a log or not."""
    return getattr(machine, "machine", machine).unit


def _state(simulation, start):
    """All that anybody could measure, and the inner state of stations and rooms."""
    inner = {}
    for name, machine in simulation.machines.items():
        unit = _unit(machine)
        inner[name] = [unit.power_w, unit.energy_import_wh, machine.next_change()]
        if simulation.kind(name) is DeviceKind.STATION:
            stay = unit.session
            inner[name] += [unit.limit_w, None if stay is None else (stay.plugged_at, stay.delivered_wh)]
        elif simulation.kind(name) is DeviceKind.APPLIANCE:
            inner[name] += [unit.ready_at, unit.start_at, unit.started, unit.ended, unit.done_s, unit.waits]
        else:
            inner[name] += [unit.target_w, unit.guarded, unit.temperature_c]
    end = start + (simulation.now - start) // timedelta(minutes=15) * timedelta(minutes=15)
    truth = {name: [column.tolist() for column in columns] for name, columns in simulation.truth(start, end).items()}
    kinds = {kind: power.tolist() for kind, power in simulation.truth_by_kind(start, end).items()}
    registers = {
        name: list(sunspec_device._image.registers) for name, sunspec_device in simulation.sunspec_devices.items()
    }
    expiries = {name: sunspec_device.next_expiry for name, sunspec_device in simulation.sunspec_devices.items()}
    return simulation.now, truth, kinds, registers, expiries, inner


@pytest.fixture
def recorded(strem, noon, tmp_path):
    """Make a recorded simulation: `recorded()`; all of them are closed at the end."""
    made = []

    def make(name="site.log", start=noon, seed=7, site=strem):
        made.append(RecordedSimulation(site, load(site.profiles), start, seed, tmp_path / name))
        return made[-1]

    yield make
    for simulation in made:
        simulation.close()


@pytest.fixture(scope="module")
def undisturbed(simulate, port_of, noon):
    """The plan, and the state in the end of a site without a log that was never stopped."""
    simulation = simulate(noon)
    plan = _plan(simulation, 3)
    asyncio.run(_drive(simulation, port_of, noon, plan))
    return plan, _state(simulation, noon)


def test_stopped_between_steps_it_goes_on_where_it_was(recorded, undisturbed, port_of, noon):
    """Stopped after some steps, with setpoints in force and vehicles plugged: every state and truth is the same."""
    plan, expected = undisturbed
    vehicles = 0
    for life, until in enumerate((0, 5, 16, STEPS)):
        simulation = recorded()
        asyncio.run(_drive(simulation, port_of, noon, plan, until, life))
        before = _state(simulation, noon)
        simulation.close()
        again = recorded()
        assert _state(again, noon) == before, until
        assert again.replayed > 0
        vehicles += sum(
            again.kind(name) is DeviceKind.STATION and _unit(machine).session is not None
            for name, machine in again.machines.items()
        )
        again.close()
    assert _state(simulation, noon) == expected
    assert vehicles > 0


def test_stopped_anywhere_it_goes_on_where_it_was(recorded, undisturbed, port_of, noon, tmp_path):
    """Cut off at any byte of its log - amid a command, a conversation, an entry - the site ends in the same state."""
    plan, expected = undisturbed
    simulation = recorded()
    asyncio.run(_drive(simulation, port_of, noon, plan))
    assert _state(simulation, noon) == expected, "a log changes nothing"
    simulation.close()
    data = (tmp_path / "site.log").read_bytes()
    rng = random.Random(11)
    for number in range(3):
        name = f"cut-{number}.log"
        (tmp_path / name).write_bytes(data[: rng.randrange(len(data))])
        again = recorded(name)
        asyncio.run(_drive(again, port_of, noon, plan, life=1))
        assert _state(again, noon) == expected, number


def test_an_appliance_runs_on_through_a_restart(recorded, port_of, noon):
    """Started by order and stopped in the midst of its programme it ends as if nothing had been; so does one that waits."""
    start = noon - timedelta(hours=4, minutes=15)  # a quarter before the dishwasher is made ready

    async def drive(simulation, hours, order_at=None):
        port = port_of(simulation, "household-3.dishwasher")
        await port.open(simulation.now)
        while simulation.now < start + timedelta(hours=hours):
            simulation.advance(simulation.now + STEP)
            await port.sync(simulation.now)
            if order_at is not None and simulation.now == start + timedelta(hours=order_at):
                await port.command(Setpoint(Mode.START, 1000), simulation.now + STEP, simulation.now)

    whole = recorded("whole.log", start)
    asyncio.run(drive(whole, 4, order_at=1))
    unit = _unit(whole.machines["household-3.dishwasher"])
    assert unit.ended
    assert unit.energy_import_wh == pytest.approx(1000, rel=0.05)
    for name, stop in (("waiting.log", 0.5), ("running.log", 1.5)):
        first = recorded(name, start)
        asyncio.run(drive(first, stop, order_at=1))
        before = _state(first, start)
        first.close()
        again = recorded(name, start)
        assert _state(again, start) == before
        asyncio.run(drive(again, 4, order_at=1))
        ended = _unit(again.machines["household-3.dishwasher"])
        assert (ended.ended, ended.done_s) == (True, unit.done_s)
        assert ended.energy_import_wh == unit.energy_import_wh


def test_a_lost_device_is_lost_after_a_restart(recorded, port_of, noon):
    """A lost device stays lost until it is given back; the others are there, and so are its timers."""
    lost = ("farm-1.pv", "farm-2.gateway", "charging-park.station-1")

    async def told(simulation):
        for name in lost:
            await port_of(simulation, name).open(simulation.now)
            simulation.silence(name, True)
        simulation.advance(noon + STEP)

    simulation = recorded()
    asyncio.run(told(simulation))
    simulation.close()
    again = recorded()

    async def met():
        for name in again.names:
            assert again.silent(name) == (name in lost)
            if name in lost:
                with pytest.raises(DeviceUnreachable):
                    await port_of(again, name).open(again.now)
                again.silence(name, False)
            await port_of(again, name).open(again.now)
        again.advance(noon + 2 * STEP)

    asyncio.run(met())


def test_a_device_that_misbehaves_does_so_after_a_restart(recorded, port_of, noon):
    """What it passed over stays passed over, and it goes on misbehaving until it is told to stop."""
    name = "farm-1.pv"

    async def limited(simulation):
        port = port_of(simulation, name)
        await port.open(simulation.now)
        simulation.misbehave(name, "passes-over")
        with pytest.raises(DeviceFault, match="reads back"):
            await port.command(Setpoint(Mode.LIMIT, -100), noon + timedelta(hours=1), simulation.now)
        simulation.advance(noon + STEP)

    simulation = recorded()
    asyncio.run(limited(simulation))
    shown = list(simulation.sunspec_devices[name]._image.registers)
    simulation.close()
    again = recorded()
    assert list(again.sunspec_devices[name]._image.registers) == shown
    assert "passes-over" in again.sunspec_devices[name].misbehaviour.ways
    again.misbehave(name, "")
    again.close()
    assert not recorded().sunspec_devices[name].misbehaviour.ways


def test_after_a_restart_another_conversation_begins(recorded, port_of, noon):
    """No message id of a former life is given again, and a transaction goes on under its own id."""

    async def ids(simulation, until):
        seen = set()
        machine = simulation.machines["farm-2.gateway"]
        port = port_of(simulation, "farm-2.gateway")
        heard = port._machine.receive

        def listen(frame):
            import json

            message = json.loads(frame)
            if message["message_type"] != "ReceptionStatus":
                seen.add(message["message_id"])
            return heard(frame)

        port._machine.receive = listen
        await port.open(simulation.now)
        simulation.advance(until)
        await port.sync(simulation.now)
        assert machine.quiet
        return seen

    simulation = recorded()
    first = asyncio.run(ids(simulation, noon + STEP))
    simulation.close()
    again = recorded()
    second = asyncio.run(ids(again, noon + 2 * STEP))
    assert len(first) > 5
    assert len(second) > 5
    assert not first & second


def test_another_site_start_or_seed_is_refused(recorded, noon, tmp_path, strem):
    """A log goes on with the site, start and seed with which it began, or says in one sentence which does not fit."""
    recorded().close()
    size = (tmp_path / "site.log").stat().st_size
    with pytest.raises(BadInput, match=r"^seed: 8 does not fit the log .*site.log; expected 7, with which it began$"):
        recorded(seed=8)
    with pytest.raises(BadInput, match=r"^start: '2016-05-20T11:15:00\+00:00' does not fit the log"):
        recorded(start=noon + timedelta(minutes=15))
    with pytest.raises(BadInput, match=r"^site: 'elsewhere' does not fit the log"):
        recorded(site=strem.model_copy(update={"name": "elsewhere"}))
    fewer = strem.model_copy(update={"prosumers": strem.prosumers[1:]})
    with pytest.raises(BadInput, match=r"^devices: .* does not fit the log"):
        recorded(site=fewer)
    assert (tmp_path / "site.log").stat().st_size == size


def test_a_log_that_leads_elsewhere_is_refused(recorded, noon, tmp_path):
    """A replay that does not come by the meters' counts of the first life is not gone on with."""
    simulation = recorded()
    simulation.advance(noon + STEP)
    simulation.close()
    log = InputLog.open(tmp_path / "site.log")
    list(log.entries())
    log.append((0, int((noon + 2 * STEP).timestamp() * 1_000_000), 1.0))
    log.close()
    with pytest.raises(BadInput, match=r"leads elsewhere from 2016-05-20T11:05:00\+00:00 on than it led"):
        recorded()


@pytest.mark.parametrize("entry", [(77,), (3, 0), (4, 99, "x"), (3, "x", 1, [2]), 5, ()])
def test_an_unknown_input_is_refused(recorded, tmp_path, entry):
    """An entry of another version is named; nothing is guessed."""
    recorded().close()
    log = InputLog.open(tmp_path / "site.log")
    list(log.entries())
    log.append(entry)
    log.close()
    with pytest.raises(BadInput, match=r"log: .* holds .*; expected an (input that this site knows|entry)"):
        recorded()


def test_what_cannot_be_kept_does_not_happen(recorded, port_of, noon, monkeypatch):
    """With a full disk an input is refused in one sentence and changes nothing; with room again the site goes on."""
    simulation = recorded()
    before = _state(simulation, noon)

    def full(descriptor, data, offset):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        for act in (
            lambda: simulation.advance(noon + STEP),
            lambda: simulation.silence("farm-1.pv", True),
            lambda: simulation.sunspec_devices["farm-1.pv"].write(40000, [1]),
            simulation.machines["farm-2.gateway"].detached,
        ):
            with pytest.raises(LogFailed, match="cannot be written"):
                act()
    assert _state(simulation, noon) == before
    simulation.advance(noon + STEP)
    simulation.close()
    assert recorded().now == noon + STEP


def test_what_was_refused_is_refused_again(recorded, noon):
    """A register that cannot be written and an instant that is over are refused, now and in the replay."""
    simulation = recorded()
    simulation.advance(noon + STEP)
    with pytest.raises(BadInput, match="cannot be reached"):
        simulation.advance(noon)
    with pytest.raises(Exception, match="Modbus exception 2"):
        simulation.sunspec_devices["farm-1.pv"].write(40000, [1])
    before = _state(simulation, noon)
    simulation.close()
    again = recorded()
    assert _state(again, noon) == before
    again.advance(noon + 2 * STEP)


def test_moves_without_a_word_and_reports_come_again(recorded, simulate, noon):
    """On the wall clock a site moves often and reports seldom; both at their own instants, down to a microsecond."""

    def live(simulation, seconds):
        for number in seconds:
            simulation.move(noon + timedelta(seconds=1.000001 * number))
            if number % 10 == 0:
                simulation.report()

    plain = simulate(noon)
    live(plain, range(1, 1200))
    simulation = recorded()
    live(simulation, range(1, 700))
    simulation.close()
    again = recorded()
    live(again, range(700, 1200))
    assert _state(again, noon) == _state(plain, noon)
