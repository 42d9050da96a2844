"""Numbers that no float and no decimal context holds: a typed fault with the message's own id, in calls and in answers."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest

from cim.model.devices import Mode, Setpoint
from devices.dial_in import strict_json
from devices.ocpp.driver import StationPort
from devices.ocpp.machine import CsmsMachine
from devices.port.errors import DeviceFault
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.versions import STATIONS

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
AT = "2026-05-20T12:00:00Z"
HUGE = (
    "1e400",
    "-1e400",
    "1" + "0" * 400,
    "9" * 5000,
)  # a whole number of 5000 digits is one that Python does not read
LARGE = (
    "1e308",
    "-1e308",
    "1" + "0" * 300,
    "1e29",
    "1e-400",
)  # a float holds them, and a decimal context no tenth of them

_AC = '"acChargingParameters":{"energyAmount":@,"evMinCurrent":@,"evMaxCurrent":@,"evMaxVoltage":@}'
_NEEDS = f'{{"evseId":@,"chargingNeeds":{{"requestedEnergyTransfer":"AC_three_phase",{_AC}}}}}'
_SAMPLE = '{"value":@,"unitOfMeasure":{"unit":"Wh","multiplier":@}}'
_VALUES = f'"meterValue":[{{"timestamp":"{AT}","sampledValue":[{_SAMPLE}]}}]'
_EVENT = (
    f'{{"eventType":"Started","timestamp":"{AT}","triggerReason":"CablePluggedIn","seqNo":@,"numberOfPhasesUsed":@,'
    f'"evse":{{"id":@,"connectorId":@}},"transactionInfo":{{"transactionId":"T"}},{_VALUES}}}'
)
_RATED = (
    f'{{"requestId":@,"generatedAt":"{AT}","seqNo":@,"reportData":[{{"component":{{"name":"EVSE"}},"variable":{{"name":'
    '"Power"},"variableAttribute":[{"value":"1"}],"variableCharacteristics":{"dataType":"decimal","supportsMonitoring":false,'
    '"maxLimit":@}}]}'
)
_IN_201 = {
    "NotifyEVChargingNeeds": _NEEDS,
    "MeterValues": f'{{"evseId":@,{_VALUES}}}',
    "TransactionEvent": _EVENT,
    "StatusNotification": f'{{"timestamp":"{AT}","connectorStatus":"Occupied","evseId":@,"connectorId":@}}',
    "NotifyReport": _RATED,
}
_IN_16 = {
    "StartTransaction": f'{{"connectorId":@,"idTag":"T","meterStart":@,"timestamp":"{AT}"}}',
    "StopTransaction": f'{{"transactionId":@,"meterStop":@,"timestamp":"{AT}"}}',
    "MeterValues": '{"connectorId":@,"transactionId":@,"meterValue":[]}',
    "StatusNotification": '{"connectorId":@,"errorCode":"NoError","status":"Preparing"}',
}
SAID = [(v, a, p) for v, said in (("2.0.1", _IN_201), ("2.1", _IN_201), ("1.6", _IN_16)) for a, p in said.items()]


def spoilt(payload: str, number: str) -> list[str]:
    """The payload with one of its numbers replaced, for each of them; the others are 1."""
    parts = payload.split("@")
    return ["1".join(parts[:k]) + number + "1".join(parts[k:]) for k in range(1, len(parts))]


@pytest.mark.parametrize(("version", "action", "payload"), SAID)
def test_a_station_that_says_huge_numbers_gets_a_typed_answer(version: str, action: str, payload: str) -> None:
    """Beyond every float: PropertyConstraintViolation; within: taken or refused by name. Never our own fault, never none."""
    for number in (*HUGE, *LARGE):
        for k, said in enumerate(spoilt(payload, number)):
            machine = CsmsMachine("cs", now=NOW)
            machine.speak(f"ocpp{version}")
            machine.booted = True
            answer = json.loads(machine.receive(f'[2,"q{k}","{action}",{said}]')[0])
            assert answer[1] == f"q{k}", (number, said)
            assert answer[0] == 3 or answer[2] != "InternalError", (number, said)
            assert number in LARGE or answer[2] == "PropertyConstraintViolation", (number, said)
            machine.state.clock(NOW + timedelta(minutes=3))  # what was believed breaks nothing later


class _Spoiling(DirectLink):
    """A link on which the station's answer to one action is another one."""

    def __init__(self, action: str, answer: str) -> None:
        super().__init__()
        self._action, self._answer, self._numbers = action, answer, set[str]()

    async def exchange(self, device: str, frames: list[str]) -> list[str]:
        asked = [json.loads(frame) for frame in frames]
        self._numbers |= {call[1] for call in asked if call[0] == 2 and call[2] == self._action}
        back = await super().exchange(device, frames)
        return [self._spoilt(frame) for frame in back]

    def _spoilt(self, frame: str) -> str:
        kind, number, *_ = json.loads(frame)
        return f'[3,"{number}",{self._answer}]' if kind == 3 and number in self._numbers else frame


@pytest.mark.parametrize("version", STATIONS)
@pytest.mark.parametrize("number", [*HUGE, *LARGE])
def test_a_composite_schedule_of_huge_numbers_is_a_fault_of_the_device(version: str, number: str, point: Any) -> None:
    """The answer to our own call, too (1.6 checks tenths by decimals): DeviceFault at once, and the driver goes on."""
    period = f'"chargingSchedulePeriod":[{{"startPeriod":0,"limit":{number}}}]'
    unit = '"chargingRateUnit":"A"'
    answer = f'{{"status":"Accepted","chargingSchedule":{{{unit},{period}}}}}'
    if version != "1.6":
        more = f'"evseId":1,"duration":900,"scheduleStart":"{AT}"'
        answer = f'{{"status":"Accepted","schedule":{{{more},{unit},{period}}}}}'

    async def run() -> None:
        link = _Spoiling("GetCompositeSchedule", answer)
        link.add("cs", STATIONS[version]("cs", point), NOW)
        port = StationPort("cs", link=link)
        await port.open(NOW)
        until = NOW + timedelta(minutes=15)
        if number == "1e-400":  # which is 0, and 0 W are no more than was asked for
            await port.command(Setpoint(Mode.LIMIT, 4000), until, NOW)
            return
        with pytest.raises(DeviceFault):
            await port.command(Setpoint(Mode.LIMIT, 4000), until, NOW)
        assert [reading.source for reading in await port.measure(NOW)] == ["cs", "cs"]

    asyncio.run(run())


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000])
def test_only_ocpp_reads_numbers_beyond_floats(number: str) -> None:
    """S2 and MQTT refuse the frame as before; OCPP reads it to know which message it refuses. NaN is JSON for neither."""
    with pytest.raises(ValueError, match=r"finite|digits"):
        strict_json.loads(f"[{number}]")
    assert strict_json.loads_unbounded(f"[{number}]") in ([inf], [-inf])
    for constant in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(ValueError, match="no JSON"):
            strict_json.loads_unbounded(f"[{constant}]")
