"""What a person asks for on the command line, as a selection of readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from cim.model.errors import BadInput
from cim.model.reading_type import parse_reading_type
from cim.model.readings import Kind as Measured
from cim.platform.documents.kinds import Kind
from cim.platform.documents.store import DocumentStore
from cim.platform.readings.selection import Selection
from cim.platform.readings.storage import readings_place
from cim.platform.readings.windows import zone_of
from cim.platform.site_data import documents_path


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of `iles data query` and `export` say, as texts."""

    meters: Sequence[str] | None = None
    usage_points: Sequence[str] | None = None
    types: Sequence[str] | None = None
    begin: str | None = None
    end: str | None = None
    as_of: str | None = None

    def selection(self, zone: ZoneInfo) -> Selection:
        """As the readings table is asked; instants without a zone are the site's local time.

        Raises:
            BadInput: an instant or a type is none.
        """
        return Selection(
            self.meters or None,
            self.usage_points or None,
            [code_of(name) for name in self.types] if self.types else None,
            _instant("from", self.begin, zone),
            _instant("to", self.end, zone),
            _instant("as-of", self.as_of, zone),
        )


def site_zone(folder: Path) -> ZoneInfo:
    """The time zone of the site whose data folder it is; UTC where data was only taken in from elsewhere.

    Raises:
        BadInput: there is no data, or its documents say nothing of the site.
    """
    if readings_place(folder).exists() and not documents_path(folder).exists():
        return zone_of("UTC")
    documents = DocumentStore(documents_path(folder), read_only=True)
    try:
        found = documents.get(Kind.CONFIGURATION, "site")
    finally:
        documents.close()
    if found is None and readings_place(folder).exists():
        return zone_of("UTC")
    settings = None if found is None or found.body is None else found.body.get("settings")
    if not isinstance(settings, dict) or not isinstance(zone := settings.get("timezone"), str):
        raise BadInput(f"data: {folder} does not say its site's time zone; expected the folder of a finished run")
    return zone_of(zone)


def code_of(name: str) -> str:
    """A reading type's code from a code or from one of ILES' own names, such as `power_w`.

    Raises:
        BadInput: it is neither.
    """
    if name in [measured.value for measured in Measured]:
        return Measured(name).reading_type
    if "." not in name:
        raise BadInput(f"type {name!r}; expected a ReadingType code or one of {', '.join(Measured)}")
    return parse_reading_type(name).code


def _instant(option: str, text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--{option} {text!r}; expected for example 2016-05-20 or 2016-05-20T12:00") from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC)
