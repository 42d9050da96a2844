"""Where a data folder's readings table is: in the folder, or in an S3-compatible store that `DIR/data/storage.yaml` names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import field_validator

from cim.mapping.engine.mapping_file import checked_yaml
from cim.mapping.engine.schema import Strict
from cim.model.errors import BadInput
from cim.model.worded import Worded
from cim.platform.readings.files import Place

_OPTIONS = {"timeout": "30s", "max_retries": "3"}  # of each request; the caller tries again later
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Storage(Strict):
    """`DIR/data/storage.yaml`; the keys are in the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), never in it.

    Attributes:
        readings: the table's own address, which no other folder has: `s3://BUCKET/PATH`.
        endpoint: of a store that is not Amazon's; without TLS on this machine alone.
    """

    readings: Annotated[
        str,
        Worded(
            r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s?#]*[^\s?#/]$",
            "s3://BUCKET/PATH, the bucket in small letters, for example s3://strem-data/readings",
        ),
    ]
    endpoint: str | None = None
    region: Annotated[str, Worded(r"^[a-z0-9-]{1,40}$", "a region such as us-east-1")] = "us-east-1"

    @field_validator("endpoint")
    @classmethod
    def _reached_safely(cls, told: str | None) -> str | None:
        found = urlsplit(told or "https://-")
        if not (
            found.hostname
            and (found.scheme == "https" or (found.scheme, found.hostname in _LOOPBACK) == ("http", True))
        ):
            raise ValueError("expected https://HOST[:PORT], or http:// on this machine")
        return told

    def place(self, lock: Path) -> Place:
        """As tables and queries take it."""
        options = _OPTIONS | {"AWS_REGION": self.region}
        if self.endpoint is not None:
            options["AWS_ENDPOINT_URL"] = self.endpoint
            options["AWS_ALLOW_HTTP"] = str(self.endpoint.startswith("http://")).lower()
        return Place(self.readings, options, lock)


def storage_path(folder: Path) -> Path:
    """Where a run's or site's folder says it."""
    return folder / "data" / "storage.yaml"


def readings_place(folder: Path) -> Place:
    """Where a run's or site's readings table is.

    Raises:
        BadInput: its `storage.yaml` cannot be read, or a field is wrong: file, line and field.
    """
    path = storage_path(folder)
    if not path.exists():
        return Place(str(folder / "data" / "readings"))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"storage: {path} cannot be read ({error}); expected a YAML file") from None
    return checked_yaml(text, Storage, path.name).place(folder / "data" / "readings.writer")


def store_at(folder: Path, storage: Storage) -> None:
    """Say where a folder's readings are to be kept, before there are any.

    Raises:
        BadInput: the folder has readings, says it already, or cannot be made.
    """
    path = storage_path(folder)
    if path.exists() or readings_place(folder).exists():
        raise BadInput(f"storage: {folder} keeps its readings already; expected a folder without")
    lines = [f"{name}: {value}" for name, value in storage.model_dump(exclude_none=True).items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"storage: {path} cannot be written ({error.strerror}); expected a folder with room") from None
