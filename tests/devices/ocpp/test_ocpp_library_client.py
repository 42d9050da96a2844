"""The `ocpp` library's own stations, 1.6 and 2.1, charge at our CSMS over a real socket; it checks both ways by its schemas."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp import v16, v21
from ocpp.routing import on
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from cim.model.devices import Mode, Setpoint, VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind
from devices.dial_in.passwords import known_passwords
from devices.dial_in.server import DialInServer
from devices.ocpp.driver import StationPort
from devices.ocpp.needs import ASSUMED_ENERGY_WH

pytestmark = pytest.mark.slow
NOW = datetime(2026, 5, 1, 8, 5, tzinfo=UTC)
PASSWORD = "a-password-of-16"
PATIENCE_S = 60


def _at(minute: int) -> str:
    return f"2026-05-01T08:{minute:02}:00Z"


class _Station16(v16.ChargePoint):
    """What the library makes of a 1.6 station: it takes limits in watts, and tells them back."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seen: list[str] = []
        self.profile: dict[str, Any] = {}
        self.freed = asyncio.Event()

    @on("GetConfiguration")
    def settings(self, key: list[str]) -> v16.call_result.GetConfiguration:
        """It knows none."""
        return v16.call_result.GetConfiguration(unknown_key=key)

    @on("ChangeConfiguration")
    def change(self, key: str, value: str) -> v16.call_result.ChangeConfiguration:
        """It takes them."""
        self.seen.append(f"{key}={value}")
        return v16.call_result.ChangeConfiguration(v16.enums.ConfigurationStatus.accepted)

    @on("SetChargingProfile")
    def limit(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> v16.call_result.SetChargingProfile:
        """It is limited."""
        self.profile = cs_charging_profiles
        return v16.call_result.SetChargingProfile(v16.enums.ChargingProfileStatus.accepted)

    @on("GetCompositeSchedule")
    def composite(self, connector_id: int, duration: int) -> v16.call_result.GetCompositeSchedule:
        """As it was told."""
        periods = [
            {**p, "limit": float(p["limit"])} for p in self.profile["charging_schedule"]["charging_schedule_period"]
        ]
        schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [_camel(p) for p in periods]}
        accepted = v16.enums.GetCompositeScheduleStatus.accepted
        return v16.call_result.GetCompositeSchedule(accepted, connector_id, _at(5), schedule)

    @on("ClearChargingProfile")
    def free(self, **_: Any) -> v16.call_result.ClearChargingProfile:
        """It is free again."""
        self.freed.set()
        return v16.call_result.ClearChargingProfile(v16.enums.ClearChargingProfileStatus.accepted)

    async def charge(self) -> None:
        """Boot, plug, start, meter, and once it was limited and freed stop."""
        boot = await self.call(v16.call.BootNotification("rpc", "independent"), suppress=False)
        assert boot.status == "Accepted"
        connector = v16.call.StatusNotification(
            1, v16.enums.ChargePointErrorCode.no_error, v16.enums.ChargePointStatus.preparing
        )
        await self.call(connector, suppress=False)
        begun = await self.call(v16.call.StartTransaction(1, "tag", 500, _at(5)), suppress=False)
        assert begun.id_tag_info["status"] == "Accepted"
        sample = {"value": "4.0", "measurand": "Power.Active.Import", "unit": "kW"}
        value = {"timestamp": _at(6), "sampledValue": [sample, {"value": "510"}]}
        await self.call(v16.call.MeterValues(1, [value], begun.transaction_id), suppress=False)
        await self.freed.wait()
        await self.call(v16.call.StopTransaction(1200, _at(15), begun.transaction_id), suppress=False)


class _Station21(v21.ChargePoint):
    """What the library makes of a 2.1 station."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.profile: dict[str, Any] = {}
        self.freed = asyncio.Event()

    @on("GetBaseReport")
    def report(self, **_: Any) -> v21.call_result.GetBaseReport:
        """It has no device model."""
        return v21.call_result.GetBaseReport(v21.enums.GenericDeviceModelStatusEnumType.not_supported)

    @on("SetChargingProfile")
    def limit(self, evse_id: int, charging_profile: dict[str, Any]) -> v21.call_result.SetChargingProfile:
        """It is limited."""
        self.profile = charging_profile
        return v21.call_result.SetChargingProfile(v21.enums.ChargingProfileStatusEnumType.accepted)

    @on("GetCompositeSchedule")
    def composite(self, duration: int, evse_id: int, **_: Any) -> v21.call_result.GetCompositeSchedule:
        """As it was told."""
        periods = [_camel(p) for p in self.profile["charging_schedule"][0]["charging_schedule_period"]]
        schedule = {"evseId": evse_id, "duration": duration, "scheduleStart": _at(5), "chargingRateUnit": "W"}
        schedule["chargingSchedulePeriod"] = periods
        accepted = v21.enums.GenericStatusEnumType.accepted
        return v21.call_result.GetCompositeSchedule(accepted, schedule=schedule)

    @on("ClearChargingProfile")
    def free(self, **_: Any) -> v21.call_result.ClearChargingProfile:
        """It is free again."""
        self.freed.set()
        return v21.call_result.ClearChargingProfile(v21.enums.ClearChargingProfileStatusEnumType.accepted)

    async def charge(self) -> None:
        """Boot, plug, say what is needed, and once it was limited and freed stop."""
        enums, types = v21.enums, v21.datatypes
        station = types.ChargingStationType(model="rpc", vendor_name="independent")
        boot = await self.call(v21.call.BootNotification(station, enums.BootReasonEnumType.power_up), suppress=False)
        assert boot.status == "Accepted"
        await self._event(enums.TransactionEventEnumType.started, 0, _at(5), 500)
        ac = types.ACChargingParametersType(
            energy_amount=12_000.5, ev_max_current=16.0, ev_max_voltage=230.0, ev_min_current=6.0
        )
        needs = types.ChargingNeedsType(enums.EnergyTransferModeEnumType.ac_three_phase, ac_charging_parameters=ac)
        await self.call(v21.call.NotifyEVChargingNeeds(needs, 1), suppress=False)
        await self.freed.wait()
        await self._event(enums.TransactionEventEnumType.ended, 1, _at(15), 1200)

    async def _event(self, kind: Any, number: int, at: str, register_wh: float) -> None:
        enums, types = v21.enums, v21.datatypes
        power = types.SampledValueType(4000.0, measurand=enums.MeasurandEnumType.power_active_import)
        value = types.MeterValueType(sampled_value=[power, types.SampledValueType(register_wh)], timestamp=at)
        trigger = enums.TriggerReasonEnumType.cable_plugged_in
        about = types.TransactionType("tx-1")
        await self.call(
            v21.call.TransactionEvent(kind, number, at, about, trigger, meter_value=[value]), suppress=False
        )


def _camel(period: dict[str, Any]) -> dict[str, Any]:
    return {"startPeriod": period["start_period"], "limit": float(period["limit"])}


@pytest.mark.parametrize(
    ("spoken", "station", "needs"),
    [
        ("ocpp1.6", _Station16, (ASSUMED_ENERGY_WH, 22_080, 4140)),
        ("ocpp2.1", _Station21, (12_000, 11_040, 4140)),
    ],
)
def test_the_librarys_station_charges_here(spoken: str, station: Any, needs: tuple[int, int, int]) -> None:
    """Boot, start, needs or what is assumed, limit with read-back, release, stop: each passes the library's validation."""

    async def run() -> None:
        server = DialInServer(authenticate=known_passwords({"cs1": PASSWORD}))
        await server.start()
        port = StationPort("cs1", server=server, timeout_s=PATIENCE_S)
        opening = asyncio.create_task(port.open(NOW))
        await asyncio.sleep(0)
        token = base64.b64encode(f"cs1:{PASSWORD}".encode()).decode()
        async with connect(
            server.url("ocpp", "cs1"),
            additional_headers={"Authorization": f"Basic {token}"},
            subprotocols=[Subprotocol(spoken)],
            proxy=None,
        ) as socket:
            assert socket.subprotocol == spoken
            client = station("cs1", socket)
            serving = asyncio.create_task(client.start())
            charging = asyncio.create_task(client.charge())
            plate = await opening
            assert (plate.manufacturer, plate.model) == ("independent", "rpc")
            state = port._machine.state
            assert await server.until(
                "ocpp", "cs1", lambda: len(state.news) > 0 and Kind.POWER in state.last.values, PATIENCE_S
            )
            await port.command(Setpoint(Mode.LIMIT, 4200), NOW + timedelta(minutes=15), NOW)
            assert client.profile["valid_to"] == "2026-05-01T08:20:00Z"
            await port.release(NOW)
            await asyncio.wait_for(charging, PATIENCE_S)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        plugged, left = port.drain()
        assert isinstance(plugged, VehiclePlugged)
        assert (plugged.energy_wh, plugged.max_power_w, plugged.min_power_w) == needs
        assert left == VehicleUnplugged(700, NOW + timedelta(minutes=10))
        assert state.last.values[Kind.POWER].value == 4000
        await port.close()
        await server.close()

    asyncio.run(run())
