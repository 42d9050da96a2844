"""Announcements as devices in use make them, and what is not taken from a broker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.readings import Kind
from devices.mqtt.address import broker_address
from devices.mqtt.discovery import NoEntity, entities
from devices.mqtt.templates import command_template, value_template

TOPIC = "homeassistant/sensor/pump-7/power/config"


def announced(topic: str = TOPIC, **told: Any) -> Any:
    """The one entity of an announcement."""
    (found,) = entities("homeassistant", topic, json.dumps(told).encode())
    return found


def test_long_and_short_keys_say_the_same() -> None:
    """The same sensor in both spellings, with the base topic put in, is the same entity."""
    long = announced(
        state_topic="home/pump/state",
        value_template="{{ value_json.power }}",
        device_class="power",
        unit_of_measurement="W",
        expire_after=60,
        availability_topic="home/pump/lwt",
        payload_available="Online",
        device={"identifiers": ["pump-7"], "name": "Pump", "manufacturer": "M", "model": "X", "serial_number": "1"},
    )
    short = announced(
        **{"~": "home/pump", "stat_t": "~/state", "val_tpl": "{{ value_json.power }}", "dev_cla": "power"},
        unit_of_meas="W",
        exp_aft=60,
        avty_t="~/lwt",
        pl_avail="Online",
        dev={"ids": "pump-7", "name": "Pump", "mf": "M", "mdl": "X", "sn": 1},
    )
    for one in (long, short):
        assert (one.state_topic, one.unit, one.device_class, one.expire_after_s) == (
            "home/pump/state",
            "W",
            "power",
            60.0,
        )
        assert one.read('{"power": 1520.5}') == "1520.5"
        assert (one.availability[0].topic, one.availability[0].available) == ("home/pump/lwt", "Online")
    assert long.maker == short.maker
    assert long.maker.names == ("pump-7", "Pump")


def test_a_whole_device_is_announced_at_once() -> None:
    """Its components share what stands beside them; one of a platform alone is taken back; others are not read."""
    told = {
        "dev": {"ids": ["pump-7"]},
        "stat_t": "home/pump/state",
        "avty": [{"t": "home/pump/lwt"}],
        "cmps": {
            "power": {"p": "sensor", "dev_cla": "power", "unit_of_meas": "W", "val_tpl": "{{ value_json.p }}"},
            "gone": {"p": "sensor"},
            "lamp": {"p": "light", "cmd_t": "x"},
            "limit": {
                "p": "number",
                "cmd_t": "home/pump/set",
                "stat_t": "home/pump/limit",
                "unit_of_meas": "kW",
                "max": 3,
            },
        },
    }
    found = entities("homeassistant", "homeassistant/device/pump-7/config", json.dumps(told).encode())
    assert [(one.component, one.object_id, one.state_topic) for one in found] == [
        ("sensor", "power", "home/pump/state"),
        ("number", "limit", "home/pump/limit"),
    ]
    assert all(one.availability[0].topic == "home/pump/lwt" for one in found)


@pytest.mark.parametrize(
    ("topic", "payload", "words"),
    [
        ("homeassistant/sensor/power", b"{}", "expected <component>/"),
        (TOPIC, b"power", "expected JSON"),
        (TOPIC, b"[1]", "expected a JSON object"),
        (TOPIC, b'{"expire_after": NaN}', "expected JSON"),
        (TOPIC, b"x" * 70_000, "70000 bytes; expected at most 65536"),
        ("homeassistant/light/pump-7/l/config", b"{}", "light is not read"),
        (TOPIC, b'{"stat_t": "#"}', "state_topic '#' is no topic"),
        (TOPIC, b'{"stat_t": "$SYS/x"}', "is no topic"),
        (TOPIC, b'{"stat_t": "a", "val_tpl": "{{ states(\'x\') }}"}', "is more than a path into JSON"),
        ("homeassistant/number/p/l/config", b'{"min": 5, "max": 5}', "expected min below max"),
        ("homeassistant/number/p/l/config", b'{"step": 0}', "expected min below max, and a step"),
        ("homeassistant/device/p/config", b"{}", "expected components"),
    ],
)
def test_what_is_no_announcement_is_a_sentence(topic: str, payload: bytes, words: str) -> None:
    """It names the topic; nothing of it is read, least of all a filter that listens to the whole broker."""
    with pytest.raises(NoEntity, match=r"^homeassistant/") as caught:
        entities("homeassistant", topic, payload)
    assert words in str(caught.value)


def test_an_empty_payload_takes_an_announcement_back() -> None:
    """As Home Assistant removes an entity."""
    assert entities("homeassistant", TOPIC, b"") == ()


@pytest.mark.parametrize(
    ("template", "payload", "value"),
    [
        (None, " 21.5 ", "21.5"),
        ("{{ value }}", "21.5", "21.5"),
        ("{{ value_json.a.b }}", '{"a": {"b": 3}}', "3"),
        ("{{ value_json['a']['b c'] | float }}", '{"a": {"b c": 3}}', "3"),
        ('{{ value_json["list"][1] | round(1) }}', '{"list": [1, 2]}', "2"),
        ("{{ value_json.on }}", '{"on": true}', "True"),
        ("{{ value_json.a }}", '{"b": 3}', None),
        ("{{ value_json.a }}", "no JSON", None),
        ("{{ value_json.a }}", '{"a": NaN}', None),
        ("{{ value_json.a }}", '{"a": null}', None),
    ],
)
def test_a_path_is_read(template: str | None, payload: str, value: str | None) -> None:
    """As the device's maker wrote it; what is not there is nothing."""
    read = value_template(template)
    assert read is not None
    assert read(payload) == value


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.a | float(0) }}",
        "{{ value_json.a * 2 }}",
        "{% if value %}1{% endif %}",
        "{{ value.real }}",
        "{{ now() }}",
    ],
)
def test_a_program_is_not(template: str) -> None:
    """Least of all one that makes 0 of what is unknown."""
    assert value_template(template) is None


def test_commands_are_written_into_their_template() -> None:
    """Where the value stands; more than that is not written."""
    write = command_template('{"limit": {{ value | int }}}')
    assert write is not None
    assert write("1500") == '{"limit": 1500}'
    assert command_template("{{ value * 10 }}") is None
    assert command_template("fixed") is None


@given(st.binary(max_size=200), st.sampled_from(["sensor", "number", "device", "select"]))
def test_nothing_published_breaks_it(payload: bytes, component: str) -> None:
    """Entities or a sentence."""
    why = "x"
    try:
        found = entities("homeassistant", f"homeassistant/{component}/x/config", payload)
    except NoEntity as refusal:
        found, why = (), str(refusal)
    assert why
    assert all(one.object_id for one in found) or component == "device"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = "~ dev device avty availability avty_t stat_t cmd_t val_tpl cmd_tpl min max step ops cmps unit_of_meas exp_aft ids t p"
keys = st.sampled_from(KEYS.split())


@given(st.dictionaries(keys, json_values, max_size=8), st.sampled_from(["sensor", "number", "device", "select"]))
def test_no_value_of_a_known_key_breaks_it(told: dict[str, Any], component: str) -> None:
    """Whatever type stands where text or a number belongs."""
    why = "x"
    try:
        found = entities("homeassistant", f"homeassistant/{component}/x/config", json.dumps(told).encode())
    except NoEntity as refusal:
        found, why = (), str(refusal)
    assert why
    assert all(one.object_id for one in found) or component == "device"


def test_an_address_says_which() -> None:
    """Every part of the URL, with the password out of sight."""
    found = broker_address(
        "mqtts://u:p%40ss@broker.example/ha/site?device=pump-7&power=p1&temperature=room&limit=l&rated=3000"
    )
    assert (found.host, found.port, found.tls, found.user, found.password) == (
        "broker.example",
        8883,
        True,
        "u",
        "p@ss",
    )
    assert (found.prefix, found.device, found.limit, found.rated_w) == ("ha/site", "pump-7", "l", 3000)
    assert found.chosen == {Kind.POWER: "p1", Kind.TEMPERATURE: "room"}
    assert found.where == "mqtts://broker.example:8883/ha/site"
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://box/ha", "is no place of a broker"),
        ("mqtt://box:1883", "has the prefix ''"),
        ("mqtt://box:1883/a%23", "has the prefix 'a#'"),
        ("mqtt://box:99999/ha", "it is no URL with a port"),
        ("mqtt://u:secret@box:1883/ha", "the password would cross the net in clear to box; expected mqtts://"),
        ("mqtt://box/ha?watts=3", "option 'watts'"),
        ("mqtt://box/ha?rated=-1", "rated '-1'"),
    ],
)
def test_an_address_that_is_none_is_a_sentence(url: str, words: str) -> None:
    """It says what was expected, and never a password."""
    with pytest.raises(BadInput, match=r"^address: ") as caught:
        broker_address(url)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
