"""Where a building's broker is, and which of what it announces there is meant: a URL, `mqtt://host:port/prefix?options`.

`mqtts://` is TLS, and the broker's certificate is always checked; user and password stand before the host (a password never
crosses the net in clear); the prefix is that of discovery (Home Assistant's own is `homeassistant`). Options: `ca` (the file of
the authorities whose signature the broker's certificate has; what the machine trusts, where it is not given), `device` (an
identifier or the name that it announces, where the broker has several), `power`, `energy`, `temperature`, `humidity`,
`occupancy`, `limit` (the object id of the entity that is meant, where there are several), `rated` (the watts that a switch or
a share of a select stands for).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

from cim.model.errors import BadInput
from cim.model.readings import Kind
from cim.platform.exposure import is_loopback
from devices.port.client_tls import client_context

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_CHOICES = {
    "power": Kind.POWER,
    "energy": Kind.ENERGY_IMPORT,
    "temperature": Kind.TEMPERATURE,
    "humidity": Kind.HUMIDITY,
    "occupancy": Kind.OCCUPANCY,
}
_OPTIONS = ("device", *_CHOICES, "limit", "rated", "ca")
_EXPECTED = "expected mqtt://HOST:PORT/PREFIX such as mqtt://127.0.0.1:1883/homeassistant (mqtts: by TLS)"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A building's place.

    Attributes:
        prefix: of the discovery topics.
        device: which of those that are announced; "" where there is one.
        chosen: by kind of reading, the object id of the sensor that is meant.
        limit: the object id of what limits it; "" where there is one.
        rated_w: what it draws at most; 0 where nobody said.
        ca: PEM file of the authorities that are trusted; "": those of the machine.
    """

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None = field(repr=False)
    prefix: str
    device: str = ""
    chosen: Mapping[Kind, str] = field(default_factory=lambda: MappingProxyType({}))
    limit: str = ""
    rated_w: int = 0
    ca: str = ""

    @property
    def where(self) -> str:
        """For sentences: without the password."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}/{self.prefix}"

    def context(self) -> ssl.SSLContext | None:
        """What is asked of the broker; None without TLS. Raises `BadInput` where the file of the authorities is none."""
        return client_context(self.ca) if self.tls else None


def broker_address(url: str) -> BrokerAddress:
    """The place that a URL names. Raises `BadInput`, which never shows a password."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise BadInput(f"address: it is no URL with a port; {_EXPECTED}") from None
    shown = f"{parts.scheme}://{parts.hostname or ''}:{port}{parts.path}"
    prefix = unquote(parts.path.strip("/"))
    if parts.scheme not in _PORTS or not parts.hostname or parts.fragment:
        raise BadInput(f"address: {shown!r} is no place of a broker; {_EXPECTED}")
    if not re.fullmatch(r"[A-Za-z0-9_/-]{1,100}", prefix):
        raise BadInput(f"address: {shown!r} has the prefix {prefix!r}; {_EXPECTED}")
    tls = parts.scheme == "mqtts"
    if parts.password and not tls and not is_loopback(parts.hostname):
        raise BadInput(f"address: the password would cross the net in clear to {parts.hostname}; expected mqtts://")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise BadInput(f"address: option {unknown[0]!r} of {shown!r} is not known; expected {', '.join(_OPTIONS)}")
    if "ca" in options and not (tls and options["ca"]):
        raise BadInput(f"address: ca {options['ca']!r} of {shown!r}; expected a PEM file, and mqtts://")
    rated = options.get("rated", "0")
    if not (rated.isdecimal() and len(rated) <= 7 and int(rated) <= 1_000_000):
        raise BadInput(f"address: rated {rated!r} of {shown!r}; expected watts, 1 to 1000000")
    return BrokerAddress(
        parts.hostname,
        port,
        tls,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        prefix,
        options.get("device", ""),
        MappingProxyType({kind: options[name] for name, kind in _CHOICES.items() if options.get(name)}),
        options.get("limit", ""),
        int(rated),
        options.get("ca", ""),
    )
