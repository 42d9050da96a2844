"""Numbers from outside: what no float holds, and what only looks like a number, is refused where it comes in."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality
from devices.dial_in import strict_json
from devices.mqtt.address import broker_address
from devices.mqtt.building import Building
from devices.mqtt.discovery import NoEntity, entities
from devices.mqtt.link import BrokerLink
from devices.mqtt.templates import value_template
from devices.ocpp.machine import CsmsMachine
from devices.port.told_number import told_number
from devices.s2.machine import CemMachine

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
HUGE = "9" * 400
URL = "mqtt://127.0.0.1/homeassistant"
SENSOR = {"dev_cla": "power", "unit_of_meas": "W", "stat_t": "s", "val_tpl": "{{ value_json.p }}", "dev": {"ids": "b"}}
NUMBER = {"unit_of_meas": "W", "stat_t": "n", "cmd_t": "n/set", "dev": {"ids": "b"}}


@pytest.mark.parametrize(
    "text",
    [HUGE, f"-{HUGE}", f'{{"a": [{HUGE}]}}', "9" * 5000, "1e999", "-1e999", "NaN", "Infinity", "-Infinity",
     "[" * 100_000 + "]" * 100_000, r'"\ud800"', r'{"\udc00": 1}', '"\ud800"', r'"\ud800 \udc00"'],
)  # fmt: skip
def test_json_beyond_a_float_or_half_a_sign_is_none(text: str) -> None:
    """A `ValueError`, the one that every reader of frames expects; never an OverflowError later on."""
    with pytest.raises(ValueError, match=r"."):
        strict_json.loads(text)


def test_json_that_is_sound_is_taken() -> None:
    """The largest whole numbers that a float holds, signs of several code units, escaped or not."""
    most = int(1.7e308)
    assert strict_json.loads(f"[{most}, -{most}, 0, -0, 1e-400]") == [most, -most, 0, 0, 0.0]
    assert strict_json.loads(r'"\ud83d\udd0b é"') == "🔋 é"
    assert strict_json.loads('"🔋"') == "🔋"


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12.0), (" -1.5 ", -1.5), ("+3e2", 300.0), (".5", 0.5), ("5.", 5.0), ("1e-400", 0.0)],
)
def test_a_text_that_is_a_number(text: str, number: float) -> None:
    """As devices write them."""
    assert told_number(text) == number


@pytest.mark.parametrize(
    "text", ["", ".", "1_0", "nan", "inf", "infinity", "1e999", HUGE, "9" * 5000, "1,5", "0x10", "١٢", "12 W", "1e9999999"]
)  # fmt: skip
def test_a_text_that_is_none(text: str) -> None:
    """What Python alone would take for ten, and what no float holds, is not a number."""
    assert math.isnan(told_number(text))


def _building() -> Building:
    building = Building("b", broker_address(URL))
    building.hear("homeassistant/sensor/b/power/config", json.dumps(SENSOR).encode(), False, NOW)
    return building


@pytest.mark.parametrize("payload", [f'{{"p": {HUGE}}}', '{"p": 1e999}', '{"p": true}', '{"p": [1]}', '{"p": "1_0"}',
                                     f'{{"p": "{HUGE}"}}', '{"p": NaN}'])  # fmt: skip
def test_a_building_shows_no_such_number(payload: str) -> None:
    """Its reading is INVALID, and the next sound one is GOOD."""
    building = _building()
    building.hear("s", payload.encode(), False, NOW)
    sensor = building.sensor(Kind.POWER)
    assert building.reading(Kind.POWER, sensor, NOW).quality is Quality.INVALID
    building.hear("s", b'{"p": 700}', False, NOW)
    assert (building.reading(Kind.POWER, sensor, NOW).value, building.reading(Kind.POWER, sensor, NOW).quality) == (
        700.0,
        Quality.GOOD,
    )


@pytest.mark.parametrize(
    "spoilt",
    [{"max": 10**400}, {"min": -(10**400)}, {"step": 5e-324}, {"step": 10**400}, {"max": 1e308, "min": -1e308},
     {"expire_after": 10**400}],
)  # fmt: skip
def test_an_announcement_with_such_a_number_is_not_read(spoilt: dict[str, object]) -> None:
    """It is refused with a sentence, the building is told of it without an error, and a limit has nothing to be written to."""
    topic, payload = "homeassistant/number/b/limit/config", json.dumps({**NUMBER, "max": 4000, **spoilt}).encode()
    with pytest.raises(NoEntity, match=r"expected JSON|a step that counts"):
        entities("homeassistant", topic, payload)
    _building().hear(topic, payload, False, NOW)


def test_an_index_or_a_rating_of_endless_digits_is_one_that_is_not_there() -> None:
    """In a template it leads nowhere; in an address it is a sentence."""
    for template in (f"{{{{ value_json[{'9' * 5000}] }}}}", f"{{{{ value_json.{'9' * 5000} }}}}"):
        read = value_template(template)
        assert read is not None
        assert read("[1, 2]") is None
    with pytest.raises(BadInput, match="expected watts, 1 to 1000000"):
        broker_address(f"{URL}?rated={'9' * 5000}")


def test_the_link_outlives_a_message_that_breaks_the_driver(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log, and the next message is heard."""
    building, heard = _building(), []

    def hear(topic: str, payload: bytes, retained: bool, at: datetime) -> None:
        if payload == b"bad":
            raise OverflowError("as once by a number of 400 digits")
        heard.append(payload)

    class Client:
        async def subscribe(self, topic: str, **_: Any) -> None:
            """Taken."""

        @property
        async def messages(self) -> AsyncIterator[Any]:
            """Two."""
            for payload in (b"bad", b"good"):
                yield SimpleNamespace(topic="s", payload=payload, retain=False)

    monkeypatch.setattr(building, "hear", hear)
    asyncio.run(BrokerLink(building, lambda: NOW, 1.0)._talk(cast("Any", Client())))
    assert heard == [b"good"]
    assert "a message on s could not be taken" in caplog.text


def test_s2_answers_what_it_refuses() -> None:
    """Half a sign in a message's kind cannot be told back: it is no JSON, and the session goes on; so is a huge number."""
    machine = CemMachine("rm")
    machine.now = NOW
    machine.attached()
    hand = {"message_type": "Handshake", "message_id": "00000000-0000-0000-0000-0000000000a1", "role": "RM"}
    for frame in (
        r'{"message_type": "\ud800", "message_id": "x"}',
        f'{{"message_type": "PowerMeasurement", "n": {HUGE}}}',
    ):
        (answer,) = map(json.loads, machine.receive(frame))
        assert (answer["status"], answer["diagnostic_label"]) == ("INVALID_DATA", "expected JSON")
    answers = machine.receive(json.dumps({**hand, "supported_protocol_versions": ["0.0.2-beta"]}))
    assert [json.loads(one)["message_type"] for one in answers] == ["ReceptionStatus", "HandshakeResponse"]


@pytest.mark.parametrize("spoken", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
def test_ocpp_answers_a_number_beyond_a_float_by_its_own_code(spoken: str) -> None:
    """With the message's own id, and never an InternalError: that would say that we broke."""
    machine = CsmsMachine("cs")
    machine.speak(spoken)
    machine.attached()
    most = f'"v2xChargingParameters": {{"maxChargePower": {HUGE}}}'
    needs = f'{{"evseId": 1, "chargingNeeds": {{"requestedEnergyTransfer": "AC_BPT", {most}}}}}'
    answers = [json.loads(one) for one in machine.receive(f'[2, "1", "NotifyEVChargingNeeds", {needs}]')]
    code = "NotImplemented" if spoken == "ocpp1.6" else "PropertyConstraintViolation"  # 1.6 has no such action
    assert [answer[1:3] for answer in answers if answer[0] == 4] == [["1", code]]
