"""One building as its broker shows it, without I/O: what it announced, what it told when, and what is meant by it."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TypeVar

from cim.model.readings import Kind, Quality, Reading
from devices.dial_in import strict_json
from devices.mqtt.address import BrokerAddress
from devices.mqtt.discovery import Entity, Maker, NoEntity, config_topics, entities
from devices.mqtt.limiting import MOST_W, WATTS, Limiter, limiter
from devices.port.errors import DeviceFault, DeviceUnreachable
from devices.port.told_number import told_number

T = TypeVar("T")
_STALE_AFTER_S = 1800.0  # of a sensor that does not say how long its state holds
_MOST_ANNOUNCED = 500  # announcements that are kept of one broker
_AHEAD = timedelta(seconds=60)  # a clock may be so far ahead of ours
_WHEN = ("last_seen", "timestamp", "time", "ts")  # in a JSON payload: when it held
_CLASSES: Mapping[Kind, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        Kind.POWER: ("sensor", ("power",)),
        Kind.ENERGY_IMPORT: ("sensor", ("energy",)),
        Kind.TEMPERATURE: ("sensor", ("temperature",)),
        Kind.HUMIDITY: ("sensor", ("humidity",)),
        Kind.OCCUPANCY: ("binary_sensor", ("occupancy", "presence")),
    }
)
# By unit: factor and what is added, then the bounds of what can be true in the unit of the kind.
_UNITS: Mapping[Kind, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        Kind.POWER: {unit: (factor, 0.0) for unit, factor in WATTS.items()},
        Kind.ENERGY_IMPORT: {"Wh": (1.0, 0.0), "kWh": (1e3, 0.0), "MWh": (1e6, 0.0)},
        Kind.TEMPERATURE: {"°C": (1.0, 0.0), "°F": (5 / 9, -160 / 9), "K": (1.0, -273.15)},
        Kind.HUMIDITY: {"%": (1.0, 0.0)},
    }
)
_BOUNDS: Mapping[Kind, tuple[float, float]] = MappingProxyType(
    {
        Kind.POWER: (-MOST_W, MOST_W),
        Kind.ENERGY_IMPORT: (0.0, 1e12),
        Kind.TEMPERATURE: (-60.0, 100.0),
        Kind.HUMIDITY: (0.0, 100.0),
        Kind.OCCUPANCY: (0.0, 1.0),
    }
)
_log = logging.getLogger("iles.devices.mqtt")


@dataclass(frozen=True, slots=True)
class Told:
    """A payload, when it came, and whether the broker had kept it: then it may be of any age."""

    payload: str
    at: datetime
    retained: bool


class Building:
    """What is known of one device behind a broker.

    Args:
        name: the source of its readings; opens the error sentences.
    """

    def __init__(self, name: str, address: BrokerAddress) -> None:
        self.name, self.address = name, address
        self._announced: OrderedDict[str, tuple[Entity, ...]] = OrderedDict()
        self._told: dict[str, Told] = {}
        self._chosen: str | None = None
        self.heard = 0  # announcements so far: who waits for the last of them sees it rest

    # -- the broker's side ---------------------------------------------------------------------------------------------

    @property
    def topics(self) -> tuple[str, ...]:
        """What is to be listened to now."""
        listed = [*config_topics(self.address.prefix)]
        for entity in self._known():
            listed += [entity.state_topic, *(one.topic for one in entity.availability)]
        return tuple(dict.fromkeys(topic for topic in listed if topic))

    def lost(self) -> None:
        """The broker is away: what was told may have changed since, and will be told again."""
        self._told.clear()

    def hear(self, topic: str, payload: bytes, retained: bool, at: datetime) -> None:
        """Take a message. Never raises for what somebody published."""
        prefix = self.address.prefix + "/"
        if topic.startswith(prefix) and topic.endswith("/config"):
            self._announce(topic, payload)
            return
        if topic not in self.topics:
            return
        self._told[topic] = Told(payload[:65_536].decode(errors="replace"), at, retained)

    def _announce(self, topic: str, payload: bytes) -> None:
        self.heard += 1
        try:
            found = entities(self.address.prefix, topic, payload)
        except NoEntity as why:
            _log.info("building %s: %s", self.name, why)
            found = ()
        self._announced.pop(topic, None)
        if found and len(self._announced) < _MOST_ANNOUNCED:
            self._announced[topic] = found

    # -- who is meant --------------------------------------------------------------------------------------------------

    @property
    def announced(self) -> bool:
        """Whether something that could be meant is announced; whether it is the only one is seen when no more comes."""
        return bool(self._known())

    def maker(self) -> Maker:
        """Who it says that it is. Raises `DeviceUnreachable` where nothing is announced, `DeviceFault` where it is not clear."""
        makers = {entity.maker.names[0]: entity.maker for entity in self._all()}
        wanted = self.address.device
        if wanted:
            of = [maker for maker in makers.values() if wanted in maker.names]
            if not of:
                others = ", ".join(sorted(makers)) or "nothing"
                raise DeviceUnreachable(
                    f"building {self.name}: {wanted!r} is not announced at {self.address.where} ({others} is); expected it"
                )
            self._chosen = of[0].names[0]
        elif self._chosen is None:
            if not makers:
                raise DeviceUnreachable(
                    f"building {self.name}: nothing is announced at {self.address.where}; expected sensors under that prefix"
                )
            if len(makers) > 1:
                raise DeviceFault(
                    f"building {self.name}: {len(makers)} devices are announced ({', '.join(sorted(makers))}); "
                    "expected ?device= and which of them"
                )
            self._chosen = next(iter(makers))
        found = makers.get(self._chosen or "")
        if found is None:
            raise DeviceUnreachable(f"building {self.name}: {self._chosen} is announced no more; expected it")
        return found

    def sensor(self, kind: Kind) -> Entity | None:
        """The sensor of a kind; None where it has none. Raises `DeviceFault` where several could be meant."""
        component, classes = _CLASSES[kind]
        units = _UNITS.get(kind)
        wanted = self.address.chosen.get(kind, "")
        found = {
            entity.object_id: entity
            for entity in self._known()
            if entity.component == component
            and entity.device_class in classes
            and entity.state_topic
            and (units is None or entity.unit in units)
            and (wanted or entity.category != "diagnostic")  # the warmth of a chip is no room's
        }
        return self._one(found, wanted, kind.name.lower().removesuffix("_import"))

    def limiter(self) -> Limiter:
        """What takes a limit. Raises `DeviceFault` where it has none, or several."""
        found = {e.object_id: one for e in self._known() if (one := limiter(e, self.address.rated_w)) is not None}
        if not self.address.limit:  # a number says watts itself, the others only by what was said of them
            numbers = {name: one for name, one in found.items() if one.entity.component == "number"}
            found = numbers or found
        chosen = self._one(found, self.address.limit, "limit")
        if chosen is None:
            raise DeviceFault(
                f"building {self.name}: it has nothing that takes a limit and tells its state; expected a number in W or kW, "
                "a select whose options are watts, or a switch and ?rated=WATTS"
            )
        return chosen

    def _one(self, found: Mapping[str, T], wanted: str, option: str) -> T | None:
        names = ", ".join(sorted(found)) or "none"
        if wanted:
            if wanted not in found:
                raise DeviceFault(
                    f"building {self.name}: {option} {wanted!r} is not announced; expected one of {names}"
                )
            return found[wanted]
        if len(found) > 1:
            raise DeviceFault(f"building {self.name}: {names} could all be its {option}; expected ?{option}= and which")
        return next(iter(found.values()), None)

    # -- what it tells -------------------------------------------------------------------------------------------------

    def available(self, entity: Entity) -> bool:
        """Whether its availability topics say that it is there; one without any is, as long as the broker is."""
        said: list[tuple[datetime, bool]] = []
        for one in entity.availability:
            told = self._told.get(one.topic)
            here = told is not None and one.template(told.payload) == one.available
            said.append((told.at if told is not None else datetime.min.replace(tzinfo=UTC), here))
        if not said:
            return True
        if entity.mode == "all":
            return all(here for _, here in said)
        return any(here for _, here in said) if entity.mode == "any" else max(said, key=lambda pair: pair[0])[1]

    def state(self, entity: Entity) -> str | None:
        """The payload that an entity told last."""
        told = self._told.get(entity.state_topic)
        return None if told is None else told.payload

    def reading(self, kind: Kind, entity: Entity | None, now: datetime) -> Reading:
        """What a sensor shows: ABSENT without a word of it or while it is away, INVALID where it cannot be true."""
        told = None if entity is None else self._told.get(entity.state_topic)
        if entity is None or told is None or not self.available(entity):
            return Reading(self.name, kind, 0.0, now, Quality.ABSENT)
        value = _value(kind, entity, told.payload)
        at = _held_at(told)
        if value is None:
            return Reading(self.name, kind, 0.0, at or told.at, Quality.INVALID)
        lasts = entity.expire_after_s or _STALE_AFTER_S
        fresh = at is not None and abs((now - at).total_seconds()) <= lasts
        return Reading(self.name, kind, value, at or told.at, Quality.GOOD if fresh else Quality.STALE)

    def _all(self) -> list[Entity]:
        return [entity for found in self._announced.values() for entity in found]

    def _known(self) -> list[Entity]:
        """Those of the device that is meant, or of all while it is not clear which."""
        wanted = self._chosen or self.address.device
        return [entity for entity in self._all() if not wanted or wanted in entity.maker.names]


def _value(kind: Kind, entity: Entity, payload: str) -> float | None:
    """In the unit of the kind; None where it is no number, or one that nothing real shows."""
    text = entity.read(payload)
    if text is None:
        return None
    if kind is Kind.OCCUPANCY:
        return {entity.words[0]: 1.0, entity.words[1]: 0.0}.get(text)
    number = told_number(text)
    factor, added = _UNITS[kind][entity.unit]
    value = number * factor + added + 0.0
    low, high = _BOUNDS[kind]
    return value if math.isfinite(value) and low <= value <= high else None


def _held_at(told: Told) -> datetime | None:
    """When what was told held; None where nobody knows, as of a retained value that does not say when it was told."""
    said = _said_at(told.payload)
    if said is not None and said <= told.at + _AHEAD:  # a clock further ahead says nothing
        return min(said, told.at)
    return None if told.retained else told.at


def _said_at(payload: str) -> datetime | None:
    try:
        found = strict_json.loads(payload)
    except ValueError:
        return None
    said = next((found[key] for key in _WHEN if key in found), None) if isinstance(found, dict) else None
    try:
        if isinstance(said, str):
            at = datetime.fromisoformat(said)
            return at.astimezone(UTC) if at.tzinfo is not None else None  # without a zone it may be hours off
        if isinstance(said, int | float) and not isinstance(said, bool):
            return datetime.fromtimestamp(said / 1000 if said > 1e11 else said, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
