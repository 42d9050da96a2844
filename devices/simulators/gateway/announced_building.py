"""A heat pump behind an MQTT broker, without I/O: it announces itself by Home Assistant's discovery, tells, and takes a limit.

A frame is a JSON array: topic, payload, and whether the broker keeps it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum

from cim.model.errors import BadInput
from devices.port.told_number import told_number
from devices.simulators.gateway.message_builders import MeanPower
from devices.simulators.gateway.physics_port import HeatPumpRoom, wants_power

PREFIX = "homeassistant"  # of the discovery topics, as it comes
HERE, AWAY = "online", "offline"
_MODEL = "Simulated heat pump"


class Way(StrEnum):
    """One way to misbehave, and what it does."""

    SILENT = "silent"  # it is there, and tells nothing any more
    HEEDLESS = "heedless"  # it takes a limit and shows it, and does nothing by it
    PASSES_OVER = "passes-over"  # a limit is not taken, and what it shows stays
    KILOWATTS = "kilowatts"  # it tells kilowatts and calls them watts
    NOT_A_NUMBER = "not-a-number"  # its power is `nan`, its temperature `unavailable`
    ENDLESS = "endless"  # its power is more than any connection carries
    TEMPLATED = "templated"  # it announces a template that is a program
    AMBIGUOUS = "ambiguous"  # it announces two sensors of power
    KEPT = "kept"  # its states are kept by the broker, and it tells no new ones


def ways(words: str) -> frozenset[Way]:
    """The ways that `words`, with commas, name. Raises `BadInput`."""
    named = [part.strip() for part in words.split(",") if part.strip()]
    unknown = [word for word in named if word not in set(Way)]
    if unknown:
        raise BadInput(f"misbehave: {unknown[0]!r} is unknown; expected words of {', '.join(Way)}")
    return frozenset(Way(word) for word in named)


class AnnouncedBuilding:
    """`SiteMachine` of one heat pump; see the module for its frames.

    Args:
        name: its name, of which its topics are made.
        unit: the physics behind it; its `target_w` is set here.
        prefix: of the discovery topics.
    """

    quiet, closed = True, False
    subprotocol = "mqtt"  # its frames go to a broker; no WebSocket is opened

    def __init__(self, name: str, unit: HeatPumpRoom, prefix: str = PREFIX) -> None:
        self.name, self.unit, self._prefix = name, unit, prefix
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        self.limit_w = unit.max_power_w
        self.ways: frozenset[Way] = frozenset()
        self._node = name.replace(".", "-")
        self._mean, self._connected = MeanPower(unit), False

    @property
    def command_topic(self) -> str:
        """Where it takes a limit."""
        return f"{self._node}/limit/set"

    @property
    def availability_topic(self) -> str:
        """Where it says that it is there, and the broker that it is not."""
        return f"{self._node}/status"

    def start(self, now: datetime) -> list[str]:
        """Power up."""
        self.now = now
        self._mean.begin(now)
        return []

    def attached(self) -> list[str]:
        """The broker is there: announce everything, and tell."""
        self._connected = True
        return [*self._announced(), _frame(self.availability_topic, HERE, True), *self._states()]

    def detached(self) -> None:
        """The broker is away; a limit stays."""
        self._connected = False

    def look(self, now: datetime) -> None:
        """The physics has moved on."""
        self.now = now
        self._steer()

    def advance(self, now: datetime) -> list[str]:
        """Tell what is measured."""
        self.look(now)
        return self._states() if self._connected else []

    def next_change(self) -> datetime | None:
        """Nothing of it ends by itself: it has no timer for a limit."""
        return None

    def receive(self, frame: str) -> list[str]:
        """Take a limit; what is none is passed over, as such devices do."""
        topic, payload, _ = json.loads(frame)
        limit_w = told_number(payload)
        if topic != self.command_topic or not 0 <= limit_w <= self.unit.max_power_w or Way.PASSES_OVER in self.ways:
            return []
        self.limit_w = limit_w
        self._steer()
        return [self._limit_state()]

    def misbehave(self, words: str) -> None:
        """Misbehave from now on as `words` say, in what is announced from the next connection on. Raises `BadInput`."""
        self.ways = ways(words)
        self._steer()

    def _steer(self) -> None:
        """The thermostat heats with what the limit leaves it."""
        target_w: float | None = None
        if self.limit_w < self.unit.max_power_w and Way.HEEDLESS not in self.ways:
            target_w = self.limit_w if wants_power(self.unit) else 0.0
        if target_w != self.unit.target_w:
            self.unit.target_w = target_w

    def _announced(self) -> list[str]:
        state = {"state_topic": f"{self._node}/state"}
        power = {"device_class": "power", "unit_of_measurement": "W", "value_template": "{{ value_json.power }}"}
        if Way.TEMPLATED in self.ways:
            power["value_template"] = "{{ states('sensor.other') | float(0) }}"
        entities: dict[str, tuple[str, dict[str, object]]] = {
            "power": ("sensor", {**power, **state}),
            "energy": ("sensor", {"dev_cla": "energy", "unit_of_meas": "kWh", "val_tpl": "{{ value_json.energy }}", **state}),
            "temperature": (
                "sensor",
                {"dev_cla": "temperature", "unit_of_meas": "°C", "val_tpl": "{{ value_json['room']['t'] | float }}", **state},
            ),
            "limit": (
                "number",
                {"dev_cla": "power", "unit_of_meas": "W", "min": 0, "max": self.unit.max_power_w, "step": 1}
                | {"~": f"{self._node}/limit", "cmd_t": "~/set", "stat_t": "~/state"},
            ),
        }  # fmt: skip
        if Way.AMBIGUOUS in self.ways:
            entities["power_house"] = ("sensor", {**power, **state})
        device = {"ids": [self._node], "name": self.name, "mf": "ILES", "mdl": _MODEL, "sn": self.name}
        return [
            _frame(
                f"{self._prefix}/{component}/{self._node}/{object_id}/config",
                json.dumps(
                    {**told, "avty_t": self.availability_topic, "dev": device, "uniq_id": f"{self._node}-{object_id}"}
                ),
                True,
            )
            for object_id, (component, told) in entities.items()
        ]

    def _states(self) -> list[str]:
        if Way.SILENT in self.ways:
            return []
        power_w: float | str = self._mean.at(self.now)
        temperature: float | str = self.unit.temperature_c
        if Way.KILOWATTS in self.ways and isinstance(power_w, float):
            power_w /= 1000
        if Way.ENDLESS in self.ways:
            power_w = 1e12
        if Way.NOT_A_NUMBER in self.ways:
            power_w, temperature = "nan", "unavailable"
        told = {"power": power_w, "energy": self.unit.energy_import_wh / 1000, "room": {"t": temperature}}
        return [_frame(f"{self._node}/state", json.dumps(told), Way.KEPT in self.ways), self._limit_state()]

    def _limit_state(self) -> str:
        return _frame(f"{self._node}/limit/state", f"{self.limit_w:.10g}", True)


def _frame(topic: str, payload: str, keep: bool) -> str:
    return json.dumps([topic, payload, keep])
