"""A source as its file says it: where the data is, how it is retrieved and when, and by which mapping it is understood."""

from __future__ import annotations

import ipaddress
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AwareDatetime, Field, model_validator

from cim.mapping.engine.mapping_file import MappingFile, checked_yaml, read_mapping
from cim.mapping.engine.schema import Name, Strict
from cim.model.errors import BadInput
from cim.model.worded import Worded
from cim.platform.ingestion.schedule import check_schedule

SourceName = Annotated[
    str,
    Worded(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "letters, digits, . _ -, the first a letter or digit, at most 64"),
]


class Secret(Strict):
    """Where a secret is: an environment variable or a file; never the secret itself."""

    env: Name | None = None
    file: Name | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("one of env and file is expected")
        return self

    def read(self, folder: Path) -> str:
        """The secret; a file's name is beside the source's file.

        Raises:
            BadInput: it is not there.
        """
        if self.env is not None:
            found = os.environ.get(self.env, "")
            if not found:
                raise BadInput(f"secret: the environment variable {self.env} is not set")
            return found
        try:
            return (folder / str(self.file)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise BadInput(f"secret: the file {self.file} cannot be read") from None


class Key(Strict):
    """An API's key, sent in a header or in the query."""

    header: Name | None = None
    query: Name | None = None
    secret: Secret

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.header is None) == (self.query is None):
            raise ValueError("one of header and query is expected")
        return self


class OAuth(Strict):
    """OAuth 2.0 client credentials (RFC 6749, 4.4)."""

    token_url: Name
    client_id: Name
    secret: Secret
    scope: str = ""


class Files(Strict):
    """Files of a folder: a path, or a pattern such as `incoming/*.csv`; beside the source's file where it is relative."""

    kind: Literal["files"]
    path: Name


class Http(Strict):
    """An HTTP API, asked by GET.

    Attributes:
        query: its values may hold `{begin}` and `{end}`, the window that is asked for, written as `times` says.
        times: `iso` (UTC), `epoch_s`, `epoch_ms` or for example `%Y-%m-%d` (of the source's zone).
        look_back_h: of the first poll; `overlap_h`: what each further poll asks for again, for what comes late.
    """

    kind: Literal["http"]
    url: Name
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    times: str = "iso"
    key: Key | None = None
    oauth: OAuth | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    max_mb: Annotated[float, Field(gt=0, le=2000)] = 50.0
    look_back_h: Annotated[float, Field(gt=0, le=24 * 366)] = 24.0
    overlap_h: Annotated[float, Field(ge=0, le=24 * 366)] = 0.0

    @model_validator(mode="after")
    def _safe(self) -> Self:
        addresses = [self.url] + ([self.oauth.token_url] if self.oauth else [])
        secret = self.key is not None or self.oauth is not None
        for address in addresses:
            _check_address(address, secret)
        return self


class ThirdParty(Http):
    """Somebody else's data, over HTTP: whose it is and under which terms stands beside it."""

    kind: Literal["third_party"]  # type: ignore[assignment]
    owner: Name
    terms: Name


class Push(Strict):
    """Deliveries that others hand in."""

    kind: Literal["push"]
    max_mb: Annotated[float, Field(gt=0, le=2000)] = 50.0


class DeviceStream(Strict):
    """Records of device connectors, as they come."""

    kind: Literal["device_stream"]
    max_mb: Annotated[float, Field(gt=0, le=2000)] = 50.0


class BackFill(Strict):
    """A stretch of the past, asked for in steps."""

    begin: AwareDatetime
    end: AwareDatetime
    step_h: Annotated[float, Field(ge=1, le=24 * 366)] = 24.0

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end <= self.begin:
            raise ValueError(f"end {self.end} is not after begin {self.begin}")
        return self


Origin = Annotated[Files | Http | ThirdParty | Push | DeviceStream, Field(discriminator="kind")]


class Source(Strict):
    """A source.

    Attributes:
        retrieval: `poll` by `schedule`, `once`, `backfill`, or `push` where others hand it in.
        schedule: cron words (minute hour day month weekday) on the run's own clock, in `zone`.
        mapping: a file's name, beside the source's.
    """

    name: SourceName
    origin: Origin = Field(alias="from")
    retrieval: Literal["push", "poll", "once", "backfill"]
    schedule: str | None = None
    zone: str = "UTC"
    mapping: Name
    backfill: BackFill | None = None

    @model_validator(mode="after")
    def _holds(self) -> Self:
        handed_in = isinstance(self.origin, Push | DeviceStream)
        if handed_in != (self.retrieval == "push"):
            raise ValueError(f"retrieval {self.retrieval} does not go with a source of kind {self.origin.kind}")
        if (self.schedule is not None) != (self.retrieval == "poll"):
            raise ValueError("schedule: expected where retrieval is poll, and nowhere else")
        if (self.backfill is not None) != (self.retrieval == "backfill"):
            raise ValueError("backfill: expected where retrieval is backfill, and nowhere else")
        if self.retrieval == "backfill" and not isinstance(self.origin, Http):
            raise ValueError("retrieval backfill needs an HTTP source; files are taken whole, by once")
        check_schedule(self.schedule, self.zone)
        return self


class ConfiguredSource(Strict):
    """A source with its mapping and the folder its names are relative to.

    Attributes:
        text, mapping_text: as the files say them.
    """

    source: Source
    text: str
    mapping_text: str
    folder: Path

    @property
    def mapping(self) -> MappingFile:
        """The mapping, checked."""
        return read_mapping(self.mapping_text, self.source.mapping)


def configured(text: str, mapping_text: str, folder: Path, place: str = "source") -> ConfiguredSource:
    """A source from the texts of its two files.

    Raises:
        BadInput: names file, line and field.
    """
    source = checked_yaml(text, Source, place)
    read_mapping(mapping_text, source.mapping)
    return ConfiguredSource(source=source, text=text, mapping_text=mapping_text, folder=folder)


def read_source(path: Path) -> ConfiguredSource:
    """A source from its file, with the mapping beside it.

    Raises:
        BadInput: a file is not there, or names file, line and field.
    """
    text = _text(path)
    source = checked_yaml(text, Source, str(path))
    mapping_path = path.parent / source.mapping
    mapping_text = _text(mapping_path)
    read_mapping(mapping_text, str(mapping_path))
    return ConfiguredSource(source=source, text=text, mapping_text=mapping_text, folder=path.parent.absolute())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no UTF-8 text"
        raise BadInput(f"{path} cannot be read: {reason}") from None


def _check_address(address: str, secret: bool) -> None:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(
            f"{address!r} is no address; expected for example https://api.example.org/v1/readings"
        ) from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError(f"{address!r} is no address; expected for example https://api.example.org/v1/readings")
    if parts.username or parts.password:
        raise ValueError("the address holds a user or password; expected key or oauth with a secret beside it")
    if secret and parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"{address!r} would send a secret unencrypted; expected https")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def written(at: datetime, times: str, zone: str) -> str:
    """An instant as an API wants it in its query."""
    from zoneinfo import ZoneInfo

    if times == "iso":
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if times in {"epoch_s", "epoch_ms"}:
        return str(int(at.timestamp() * (1000 if times == "epoch_ms" else 1)))
    return at.astimezone(ZoneInfo(zone)).strftime(times)
