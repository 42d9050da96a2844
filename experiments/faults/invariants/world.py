"""Judging the physical side: energy, counters, setpoints that end, devices that do what their agents believe."""

from __future__ import annotations

from collections.abc import Iterator

from agents.roles.effects import Command
from agents.roles.events import Measured
from agents.roles.prosumer.energy_metering import EnergyMetering
from cim.model.readings import Kind, Quality
from experiments.faults.simulation_run import SimulationRun
from experiments.faults.world.devices import PlainBattery

_DUST_WH = 1e-3
_LONGEST_LIVES = 3  # control intervals a setpoint may outlive its writer


def energy_is_conserved(simulation: SimulationRun) -> Iterator[str]:
    """A meter shows the sum of what is behind it in every ISP; a battery holds what it took less its losses."""
    for meter in simulation.scenario.world.meters.values():
        for isp, measured in enumerate(meter.energy_wh, 1):
            behind = sum(device.energy_wh[isp - 1] for device in meter.behind)
            if abs(measured - behind) > _DUST_WH:
                yield f"{meter.name}, hour {isp} of the world: {measured:.3f} Wh; expected {behind:.3f} Wh, the sum behind it"
        for device in meter.behind:
            if isinstance(device, PlainBattery):
                held = device.first_wh + device.imported_wh * device.efficiency - device.exported_wh / device.efficiency
                if abs(device.stored_wh - held) > _DUST_WH or not 0 <= device.stored_wh <= device.plate.capacity_wh:
                    yield f"{device.name}: {device.stored_wh:.3f} Wh stored; expected {held:.3f} Wh by what it took and gave"


def meters_are_booked_once(simulation: SimulationRun) -> Iterator[str]:
    """A prosumer has recorded exactly what its meter counted between its first and last reading of the operated days."""
    opening = simulation.scenario.rules.periods[0].start
    for agent in simulation.of_role("prosumer"):
        metering, counters = agent.inner.part(EnergyMetering), []
        meter, *_ = metering.sources
        for now, event, _ in agent.log:
            if isinstance(event, Measured) and event.device == meter:
                good = {reading.kind: reading.value for reading in event.readings if reading.quality is Quality.GOOD}
                if Kind.ENERGY_IMPORT in good:
                    counters.append((now, good[Kind.ENERGY_IMPORT] - good[Kind.ENERGY_EXPORT]))
        opened = [value for now, value in counters if now == opening]
        if not opened or counters[-1][0] <= opening:
            continue  # a clock that leapt over midnight: what belongs to which day is then a matter of shares
        counted = counters[-1][1] - opened[0]
        booked = sum(float(day[meter].sum()) for day in metering.state.energy.energy_wh.values() if meter in day)
        if abs(booked - counted) > _DUST_WH:
            yield f"{agent.name}: {booked:.3f} Wh booked for {meter}; expected {counted:.3f} Wh, what it counted"


def metering_is_what_was_booked(simulation: SimulationRun) -> Iterator[str]:
    """The signed metering of a day is the recorded energy, watt by watt, and sums up to the world's truth of that day."""
    world, rules = simulation.scenario.world, simulation.scenario.rules
    config = {spec.config.usage_point: spec for spec in simulation.scenario.specs if spec.kind == "prosumer"}
    for records in simulation.book.of("metering"):
        for message in records:
            spec = config.get(message.ean)
            profile = message.profile("Power")
            if spec is None or profile is None or simulation.faults.get("clock ahead"):
                continue  # elements are judged by their orders; a clock that leapt reads across the hours
            first = (rules.day(message.period).start - world.start) // world.isp
            truth = world.meters[spec.config.meter].energy_wh[first : first + len(profile.values)]
            for isp, (told, true) in enumerate(zip(profile.values, truth, strict=True), 1):
                if abs(told * rules.hours - true) > 1:
                    yield f"{spec.name}, ISP {isp} of {message.period}: metered {told} W; expected {true / rules.hours:.0f} W"


def setpoints_end(simulation: SimulationRun) -> Iterator[str]:
    """Every command carries an expiry within a few control intervals, and its device let go of it by then."""
    longest = simulation.scenario.rules.control_s * _LONGEST_LIVES
    for agent in simulation.cast.values():
        for seen, command in agent.wanted(Command):
            if not 0 < (command.valid_until - seen.now).total_seconds() <= longest:
                yield (
                    f"{agent.name}, command of {seen.now.isoformat()}: valid until {command.valid_until.isoformat()}; "
                    f"expected an expiry within {longest} s"
                )
    for meter in simulation.scenario.world.meters.values():
        for device in meter.behind:
            for held in device.held:
                if held.end > held.valid_until or (held.end - held.begin).total_seconds() > longest:
                    yield (
                        f"{device.name}: held to {held.setpoint.power_w} W until {held.end.isoformat()}; "
                        f"expected it to let go within {longest} s"
                    )
