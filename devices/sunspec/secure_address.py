"""Where a SunSpec device that speaks Modbus over TLS is: `mbaps://host:port/unit?ca=FILE&certificate=FILE&key=FILE`.

Modbus/TCP Security (MB-TCP-Security v2.1): TLS 1.2 or later, port 802, both sides with a certificate. `ca` is whose signature
the device's certificate has (what the machine trusts, where it is not given), `certificate` and `key` are our own; `meter` and
`sign` are as in an endpoints file.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from cim.model.errors import BadInput
from devices.port.client_tls import client_context
from devices.sunspec.meter_sign import Sign
from devices.sunspec.registers import PATIENCE_S, TcpRegisters

SCHEME, _PORT = "mbaps", 802
_OPTIONS = ("ca", "certificate", "key", "meter", "sign")
_EXPECTED = "expected mbaps://HOST:PORT/UNIT?ca=FILE&certificate=FILE&key=FILE"


@dataclass(frozen=True, slots=True)
class SecureAddress:
    """A device's place, and the files of its certificates ("": not given)."""

    host: str
    port: int
    unit: int
    ca: str
    certificate: str
    key: str
    meter: int
    sign: Sign

    def registers(self, timeout_s: float = PATIENCE_S) -> TcpRegisters:
        """The way to it. Raises `BadInput` for a file that is none."""
        return TcpRegisters(self.host, self.port, self.unit, timeout_s, tls=self.context())

    def context(self) -> ssl.SSLContext:
        """What is asked of the other side, and shown to it. Raises `BadInput` naming the file."""
        return client_context(self.ca, self.certificate, self.key)


def is_secure(url: object) -> bool:
    """Whether this is such an address."""
    return isinstance(url, str) and url.startswith(f"{SCHEME}://")


def secure_address(url: str) -> SecureAddress:
    """The place that a URL names. Raises `BadInput`."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
    except ValueError:
        raise BadInput(f"address: {url!r} is no URL with a port; {_EXPECTED}") from None
    unit = parts.path.strip("/") or "1"
    if parts.scheme != SCHEME or not parts.hostname or parts.username or not (unit.isdecimal() and int(unit) <= 255):
        raise BadInput(f"address: {url!r} is no place of a device; {_EXPECTED}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise BadInput(f"address: option {unknown[0]!r} of {url!r} is not known; expected {', '.join(_OPTIONS)}")
    meter, sign = options.get("meter", "1"), options.get("sign", "found")
    if not (meter.isdecimal() and 1 <= int(meter) <= 99) or sign not in set(Sign):
        raise BadInput(f"address: meter {meter!r}, sign {sign!r} of {url!r}; expected 1 to 99, and taken or given")
    if options.get("key") and not options.get("certificate"):
        raise BadInput(f"address: {url!r} has a key and no certificate; expected both")
    files = (options.get("ca", ""), options.get("certificate", ""), options.get("key", ""))
    return SecureAddress(parts.hostname, port, int(unit), *files, int(meter), Sign(sign))
