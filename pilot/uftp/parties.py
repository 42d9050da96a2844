"""Who speaks UFTP with whom: the file of `--uftp`, checked whole before anything listens.

YAML of these sections. `listen`: host, port, and beyond loopback certificate and key (or behind_tls: true). `ours`: the
parties here, each with name, domain, role and key (the file of its private key). `peers`: the parties elsewhere, each
with name, domain, role, url, public_key, and the congestion points it may speak of (all, unless said). `limits`:
retry_hours, per_second, each for one peer. `market`: timezone, isp_minutes, currency and points, where no site gives them.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cim.model.errors import BadInput
from cim.platform.exposure import is_loopback
from environment.sites.loader import strict_yaml
from market.uftp.checks import MarketScope
from market.uftp.exchange import UsefRole
from pilot.uftp.sealing import SealingKey, public_key

PATH = "/shapeshifter/api/v3/message"
_DOMAIN = r"([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}"


class PartyFaults(BadInput):
    """A file of parties with faults.

    Attributes:
        faults: one sentence each, `place: value ...: what was expected`; a private key is never shown.
    """

    def __init__(self, origin: str, faults: tuple[str, ...]) -> None:
        self.faults = faults
        plural = "fault" if len(faults) == 1 else "faults"
        super().__init__("\n".join([f"UFTP file {origin} has {len(faults)} {plural}:", *faults]))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Listen(_Strict):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)]
    certificate: str | None = None
    key: str | None = None
    behind_tls: bool = False


Domain = Annotated[str, Field(pattern=f"^{_DOMAIN}$")]
Role = Literal["AGR", "DSO", "CRO"]


class _Ours(_Strict):
    name: Annotated[str, Field(min_length=1)]
    domain: Domain
    role: Role
    key: str


class _Peer(_Strict):
    name: Annotated[str, Field(min_length=1)]
    domain: Domain
    role: Role
    url: str
    public_key: str
    points: list[str] | None = None


class _Limits(_Strict):
    retry_hours: Annotated[float, Field(ge=1)] = 4.0
    per_second: Annotated[float, Field(gt=0)] = 100.0


class _Market(_Strict):
    timezone: str
    isp_minutes: Annotated[int, Field(ge=1, le=60)] = 15
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    points: list[str]


class _File(_Strict):
    listen: _Listen
    ours: Annotated[list[_Ours], Field(min_length=1)]
    peers: Annotated[list[_Peer], Field(min_length=1)]
    limits: _Limits = _Limits()
    market: _Market | None = None


@dataclass(frozen=True)
class OurParty:
    """A party that speaks here, under its site's name."""

    name: str
    domain: str
    role: UsefRole
    key: SealingKey = field(repr=False)


@dataclass(frozen=True)
class Peer:
    """A party elsewhere.

    Attributes:
        name: what the site calls it.
        points: the congestion points it may speak of; None: all of the market's.
    """

    name: str
    domain: str
    role: UsefRole
    url: str
    public: bytes
    points: frozenset[str] | None = None


@dataclass(frozen=True)
class Listening:
    """Where the route is; `certificate` and `key` are PEM files."""

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    behind_tls: bool


@dataclass(frozen=True)
class Parties:
    """What the file says.

    Attributes:
        retry_for: how long a message is tried again.
        per_second: messages that one peer may send, on average.
        market: None where the site says it.
    """

    listening: Listening
    ours: tuple[OurParty, ...]
    peers: tuple[Peer, ...]
    retry_for: timedelta
    per_second: float
    market: MarketScope | None


def load_parties(path: Path) -> Parties:
    """Read and check the file; keys and certificates stand beside it, by paths relative to it.

    Raises:
        BadInput: it cannot be read, or others may read a private key.
        PartyFaults: lists every other fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"uftp: {path} cannot be read ({error}); expected a UTF-8 text file") from error
    try:
        raw = strict_yaml(text)
    except BadInput as error:
        raise PartyFaults(path.name, (str(error),)) from error
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise PartyFaults(path.name, tuple(_sentences(error))) from error
    folder, faults = path.parent, [*_twice(file), *_doors(file.listen), *_urls(file.peers)]
    ours = [OurParty(p.name, p.domain, UsefRole(p.role), _key(folder / p.key)) for p in file.ours]
    peers: list[Peer] = []
    for index, p in enumerate(file.peers):
        try:
            public = public_key(p.public_key)
        except BadInput as error:
            faults.append(f"peers[{index}].public_key: {error}")
            continue
        points = None if p.points is None else frozenset(p.points)
        peers.append(Peer(p.name, p.domain, UsefRole(p.role), p.url, public, points))
    owners: dict[bytes, str] = {}
    for name, public in [*((p.name, p.key.public) for p in ours), *((p.name, p.public) for p in peers)]:
        first = owners.setdefault(public, name)
        if first != name:
            faults.append(f"key of {name}: the same as that of {first}; expected a key for each party")
    if faults:
        raise PartyFaults(path.name, tuple(faults))
    listen, market = file.listen, file.market
    return Parties(
        Listening(
            listen.host,
            listen.port,
            None if listen.certificate is None else folder / listen.certificate,
            None if listen.key is None else folder / listen.key,
            listen.behind_tls,
        ),
        tuple(ours),
        tuple(peers),
        timedelta(hours=file.limits.retry_hours),
        file.limits.per_second,
        None
        if market is None
        else MarketScope(market.timezone, market.isp_minutes, market.currency, frozenset(market.points)),
    )


def write_key(path: Path) -> bytes:
    """Make a party's private key at random, for its owner only; returns the public half.

    Raises:
        BadInput: there is a file already, or it cannot be written.
    """
    key = SealingKey(os.urandom(32))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{key.text}\n")
    except OSError as error:
        raise BadInput(f"key: {path} cannot be written ({error}); expected a new file") from error
    return key.public


def _key(path: Path) -> SealingKey:
    try:
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text(encoding="ascii").strip()
        raw = base64.b64decode(text, validate=True)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"key: {path} cannot be read ({error}); expected what `iles uftp key` wrote") from error
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"key: {path} is no base 64; expected what `iles uftp key` wrote") from error
    if os.name == "posix" and mode & 0o077:
        raise BadInput(f"key: {path} has mode {mode:04o}, so others may read it; expected 0600")
    return SealingKey(raw)


def _sentences(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in item["loc"]) or "the file"
        yield f"{place}: {item['msg']}"


def _twice(file: _File) -> Iterator[str]:
    parties = [*((p.name, p.domain) for p in file.ours), *((p.name, p.domain) for p in file.peers)]
    for what, values in (("name", [name for name, _ in parties]), ("domain", [domain for _, domain in parties])):
        for value in sorted({value for value in values if values.count(value) > 1}):
            yield f"{what}: {value} is given twice, expected one for each party, here and elsewhere"


def _doors(listen: _Listen) -> Iterator[str]:
    if (listen.certificate is None) is not (listen.key is None):
        yield "listen: certificate or key is missing; expected both or none"
    if not is_loopback(listen.host) and listen.certificate is None and not listen.behind_tls:
        yield f"listen.host: {listen.host!r} without TLS; expected certificate and key, or behind_tls: true"


def _urls(peers: list[_Peer]) -> Iterator[str]:
    for index, peer in enumerate(peers):
        parts = urlsplit(peer.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", peer.url):
            yield f"peers[{index}].url: {peer.url!r}; expected https://HOST{PATH}"
        elif parts.scheme == "http" and not is_loopback(parts.hostname):
            yield f"peers[{index}].url: {peer.url!r} in clear; expected https beyond this machine"
