"""SunSpec devices from the field: each input of `tests/golden/field` with its right answer (see `source.md` there)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.readings import Kind, Quality, Reading
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.sunspec.driver import sunspec_port
from devices.sunspec.meter_sign import MeterSign, Sign
from devices.sunspec.probe import probe
from devices.sunspec.scan import scan
from tests.devices.sunspec.field import FieldDevice

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def read(file: str, kind: DeviceKind) -> tuple[Nameplate, dict[Kind, float]]:
    """What a device is and tells; only readings that are good."""
    port = sunspec_port("field", kind, FieldDevice(file))
    nameplate = asyncio.run(port.open(NOW))
    found = asyncio.run(port.measure(NOW))
    return nameplate, {reading.kind: reading.value for reading in found if reading.quality is Quality.GOOD}


@pytest.mark.parametrize(
    ("file", "power_w", "export_wh", "rated_w"),
    [
        ("sunspec_kostal_end_0000.json", -940.0, 56_985_670.0, 8000),
        ("sunspec_float_inverter.json", -177.0, 26_320_000.0, 8200),
        ("sunspec_hybrid_no_battery.json", -160.0, None, 6000),
    ],
)
def test_an_inverter_tells_what_it_gives(file: str, power_w: float, export_wh: float | None, rated_w: int) -> None:
    """Chains that end with 0x0000, float models, and hybrids without a battery are PV plants like others."""
    nameplate, found = read(file, DeviceKind.PV)
    assert nameplate.max_generation_w == rated_w
    assert found[Kind.POWER] == pytest.approx(power_w, abs=1.0)
    if export_wh is not None:
        assert found[Kind.ENERGY_EXPORT] == pytest.approx(export_wh)


def test_a_device_that_answers_few_registers_is_asked_for_fewer() -> None:
    """After exception 3 (or 2) reads are made smaller, and what it answered is remembered."""
    for code in (3, 2):
        device = FieldDevice("sunspec_max_read_60.json", refuses_with=code)
        port = sunspec_port("field", DeviceKind.PV, device)
        asyncio.run(port.open(NOW))
        (power,) = [r for r in asyncio.run(port.measure(NOW)) if r.kind is Kind.POWER]
        assert power.value == pytest.approx(-177.0, abs=0.5)
        assert device.largest_read <= 60


def test_a_float_meter_is_a_meter() -> None:
    """Model 213 tells what 203 does, in floats."""
    _, found = read("sunspec_float_meter.json", DeviceKind.METER)
    assert found[Kind.POWER] == pytest.approx(-1953.0, abs=1.0)
    assert found[Kind.ENERGY_IMPORT] == pytest.approx(119.0, abs=1.0)
    assert found[Kind.ENERGY_EXPORT] == pytest.approx(10_444_598.0, abs=1.0)


def test_base_0_is_tried_after_a_silent_40000() -> None:
    """A device that says nothing at addresses it does not have is found where it is; one that says nothing is not there."""
    assert asyncio.run(scan(FieldDevice("sunspec_base0_silent.json"))).base == 0
    silent = FieldDevice("sunspec_base0_silent.json")
    silent.at.clear()
    with pytest.raises(DeviceUnreachable, match="no answer"):
        asyncio.run(scan(silent))


def test_a_chain_lost_behind_a_short_common_model_is_said_to_be() -> None:
    """The sentence names the length that cannot be and where the chain is lost."""
    lost = r"model 1 says length 15 \(expected 65 or 66\), so the chain is lost at 40019"
    with pytest.raises(DeviceFault, match=lost):
        asyncio.run(scan(FieldDevice("sunspec_short_common.json")))


def test_a_device_that_takes_one_register_at_a_time_is_written_to_by_function_06() -> None:
    """The limit stands and is enabled, each register by a request of its own."""
    device = FieldDevice("sunspec_kostal_fc06_only.json")
    port = sunspec_port("field", DeviceKind.PV, device)
    asyncio.run(port.open(NOW))
    asyncio.run(port.command(Setpoint(Mode.LIMIT, -4000), NOW + QUARTER, NOW))
    assert (device.at[40187], device.at[40191]) == (50, 1)
    assert {function for function, _, _ in device.written} == {6}


@pytest.mark.parametrize("lost", ["WMaxLimPct", "WMaxLimPct_RvrtTms", "WMaxLim_Ena"])
def test_a_limit_is_not_left_enabled_when_it_does_not_read_back(lost: str) -> None:
    """A device that confirms a write and passes it over: nothing is enabled before setpoint and expiry are proved."""
    place = {"WMaxLimPct": 40187, "WMaxLimPct_RvrtTms": 40189, "WMaxLim_Ena": 40191}[lost]
    device = FieldDevice("sunspec_kostal_fc06_only.json", passes_over=(place,))
    device.at[40191] = 0
    port = sunspec_port("field", DeviceKind.PV, device)
    asyncio.run(port.open(NOW))
    with pytest.raises(DeviceFault, match=f"{lost} reads back .*; the setpoint is taken back"):
        asyncio.run(port.command(Setpoint(Mode.LIMIT, -4000), NOW + QUARTER, NOW))
    assert device.at[40191] == 0
    if lost != "WMaxLim_Ena":
        assert (6, 40191, [1]) not in device.written


def test_charging_from_the_grid_that_is_off_is_a_fault() -> None:
    """124.ChaGriSet = 0: +3000 W is not reported as done, and nothing is enabled; discharging is."""
    device = FieldDevice("sunspec_124_grid_charge_off.json")
    port = sunspec_port("field", DeviceKind.BATTERY, device)
    asyncio.run(port.open(NOW))
    with pytest.raises(DeviceFault, match=r"charging from the grid is off \(124\.ChaGriSet = 0\)"):
        asyncio.run(port.command(Setpoint(Mode.TARGET, 3000), NOW + QUARTER, NOW))
    assert device.written == []
    asyncio.run(port.command(Setpoint(Mode.TARGET, -1000), NOW + QUARTER, NOW))
    assert device.written != []


def test_a_hybrid_without_a_battery_has_none() -> None:
    """124 is there, WChaMax is 0: as a battery it is refused by these words."""
    with pytest.raises(DeviceFault, match="no battery"):
        read("sunspec_hybrid_no_battery.json", DeviceKind.BATTERY)


def test_a_battery_that_does_not_know_its_capacity_is_read_without_it() -> None:
    """120.WHRtg not implemented: power and state of charge are told, stored energy is not."""
    nameplate, found = read("sunspec_124_no_whrtg.json", DeviceKind.BATTERY)
    assert nameplate.capacity_wh == 0
    assert Kind.STATE_OF_CHARGE in found
    assert Kind.STORED_ENERGY not in found


def test_battery_and_pv_of_one_inverter_are_told_apart() -> None:
    """DC-coupled: the battery's power and the PV's come from model 160, not from the AC side."""
    assert read("sunspec_hybrid_dc_coupled.json", DeviceKind.BATTERY)[1][Kind.POWER] == pytest.approx(2930, abs=1)
    assert read("sunspec_hybrid_dc_coupled.json", DeviceKind.PV)[1][Kind.POWER] == pytest.approx(-3120, abs=1)


def test_every_duty_of_a_hybrid_is_shown_and_an_empty_battery_slot_is_said() -> None:
    """A hybrid without a battery: as a battery it is of no use, by these words; as PV it gives 160 W of 6 kW."""
    device = FieldDevice("sunspec_hybrid_no_battery.json")
    _, duties = asyncio.run(probe("field", device, NOW))
    battery, pv = duties
    assert (battery.kind, battery.plate) == (DeviceKind.BATTERY, None)
    assert "no battery" in battery.fault
    assert pv.plate is not None
    assert (pv.kind, pv.plate.max_generation_w, pv.fault) == (DeviceKind.PV, 6000, "")
    (power,) = [r.value for r in pv.readings if r.kind is Kind.POWER]
    assert power == pytest.approx(-160, abs=1)
    assert device.written == []


def test_a_meter_that_counts_what_is_given_as_positive_is_turned() -> None:
    """By its maker's habit +58 W are taken, its registers stay; the inverter's own duties are shown beside it."""
    plate, found = read("sunspec_solaredge_hybrid.json", DeviceKind.METER)
    assert plate.model == "SE-RGMTR-1D-240C-A"  # the meter's own common model, not the inverter's
    assert found[Kind.POWER] == pytest.approx(58)
    assert (found[Kind.ENERGY_IMPORT], found[Kind.ENERGY_EXPORT]) == (18_090_016, 21_267_458)
    _, duties = asyncio.run(probe("field", FieldDevice("sunspec_solaredge_hybrid.json"), NOW))
    assert [duty.kind for duty in duties] == [DeviceKind.METER, DeviceKind.BATTERY, DeviceKind.PV]
    told = sunspec_port("field", DeviceKind.METER, FieldDevice("sunspec_solaredge_hybrid.json"), sign=Sign.TAKEN)
    asyncio.run(told.open(NOW))
    (power,) = [r.value for r in asyncio.run(told.measure(NOW)) if r.kind is Kind.POWER]
    assert power == pytest.approx(-58), "what an operator says goes before a maker's habit"


@pytest.mark.parametrize(("grows", "way"), [(Kind.ENERGY_EXPORT, -1), (Kind.ENERGY_IMPORT, 1)])
def test_the_sign_of_a_meter_is_found_from_its_counters(grows: Kind, way: int) -> None:
    """A meter that says 2000 W while its export register grows by as much is turned; one whose import grows is not."""
    sign, wh = MeterSign("meter"), {Kind.ENERGY_IMPORT: 1000.0, Kind.ENERGY_EXPORT: 1000.0}
    told = []
    for minute in range(0, 25, 5):
        at = NOW + timedelta(minutes=minute)
        readings = (Reading("meter", Kind.POWER, 2000.0, at), *(Reading("meter", k, v, at) for k, v in wh.items()))
        told.append(sign.righted(readings)[0].value)
        wh[grows] += 2000 / 12
    assert told[0] == 2000
    assert told[-1] == way * 2000


def test_the_second_meter_of_a_device_can_be_chosen() -> None:
    """Two models 203 in one chain: the second says 3000 W; a third there is not."""
    device = FieldDevice("sunspec_two_meters_base0.json")
    second = sunspec_port("field", DeviceKind.METER, device, meter=2)
    asyncio.run(second.open(NOW))
    (power,) = [r.value for r in asyncio.run(second.measure(NOW)) if r.kind is Kind.POWER]
    assert power == pytest.approx(3000)
    _, duties = asyncio.run(probe("field", device, NOW))
    assert [duty.meter for duty in duties if duty.kind is DeviceKind.METER] == [1, 2]
    with pytest.raises(DeviceFault, match="meter 3 is wanted, and the device has 2"):
        asyncio.run(sunspec_port("field", DeviceKind.METER, device, meter=3).open(NOW))


def test_nothing_is_taken_out_of_a_reserve() -> None:
    """124.MinRsvPct 30 %, state of charge 26 %: discharging is a fault, and nothing is enabled; the nameplate tells 30 %."""
    device = FieldDevice("sunspec_124_reserve_30pct.json")
    port = sunspec_port("field", DeviceKind.BATTERY, device)
    assert asyncio.run(port.open(NOW)).reserve_pct == 30
    with pytest.raises(DeviceFault, match=r"26 % is not above the reserve \(124\.MinRsvPct = 30 %\)"):
        asyncio.run(port.command(Setpoint(Mode.TARGET, -1000), NOW + QUARTER, NOW))
    assert device.written == []
