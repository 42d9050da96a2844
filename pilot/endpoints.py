"""Where a site's real devices are: the endpoints file, checked whole before anything is dialled.

A YAML file of up to four sections. `sunspec` gives host:port of each SunSpec device and meter (host:port/unit where its Modbus
unit identifier is not 1; of a meter `?meter=2` where the device has several, and `?sign=given` where its power is positive
when it is given to the grid, else that is found from its maker and its counters; by TLS a URL, see
`devices.sunspec.secure_address`); `dial_in` the password of each charging
station and gateway, a salted hash of it, or `certificate`; `mqtt` the URL of the broker of each building without S2 (see
`devices.mqtt.address`), which then is not under `dial_in`; `listen` the host (loopback, unless said) and port where ILES waits
for those that dial in, and for TLS the files `certificate`, `key` and `clients` (the authorities of devices' certificates).
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agents.assembly.device_ports import DIAL_IN, Address
from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from devices.dial_in.passwords import is_hash
from devices.dial_in.tls import TlsFiles
from devices.mqtt.address import broker_address
from devices.sunspec.meter_sign import Sign
from devices.sunspec.secure_address import is_secure, secure_address
from environment.sites.loader import strict_yaml
from environment.sites.schema import Site

LOOPBACK = "127.0.0.1"
_WHERE = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})(/(?P<unit>\d{1,3}))?(?P<options>\?[a-z0-9=&]+)?"
)
_ADDRESS = "expected host:port or host:port/unit, for example 192.168.7.21:502"
_OPTIONS = re.compile(r"\?(meter=(?P<meter>[1-9]\d?))?&?(sign=(?P<sign>taken|given))?")
_OPTION = "expected ?meter=2 or ?sign=given (or taken), or both with & between them"
_SECTIONS = ("listen", "sunspec", "dial_in", "mqtt")
_BY_CERTIFICATE = "certificate"  # in place of a password: security profile 3
_TLS = ("certificate", "key", "clients")
_SHORTEST, _LONGEST = 16, 40  # of a password, signs: OCPP 2.0.1 part 2, A00, security profile 1


class EndpointFaults(BadInput):
    """An endpoints file with faults.

    Attributes:
        faults: one sentence each, `place: value ...: what was expected`; a password is never shown.
    """

    def __init__(self, origin: str, faults: tuple[str, ...]) -> None:
        self.faults = faults
        plural = "fault" if len(faults) == 1 else "faults"
        super().__init__("\n".join([f"endpoints file {origin} has {len(faults)} {plural}:", *faults]))


@dataclass(frozen=True)
class Endpoints:
    """Where the devices are.

    Attributes:
        sunspec: by device, host, port and unit identifier.
        passwords: by device that dials in with one; some may be salted hashes.
        door: host and port where those are let in.
        brokers: by building without S2, the URL of its broker, perhaps with a password.
        by_certificate: the devices that dial in with a certificate instead.
        tls: where the server's certificate is; None without TLS.
    """

    sunspec: dict[str, Address]
    passwords: dict[str, str] = field(repr=False)
    door: tuple[str, int]
    brokers: dict[str, str] = field(repr=False, default_factory=dict)
    by_certificate: tuple[str, ...] = ()
    tls: TlsFiles | None = None


def device_kinds(site: Site) -> dict[str, DeviceKind]:
    """The kind of every device, smart meter and substation meter of a site."""
    kinds = dict.fromkeys(site.meters, DeviceKind.METER)
    return kinds | {p.device_name(d): DeviceKind(d.kind) for p in site.prosumers for d in p.devices}


def wired_kinds(site: Site) -> dict[str, DeviceKind]:
    """The same by the names by which they are reached: a station with several EVSEs once, by its own."""
    kinds = dict.fromkeys(site.meters, DeviceKind.METER)
    return kinds | {p.wire_name(d): DeviceKind(d.kind) for p in site.prosumers for d in p.devices}


def draft_endpoints(
    path: Path,
    served: dict[str, tuple[str, int]],
    dialling: list[str],
    port: int,
    brokers: dict[str, str] | None = None,
) -> None:
    """Write an endpoints file with fresh passwords, readable by its owner only, for devices that are served here.

    Args:
        served: where the SunSpec devices are.
        dialling: the devices that dial in, to loopback and this `port`.
        brokers: by building behind a broker, its URL.

    Raises:
        BadInput: it cannot be written, or is there already.
    """
    content = {
        "listen": {"host": LOOPBACK, "port": port},
        "sunspec": {name: f"{host}:{port}" for name, (host, port) in served.items()},
        "dial_in": {name: secrets.token_urlsafe(18) for name in dialling},
        **({"mqtt": brokers} if brokers else {}),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(content, file, sort_keys=False)
    except OSError as error:
        raise BadInput(f"endpoints: {path} cannot be written ({error}); expected a new file") from error


def load_endpoints(path: Path, site: Site) -> Endpoints:
    """Read and check an endpoints file.

    Raises:
        BadInput: it cannot be read, or others may read the passwords in it.
        EndpointFaults: it does not fit the site; lists every fault.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"endpoints: {path} cannot be read ({error}); expected a UTF-8 text file") from error
    if os.name == "posix" and mode & 0o077:
        raise BadInput(f"endpoints: {path} has mode {mode:04o}, so others may read the passwords in it; expected 0600")
    return parse_endpoints(text, path.name, site, path.parent)


def parse_endpoints(text: str, origin: str, site: Site, folder: Path = Path()) -> Endpoints:
    """The endpoints that `text` (YAML) gives for a site; `origin` names it in errors. Raises `EndpointFaults`.

    Paths in it start from `folder`.
    """
    try:
        raw = strict_yaml(text)
    except BadInput as error:
        raise EndpointFaults(origin, (str(error),)) from error
    if not isinstance(raw, dict):
        raise EndpointFaults(origin, ("the file: value is no mapping: expected the keys listen, sunspec and dial_in",))
    kinds = wired_kinds(site)
    faults = [f"{key}: value given: expected no such key" for key in raw if key not in _SECTIONS]
    sections: dict[str, dict[str, Any]] = {}
    for name in _SECTIONS:
        section = {} if raw.get(name) is None else raw[name]
        if not isinstance(section, dict):
            faults.append(f"{name}: value is no mapping: expected one line for each of its keys")
        sections[name] = section if isinstance(section, dict) else {}
    faults += _misplaced(sections, kinds, site)
    sunspec = _addresses(sections["sunspec"], faults)
    faults += _shared(sunspec, kinds)
    faults += _weak(sections["dial_in"])
    brokers = _brokers(sections["mqtt"], faults)
    dialling = any(kind in DIAL_IN for name, kind in kinds.items() if name not in sections["mqtt"])
    door, tls = _door(sections["listen"], dialling, faults), _tls(sections["listen"], folder, faults)
    by_certificate = tuple(name for name, value in sections["dial_in"].items() if value == _BY_CERTIFICATE)
    if by_certificate and (tls is None or not tls.clients):
        faults.append(
            f"dial_in.{by_certificate[0]}: value 'certificate': expected certificate, key and clients at listen"
        )
    if faults:
        raise EndpointFaults(origin, tuple(faults))
    passwords = {name: value for name, value in sections["dial_in"].items() if name not in by_certificate}
    return Endpoints(sunspec, passwords, door, brokers, by_certificate, tls)


def _misplaced(sections: dict[str, dict[str, Any]], kinds: dict[str, DeviceKind], site: Site) -> Iterator[str]:
    """Devices that are unknown, in the wrong section, in two, or missing."""
    elsewhere = sections["mqtt"]
    named = ((p.device_name(d), p.wire_name(d)) for p in site.prosumers for d in p.devices)
    evses = {name: station for name, station in named if name != station}
    for name in elsewhere:
        if kinds.get(name) is not DeviceKind.GATEWAY:
            some = next((other for other, kind in kinds.items() if kind is DeviceKind.GATEWAY), None)
            yield f"mqtt.{name}: value given: expected a building's gateway of {site.name}" + (
                f", such as {some}" if some else ""
            )
        elif name in sections["dial_in"]:
            yield f"mqtt.{name}: value given: expected it here or under dial_in, not in both"
    for section, other, dials in (("sunspec", "dial_in", False), ("dial_in", "sunspec", True)):
        proper = [name for name, kind in kinds.items() if (kind in DIAL_IN) is dials]
        for name in sections[section]:
            if name not in kinds:
                some = f", for example {proper[0]}" if proper else ""
                if name in evses:
                    some = f"; it is an EVSE of {evses[name]}, which dials in for it"
                yield f"{section}.{name}: value given: expected a device of {site.name}{some}"
            elif name not in proper:
                yield f"{section}.{name}: value given: expected it under {other}, because it is a {kinds[name]}"
        given = (sections[section], sections[other], elsewhere)
        missing = [name for name in proper if not any(name in one for one in given)]
        if missing:
            what = "a password" if dials else "host:port"
            yield f"{section}: value missing for {', '.join(missing)}: expected {what} for each"


def _addresses(section: dict[str, Any], faults: list[str]) -> dict[str, Address]:
    found: dict[str, Address] = {}
    for name, value in section.items():
        if is_secure(value):
            try:
                secure_address(value).context()  # its files, too
            except BadInput as error:
                faults.append(f"sunspec.{name}: {error}")
            else:
                found[name] = value
            continue
        match = _WHERE.fullmatch(value) if isinstance(value, str) else None
        port, unit = (int(match["port"]), int(match["unit"] or 1)) if match else (0, 0)
        if match is None or not 0 < port < 65536 or not 0 <= unit <= 255:
            faults.append(f"sunspec.{name}: value {value!r}: {_ADDRESS}")
        else:
            where = (match["host"].strip("[]"), port, unit)
            options = _OPTIONS.fullmatch(match["options"]) if match["options"] else None
            if match["options"] and options is None:
                faults.append(f"sunspec.{name}: value {value!r}: {_OPTION}")
            found[name] = (
                where if options is None else (*where, int(options["meter"] or 1), Sign(options["sign"] or "found"))
            )
    return found


def _brokers(section: Mapping[str, object], faults: list[str]) -> dict[str, str]:
    for name, value in section.items():
        try:
            if not isinstance(value, str):
                raise BadInput("address: it is no text; expected mqtt://HOST:PORT/PREFIX")
            broker_address(value).context()  # its file, too
        except BadInput as error:
            faults.append(f"mqtt.{name}: {error}")
    return {name: value for name, value in section.items() if isinstance(value, str)}


def _shared(sunspec: dict[str, Address], kinds: dict[str, DeviceKind]) -> Iterator[str]:
    """One owner for each actuator; a meter may be read at the device it is built into."""
    owners: dict[tuple[str, int, int], str] = {}
    for name, where in sunspec.items():
        if kinds.get(name) is DeviceKind.METER:
            continue
        host, port, unit = place = _place(where)
        first = owners.setdefault(place, name)
        if first != name:
            yield f"sunspec.{name}: value '{host}:{port}/{unit}': expected another one than that of {first}"


def _place(where: Address) -> tuple[str, int, int]:
    if isinstance(where, str):
        secure = secure_address(where)
        return secure.host, secure.port, secure.unit
    return where[:3]


def _weak(section: dict[str, Any]) -> Iterator[str]:
    for name, value in section.items():
        if not isinstance(value, str):
            yield f"dial_in.{name}: value is no text: expected a password, in quotes if it looks like a number"
        elif value != _BY_CERTIFICATE and not is_hash(value) and not _SHORTEST <= len(value) <= _LONGEST:
            yield f"dial_in.{name}: value of {len(value)} signs: expected a password of {_SHORTEST} to {_LONGEST}"


def _door(section: dict[str, Any], dialling: bool, faults: list[str]) -> tuple[str, int]:
    host, port = section.get("host", LOOPBACK), section.get("port")
    known = ("host", "port", *_TLS)
    faults += [f"listen.{key}: value given: expected no such key" for key in section if key not in known]
    if not isinstance(host, str) or not host or re.search(r"\s", host):
        faults.append(f"listen.host: value {host!r}: expected an address to listen on, for example {LOOPBACK}")
    if port is None and dialling:
        faults.append("listen.port: value missing: expected the TCP port that stations and gateways dial")
    elif port is not None and (type(port) is not int or not 0 < port < 65536):
        faults.append(f"listen.port: value {port!r}: expected a TCP port, 1 to 65535")
    return str(host), port if type(port) is int else 0


def _tls(section: Mapping[str, object], folder: Path, faults: list[str]) -> TlsFiles | None:
    given = {key: section[key] for key in _TLS if key in section}
    files = {key: folder / value for key, value in given.items() if isinstance(value, str)}
    for key, value in given.items():
        if key not in files or not files[key].is_file():
            faults.append(f"listen.{key}: value {value!r}: expected a PEM file, from the folder of this one")
    lacking = [key for key in _TLS[:2] if key not in given]
    if given and lacking:
        faults.append(f"listen.{lacking[0]}: value missing: expected both certificate and key for TLS")
    if lacking or len(files) < len(given):
        return None
    return TlsFiles(**{key: str(path.resolve()) for key, path in files.items()})
