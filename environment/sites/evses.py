"""Which EVSEs belong to which charging station of a prosumer, and what of that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from environment.sites.devices import AnyDevice, ChargingStation, Station


def evses_of(station: ChargingStation, devices: Sequence[AnyDevice]) -> dict[int, Station]:
    """The devices that are a charging station's EVSEs, by their numbers."""
    found = [(device.evse.number, device) for device in _evses(devices) if device.evse is not None]
    return dict(sorted((n, d) for n, d in found if d.evse is not None and d.evse.station == station.name))


def _evses(devices: Sequence[AnyDevice]) -> list[Station]:
    return [device for device in devices if isinstance(device, Station) and device.evse is not None]


def evse_faults(stations: Sequence[ChargingStation], devices: Sequence[AnyDevice]) -> Iterator[str]:
    """One sentence for each EVSE or charging station of a prosumer that does not fit."""
    named = {station.name: station for station in stations}
    taken: dict[tuple[str, int], str] = {}
    for device in _evses(devices):
        assert device.evse is not None  # noqa: S101 - those with one were asked for
        name, number = device.evse.station, device.evse.number
        if name not in named:
            expected = ", ".join(named) or "nothing (there is none)"
            yield f"device {device.name}: evse.station: value {name!r}: expected one of charging_stations: {expected}"
            continue
        first = taken.setdefault((name, number), device.name)
        if first != device.name:
            yield f"device {device.name}: evse.number: value {number}: expected another one than that of {first}"
        if device.discharge_w is not None and named[name].ocpp != "2.1":
            yield f'device {device.name}: discharge_w is given: expected ocpp: "2.1" at the charging station {name}'
        if device.least_w > named[name].limit_w.value:
            yield (
                f"charging_stations.{name}.limit_w: value {named[name].limit_w.value:g}: expected at least the "
                f"{device.least_w:g} W with which the vehicles at {device.name} charge"
            )
    for station in stations:
        numbers = sorted(number for name, number in taken if name == station.name)
        if len(numbers) < 2:
            yield f"charging_stations.{station.name}: {len(numbers)} of its EVSEs is a device: expected two or more (evse)"
        elif numbers != list(range(1, len(numbers) + 1)):
            yield f"charging_stations.{station.name}: its EVSEs are {numbers}: expected 1 to {len(numbers)}"
    names = [device.name for device in devices]
    for station in stations:
        if station.name in (*names, "meter"):
            yield f"charging_stations.{station.name}: a device has that name: expected every name once"
    if len(named) < len(stations):
        yield f"charging_stations: values {', '.join(s.name for s in stations)}: expected every name once"
