"""A whole simulated site without sockets."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from cim.model.devices import DeviceKind, Mode, Setpoint, ThermalUsage, VehiclePlugged, VehicleUnplugged
from cim.model.errors import BadInput
from cim.model.intervals import local_day_of
from cim.model.readings import Kind, Quality
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.simulators.adapters import device_kinds
from environment.profiles.library import load
from tests.devices.asking import read

STEP = timedelta(seconds=300)
QUARTER = timedelta(minutes=15)
PV = "farm-1.pv"


def _first(simulation, kind):
    return next(name for name in simulation.names if simulation.kind(name) is kind)


def test_names_are_the_sites(simulate, strem, noon):
    """Every device of the site and a meter for each prosumer has a sunspec_device; unknown names are named as such."""
    simulation = simulate(noon)
    assert simulation.names == tuple(device_kinds(strem))
    assert {f"{prosumer.name}.meter" for prosumer in strem.prosumers} <= set(simulation.names)
    assert set(simulation.sunspec_devices) | set(simulation.machines) == set(simulation.names)
    assert simulation.now == noon
    with pytest.raises(BadInput, match=r"'farm-99.pv' is unknown at strem; expected one of farm-1.meter"):
        simulation.registers("farm-99.pv")
    with pytest.raises(BadInput, match="expected one that speaks SunSpec"):
        simulation.registers(_first(simulation, DeviceKind.STATION))
    with pytest.raises(BadInput, match="cannot be reached"):
        simulation.advance(noon - STEP)


def test_every_device_reads_good_from_the_first_instant(simulate, port_of, noon):
    """All readings of all devices are GOOD at the start, and counters that stand at 0 are a GOOD 0."""

    async def run():
        simulation = simulate(noon)
        for name in simulation.names:
            port = port_of(simulation, name)
            await port.open(noon)
            readings = {reading.kind: reading for reading in (await read(port, noon))[0]}
            assert Kind.POWER in readings
            assert all(reading.quality is Quality.GOOD for reading in readings.values()), (name, readings)
            for kind in (Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT):
                assert kind not in readings or readings[kind].value == 0.0
            expected = {
                DeviceKind.METER: {Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT},
                DeviceKind.BATTERY: {Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT, Kind.STORED_ENERGY},
                DeviceKind.CHP: {Kind.ENERGY_EXPORT},
                DeviceKind.PV: {Kind.ENERGY_EXPORT},
                DeviceKind.STATION: {Kind.ENERGY_IMPORT},
                DeviceKind.GATEWAY: {Kind.TEMPERATURE},
                DeviceKind.APPLIANCE: set(),
            }[simulation.kind(name)]
            assert expected <= set(readings), name

    asyncio.run(run())


def test_a_setpoint_ends_at_its_very_instant(simulate, port_of, noon):
    """A SunSpec setpoint that ends within a step ends there to the second: the counters show exactly its energy.

    After it each battery stores its home's surplus again, as before.
    """

    async def run():
        simulation = simulate(noon)
        names = [name for name in simulation.names if simulation.kind(name) is DeviceKind.BATTERY]
        ports = {name: port_of(simulation, name) for name in names}
        for port in ports.values():
            await port.open(noon)
            await port.command(Setpoint(Mode.TARGET, -1000), noon + timedelta(seconds=100), noon)
        simulation.advance(noon + STEP)
        for name, port in ports.items():
            readings = {reading.kind: reading.value for reading in await port.measure(simulation.now)}
            assert readings[Kind.POWER] > 0.0, name
            assert readings[Kind.ENERGY_IMPORT] == pytest.approx(readings[Kind.POWER] * 200 / 3600, rel=0.2), name
            assert readings[Kind.ENERGY_EXPORT] == pytest.approx(1000 * 100 / 3600, rel=1e-3, abs=0.1), name

    asyncio.run(run())


def test_a_charging_limit_and_a_heating_target_end_at_their_very_instants(simulate, port_of, noon):
    """The same holds for an OCPP profile and for an S2 instruction, without a word from the controller."""

    async def run():
        simulation = simulate(noon)
        gateway = _first(simulation, DeviceKind.GATEWAY)
        port = port_of(simulation, gateway)
        plate = await port.open(noon)
        await port.command(Setpoint(Mode.TARGET, plate.max_consumption_w), noon + timedelta(seconds=120), noon)
        simulation.link.cut(gateway, True)
        simulation.advance(noon + STEP)
        unit = simulation.machines[gateway].unit
        assert unit.target_w is None
        before = unit.energy_import_wh
        assert before >= plate.max_consumption_w * 120 / 3600 - 1e-6

        station = "charging-park.station-1"  # a vehicle comes at 11:14
        other = port_of(simulation, station)
        await other.open(simulation.now)
        simulation.advance(noon + QUARTER)
        await other.sync(simulation.now)
        await other.command(Setpoint(Mode.LIMIT, 6000), simulation.now + timedelta(seconds=100), simulation.now)
        before = simulation.machines[station].unit.energy_import_wh
        simulation.advance(simulation.now + STEP)
        taken = simulation.machines[station].unit.energy_import_wh - before
        assert taken == pytest.approx((6000 * 100 + 22000 * 200) / 3600)

    asyncio.run(run())


def test_the_gateways_mean_power_rebuilds_its_energy(simulate, port_of, noon):
    """Mean power times time between reports is the register's difference, whatever the thermostat did in between."""

    async def run():
        simulation = simulate(noon - timedelta(days=120))  # in winter, when it heats
        gateways = [name for name in simulation.names if simulation.kind(name) is DeviceKind.GATEWAY]
        ports = {name: port_of(simulation, name) for name in gateways}
        energy = dict.fromkeys(gateways, 0.0)
        for port in ports.values():
            await port.open(simulation.now)
        for step in range(12):
            span = timedelta(seconds=300 if step % 3 else 470)
            simulation.advance(simulation.now + span)
            for name, port in ports.items():
                readings, _ = await read(port, simulation.now)
                power = next(r for r in readings if r.kind is Kind.POWER)
                assert power.at == simulation.now
                energy[name] += power.value * span.total_seconds() / 3600
        for name in gateways:
            assert energy[name] == pytest.approx(simulation.machines[name].unit.energy_import_wh, abs=1e-6)
        assert sum(energy.values()) > 0

    asyncio.run(run())


def test_the_usage_forecast_is_not_the_truth(simulate, port_of, noon, strem):
    """What a resource manager forecasts is the mean of the seven days before, by wall-clock time, for two days."""

    async def run():
        simulation = simulate(noon)
        name = _first(simulation, DeviceKind.GATEWAY)
        port = port_of(simulation, name)
        await port.open(noon)
        (usage,) = [news for news in port.drain() if isinstance(news, ThermalUsage)]
        assert (usage.start, usage.step_s, len(usage.rates)) == (noon, 900, 192)
        day = local_day_of(noon, strem.timezone)
        mean = simulation._world.history(name, 7, day).mean(axis=0)
        room = simulation._world.devices[name]
        assert usage.rates[:44] == pytest.approx(mean[52:] * room.fill_rate_per_w)  # 13:00 local is slot 52
        assert usage.rates[44:140] == pytest.approx(mean * room.fill_rate_per_w)
        assert not np.allclose(usage.rates[:44], room.usage(noon.timestamp(), 44))

    asyncio.run(run())


def test_without_any_history_a_gateway_still_forecasts(simulate, port_of, strem):
    """On the profiles' first day there is no day before; the forecast is that units stay as they are."""

    async def run():
        simulation = simulate(load(strem.profiles).first)
        port = port_of(simulation, _first(simulation, DeviceKind.GATEWAY))
        await port.open(simulation.now)
        (usage,) = [news for news in port.drain() if isinstance(news, ThermalUsage)]
        assert len(set(usage.rates)) == 1

    asyncio.run(run())


def test_vehicles_are_told_to_the_minute_even_after_a_late_start(simulate, port_of, noon):
    """Who comes and goes before the CSMS answers, or within one step, is told later with the true instants."""

    async def run():
        simulation = simulate(noon)
        name = "charging-park.station-1"
        simulation.advance(noon + timedelta(hours=6))  # nobody has answered its BootNotification yet
        port = port_of(simulation, name)
        await port.open(simulation.now)
        simulation.advance(simulation.now + STEP)
        await port.sync(simulation.now)
        first, gone, second = port.drain()
        assert isinstance(first, VehiclePlugged)
        assert isinstance(second, VehiclePlugged)
        assert (first.at, first.energy_wh) == (noon + timedelta(minutes=14), 7203)
        assert gone == VehicleUnplugged(7203, noon + timedelta(hours=5))
        assert second.at == noon + timedelta(hours=5, minutes=10)

    asyncio.run(run())


def test_a_silent_device_is_lost_and_comes_back(simulate, port_of, noon):
    """Silence loses a device of any protocol; its physics goes on, and what it had to say is told afterwards."""

    async def run():
        simulation = simulate(noon)
        station, gateway = "charging-park.station-1", _first(simulation, DeviceKind.GATEWAY)
        names = (PV, station, gateway)
        ports = {name: port_of(simulation, name) for name in names}
        for name, port in ports.items():
            await port.open(noon)
            await read(port, noon)
            simulation.silence(name, True)
        simulation.advance(noon + QUARTER)
        with pytest.raises(DeviceUnreachable):
            await ports[PV].measure(simulation.now)
        for name in (station, gateway):
            await ports[name].sync(simulation.now)
            assert {r.quality for r in await ports[name].measure(simulation.now)} == {Quality.ABSENT}
        assert ports[station].drain() == ()
        for name in names:
            simulation.silence(name, False)
        simulation.advance(simulation.now + STEP)
        for port in ports.values():
            readings, news = await read(port, simulation.now)
            assert all(reading.quality is Quality.GOOD for reading in readings)
            if port is ports[station]:
                assert [type(told) for told in news] == [VehiclePlugged]
        with pytest.raises(BadInput, match="unknown"):
            simulation.silence("nobody", True)

    asyncio.run(run())


def test_a_device_misbehaves_on_command_until_it_is_told_to_stop(simulate, noon, port_of):
    """Busy, then sound again; who does not speak SunSpec cannot, and words that say nothing are refused."""

    async def run():
        simulation = simulate(noon)
        port = port_of(simulation, PV)
        await port.open(noon)
        simulation.misbehave(PV, "busy")
        with pytest.raises(DeviceFault, match="device busy"):
            await port.measure(noon)
        simulation.misbehave(PV, "")
        assert await port.measure(noon)
        for name, words in ((PV, "rude"), ("charging-park.station-1", "busy"), ("nobody", "busy")):
            with pytest.raises(BadInput, match="expected"):
                simulation.misbehave(name, words)

    asyncio.run(run())


def test_however_the_day_is_cut_the_same_flows(simulate, noon):
    """Steps of an hour and of some odd minutes end in the same truth and the same registers."""
    coarse, fine = simulate(noon), simulate(noon)
    end = noon + timedelta(hours=2)
    for hour in (1, 2):
        coarse.advance(noon + timedelta(hours=hour))
    while fine.now < end:
        fine.advance(min(end, fine.now + timedelta(seconds=437)))
    first, second = coarse.truth(noon, end), fine.truth(noon, end)
    assert all((first[name][0] == second[name][0]).all() for name in first)
    kinds, others = coarse.truth_by_kind(noon, end), fine.truth_by_kind(noon, end)
    assert all(kinds[kind] == pytest.approx(others[kind]) for kind in kinds)


def test_a_run_can_be_repeated(simulate, port_of, noon):
    """The same seed gives the same frames, byte for byte; another seed another state of charge."""

    def frames(seed):
        simulation = simulate(noon, seed)
        said = []
        for _ in range(4):
            simulation.move(simulation.now + QUARTER)
            said.append(simulation.report())
        return said, [sunspec_device.read(40000, 100) for sunspec_device in simulation.sunspec_devices.values()]

    assert frames(1) == frames(1)

    async def stored(seed):
        simulation = simulate(noon, seed)
        port = port_of(simulation, _first(simulation, DeviceKind.BATTERY))
        await port.open(noon)
        return next(r.value for r in await port.measure(noon) if r.kind is Kind.STORED_ENERGY)

    assert asyncio.run(stored(1)) != asyncio.run(stored(2))
