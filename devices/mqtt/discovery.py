"""What a device announces of itself: Home Assistant's MQTT discovery, one entity a topic or a whole device at once.

`<prefix>/<component>/[<node>/]<object>/config` has one entity, `<prefix>/device/[<node>/]<object>/config` the device with its
`components`; keys may be abbreviated, and `~` stands for the base topic (Home Assistant, integration MQTT, "MQTT discovery").
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from devices.dial_in import strict_json
from devices.dial_in.strict_json import Json, JsonObject
from devices.mqtt.templates import Template, command_template, value_template

COMPONENTS = ("sensor", "binary_sensor", "number", "select", "switch")  # what is read; others are passed over
_LONGEST = 65_536  # bytes of a payload that is looked at
_MOST = 200  # entities of one announcement
_MOST_STEPS = 1e9  # of a number: milliwatts of what the connection of a building carries
_ABBREVIATED: Mapping[str, str] = MappingProxyType(
    {
        "avty": "availability", "avty_mode": "availability_mode", "avty_t": "availability_topic",
        "avty_tpl": "availability_template", "cmd_t": "command_topic", "cmd_tpl": "command_template",
        "cmps": "components", "cns": "connections", "dev": "device", "dev_cla": "device_class", "ent_cat": "entity_category",
        "exp_aft": "expire_after", "ids": "identifiers", "mdl": "model", "mf": "manufacturer",
        "ops": "options", "p": "platform", "pl_avail": "payload_available", "pl_not_avail": "payload_not_available",
        "pl_off": "payload_off", "pl_on": "payload_on", "sn": "serial_number", "stat_off": "state_off",
        "stat_on": "state_on", "stat_t": "state_topic", "stat_val_tpl": "value_template", "t": "topic",
        "uniq_id": "unique_id", "unit_of_meas": "unit_of_measurement", "val_tpl": "value_template",
    }
)  # fmt: skip


class NoEntity(Exception):
    """An announcement that is not read, and why."""


@dataclass(frozen=True, slots=True)
class Availability:
    """A topic on which a device says whether it is there."""

    topic: str
    template: Template
    available: str
    not_available: str


@dataclass(frozen=True, slots=True)
class Maker:
    """Who a device says that it is; `names` are all by which it can be meant."""

    names: tuple[str, ...]
    manufacturer: str
    model: str
    serial: str


@dataclass(frozen=True, slots=True)
class Entity:
    """One sensor, number, select or switch.

    Attributes:
        object_id: its name among those of its device.
        read: the value in a payload of `state_topic`.
        write: the payload for a value, to `command_topic`.
        mode: how several availability topics count: `all`, `any` or `latest`.
        bounds: least, most and step of a number.
        words: what on and off are in commands and in states: on, off, state on, state off.
        expire_after_s: for how long a state holds; None: not said.
    """

    component: str
    object_id: str
    maker: Maker
    device_class: str
    category: str
    unit: str
    state_topic: str
    read: Template
    command_topic: str
    write: Callable[[str], str]
    availability: tuple[Availability, ...]
    mode: str
    bounds: tuple[float, float, float]
    options: tuple[str, ...]
    words: tuple[str, str, str, str]
    expire_after_s: float | None


def config_topics(prefix: str) -> tuple[str, ...]:
    """The filters under which announcements come."""
    return f"{prefix}/+/+/config", f"{prefix}/+/+/+/config"


def entities(prefix: str, topic: str, payload: bytes) -> tuple[Entity, ...]:
    """What an announcement is of; nothing where it is taken back (an empty payload).

    Raises:
        NoEntity: it is none that is read, with one sentence.
    """
    component, *middle, last = topic.removeprefix(prefix + "/").split("/") or [""]
    if last != "config" or not 1 <= len(middle) <= 2:
        raise NoEntity(f"{topic}: expected <component>/[<node>/]<object>/config")
    if not payload:
        return ()
    if len(payload) > _LONGEST:
        raise NoEntity(f"{topic}: {len(payload)} bytes; expected at most {_LONGEST}")
    try:
        told = strict_json.loads(payload.decode())
    except ValueError:
        raise NoEntity(f"{topic}: expected JSON") from None
    if not isinstance(told, dict):
        raise NoEntity(f"{topic}: expected a JSON object")
    told = _unabbreviated(told)
    if component != "device":
        if component not in COMPONENTS:
            raise NoEntity(f"{topic}: {component} is not read")
        return (_entity(topic, component, middle[-1], _maker(told, middle), told),)
    parts = told.get("components")
    if not isinstance(parts, dict) or len(parts) > _MOST:
        raise NoEntity(f"{topic}: expected components, at most {_MOST}")
    return tuple(_of_device(topic, middle, told, parts))


def _of_device(topic: str, middle: list[str], told: JsonObject, parts: JsonObject) -> Iterator[Entity]:
    maker, shared = _maker(told, middle), {key: told[key] for key in _SHARED if key in told}
    for name, part in parts.items():
        one = _unabbreviated(part) if isinstance(part, dict) else {}
        component = one.get("platform")
        if isinstance(component, str) and component in COMPONENTS and len(one) > 1:  # a platform alone takes it back
            yield _entity(f"{topic} {name}", component, name, maker, {**shared, **one})


_SHARED = ("~", "availability", "availability_mode", "availability_topic", "availability_template", "state_topic",
           "command_topic", "payload_available", "payload_not_available")  # fmt: skip


def _unabbreviated(told: JsonObject) -> JsonObject:
    return {_ABBREVIATED.get(key, key): value for key, value in told.items()}


def _maker(told: JsonObject, middle: list[str]) -> Maker:
    device = told.get("device")
    of = _unabbreviated(device) if isinstance(device, dict) else {}
    given = of.get("identifiers")
    listed = given if isinstance(given, list) else [given]
    names = [*(one for one in listed if isinstance(one, str)), *([_text(of, "name")] if _text(of, "name") else [])]
    return Maker(
        tuple(dict.fromkeys(names)) or (middle[0],),
        _text(of, "manufacturer"),
        _text(of, "model"),
        _text(of, "serial_number"),
    )


def _entity(where: str, component: str, object_id: str, maker: Maker, told: JsonObject) -> Entity:
    read, write = value_template(_text(told, "value_template")), command_template(_text(told, "command_template"))
    if read is None:
        raise NoEntity(f"{where}: value_template {_text(told, 'value_template')[:60]!r} is more than a path into JSON")
    if write is None:
        raise NoEntity(f"{where}: command_template is more than a place for the value")
    low, high, step = (_number(told, key, usual) for key, usual in (("min", 1.0), ("max", 100.0), ("step", 1.0)))
    if not low < high or not step > 0 or not (high - low) / step <= _MOST_STEPS:
        raise NoEntity(
            f"{where}: min {low:g}, max {high:g}, step {step:g}; expected min below max, and a step that counts"
        )
    options = told.get("options")
    on, off = _text(told, "payload_on") or "ON", _text(told, "payload_off") or "OFF"
    lasts = told.get("expire_after")
    return Entity(
        component,
        object_id,
        maker,
        _text(told, "device_class"),
        _text(told, "entity_category"),
        _text(told, "unit_of_measurement"),
        _topic(where, told, "state_topic"),
        read,
        _topic(where, told, "command_topic"),
        write,
        tuple(_availabilities(where, told)),
        _text(told, "availability_mode") or "latest",
        (low, high, step),
        tuple(one for one in options if isinstance(one, str)) if isinstance(options, list) else (),
        (on, off, _text(told, "state_on") or on, _text(told, "state_off") or off),
        float(lasts) if isinstance(lasts, int | float) and not isinstance(lasts, bool) and lasts > 0 else None,
    )


def _availabilities(where: str, told: JsonObject) -> Iterator[Availability]:
    listed, single = told.get("availability"), _topic(where, told, "availability_topic")
    here, away = _text(told, "payload_available") or "online", _text(told, "payload_not_available") or "offline"
    if single:
        template = value_template(_text(told, "availability_template"))
        if template is None:
            raise NoEntity(f"{where}: availability_template is more than a path into JSON")
        yield Availability(single, template, here, away)
    for one in listed if isinstance(listed, list) else [listed]:
        if not isinstance(one, dict):
            continue
        more = _unabbreviated(one)
        topic, template = (
            _topic(where, {**more, "~": told.get("~")}, "topic"),
            value_template(_text(more, "value_template")),
        )
        if not topic or template is None:
            raise NoEntity(f"{where}: an availability without a topic, or with more than a path into JSON")
        yield Availability(
            topic, template, _text(more, "payload_available") or here, _text(more, "payload_not_available") or away
        )


def _text(told: JsonObject, key: str) -> str:
    value: Json = told.get(key)
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _number(told: JsonObject, key: str, usual: float) -> float:
    value = told.get(key, usual)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _topic(where: str, told: JsonObject, key: str) -> str:
    """A topic with its base put in; "" where there is none."""
    topic, base = _text(told, key), _text(told, "~")
    if topic.startswith("~"):
        topic = base + topic[1:]
    elif topic.endswith("~"):
        topic = topic[:-1] + base
    if topic and (not re.fullmatch(r"[^+#\x00]{1,500}", topic) or topic.startswith("$")):
        raise NoEntity(f"{where}: {key} {topic[:60]!r} is no topic; expected one without + and #")
    return topic
