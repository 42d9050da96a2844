"""A series of readings as a document: what is known of it without reading it, whose it is and where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from cim.model.reading_type import parse_reading_type
from cim.platform.documents.kinds import Body

Series = Mapping[str, str | int | float | datetime]  # a row of `ReadingQueries.series`


class Belongs(NamedTuple):
    """What readings do not say of themselves; see `cim.platform.documents.kinds.Dataset`."""

    owner: str = ""
    kind: str = ""
    place: str = ""


def dataset_of(found: Series, belongs: Belongs) -> tuple[str, Body]:
    """The key and the body of a series' document."""
    point, meter, code = str(found["usage_point"]), str(found["meter"]), str(found["reading_type"])
    what = parse_reading_type(code)
    readings, good, revision = found["readings"], found["good_share"], found["revision"]
    body: Body = {
        "usage_point": point,
        "meter": meter,
        "reading_type": code,
        "quantity": what.kind_name,
        "unit": what.unit_word,
        "first": _instant(found["first"]),
        "last": _instant(found["last"]),
        "readings": int(readings) if isinstance(readings, int) else 0,
        "good_share": float(good) if isinstance(good, int | float) else 0.0,
        "revision": int(revision) if isinstance(revision, int) else 0,
        "owner": belongs.owner,
        "kind": belongs.kind,
        "place": belongs.place,
    }
    return f"{point}/{meter}/{code}", body


def _instant(at: str | int | float | datetime) -> str:
    return at.astimezone(UTC).isoformat() if isinstance(at, datetime) else str(at)
