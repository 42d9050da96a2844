"""OpenAPI: each query that is offered now has an entry of its own, with its parameters and their types."""

from __future__ import annotations

from typing import Final

from cim.platform.access.consents import Purpose
from cim.platform.access.residue import Json
from cim.platform.provisioning.definition import Definition, Parameter
from cim.platform.provisioning.formats import Format
from cim.platform.provisioning.provision import MOST_ROWS
from portal.data import SeeData
from portal.views import ViewError


def query_paths(see: SeeData) -> dict[str, Json]:
    """The paths of the queries of this moment."""
    return {f"/data/q/{one.name}": {"get": _entry(one)} for one in _offered(see)}


PROBLEM: Final[dict[str, Json]] = {
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
}


def _offered(see: SeeData) -> tuple[Definition, ...]:
    try:
        return see().definitions.all()
    except ViewError:  # the site has no data yet, and so no query
        return ()


def _entry(definition: Definition) -> dict[str, Json]:
    purposes: list[Json] = [one.value for one in Purpose]
    formats: list[Json] = [one.value for one in Format]
    page: list[Json] = [
        _query("rows", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 1000}, "Rows of a page."),
        _query("start", {"type": "integer", "minimum": 0, "maximum": 10**9, "default": 0}, "First row of the page."),
        _query("format", {"type": "string", "enum": formats, "default": "json"}, "How the answer is written."),
        _query("purpose", {"type": "string", "enum": purposes}, "What the data is for."),
    ]
    answers: dict[str, Json] = {
        "200": {"description": "The rows.", "content": {form.media_type.split(";")[0]: {} for form in Format}},
        "504": PROBLEM | {"description": "It took too long."},
    }
    own: list[Json] = [_parameter(one) for one in definition.parameters]
    return {
        "summary": definition.title or definition.name,
        "description": f"Over {definition.dataset}; for {', '.join(definition.roles)}. Access policies apply on top.",
        "operationId": f"query_{definition.name}",
        "parameters": [*own, *page],
        "responses": answers,
    }


def _parameter(one: Parameter) -> Json:
    kinds: dict[str, dict[str, Json]] = {
        "text": {"type": "string", "maxLength": 300},
        "texts": {"type": "string", "description": "With commas between."},
        "number": {"type": "number"},
        "integer": {"type": "integer"},
        "instant": {"type": "string", "format": "date-time"},
    }
    return _query(one.name, kinds[one.type], one.says, required=one.default is None)


def _query(name: str, schema: dict[str, Json], says: str, *, required: bool = False) -> dict[str, Json]:
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": says}
