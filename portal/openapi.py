"""The OpenAPI document: every answer that a route may give, the same errors on all of them, and who may call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from cim.platform.access.residue import Json
from portal.errors import Problem
from portal.guard import LARGEST_BODY, OPEN

_ANYWHERE: Final = {
    400: "The request is none that HTTP knows, for example a body in no known character set.",
    422: "A parameter or the body does not fit; the sentence names the field.",
    429: "Asked too often; Retry-After says when to come again.",
    503: "The site cannot answer now.",
}
_GUARDED: Final = {
    401: "Neither a token nor a log-in, or one that does not fit.",
    403: "The caller's role does not open this, or what acts by a log-in does not bring its CSRF token.",
}
_SECURITY: Final[dict[str, Json]] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the operator, of a party, or of a service.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "iles-session",
        "description": "A log-in; over TLS the cookie is __Host-iles-session. What acts brings X-CSRF-Token, too.",
    },
}
More = Callable[[], dict[str, Json]]  # further paths, as they are now


def document_all(app: FastAPI, more: More) -> None:
    """Have the document made anew whenever it is asked for."""

    def document() -> dict[str, Json]:
        whole: dict[str, Json] = get_openapi(title=app.title, version=app.version, routes=app.routes)
        paths, parts = whole.setdefault("paths", {}), whole.setdefault("components", {})
        assert isinstance(paths, dict)  # noqa: S101 - FastAPI makes it so
        assert isinstance(parts, dict)  # noqa: S101
        paths |= more()
        schemas = parts.setdefault("schemas", {})
        assert isinstance(schemas, dict)  # noqa: S101
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = _plain(Problem.model_json_schema())
        parts["securitySchemes"] = _SECURITY
        for path, operation in _operations(paths):
            _hoist(operation, schemas)
            _say_all(path, operation)
        return whole

    app.openapi = document  # type: ignore[method-assign]


def body(model: type[BaseModel]) -> dict[str, Json]:
    """For `openapi_extra` of a route that reads its JSON body itself."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _hoist(operation: dict[str, Json], schemas: dict[str, Json]) -> None:
    """What a body's schema defines beside it is everybody's."""
    found: Json = operation.get("requestBody", {})
    for step in ("content", "application/json", "schema"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    own = found.pop("$defs", {}) if isinstance(found, dict) else {}
    schemas |= own if isinstance(own, dict) else {}


def _operations(paths: dict[str, Json]) -> Iterable[tuple[str, dict[str, Json]]]:
    for path, item in paths.items():
        if isinstance(item, dict):
            yield from ((path, operation) for operation in item.values() if isinstance(operation, dict))


def _say_all(path: str, operation: dict[str, Json]) -> None:
    answers = operation.setdefault("responses", {})
    assert isinstance(answers, dict)  # noqa: S101 - of the document that was just made
    possible = dict(_ANYWHERE)
    if "{" in path or path.startswith("/data/q/"):
        possible[404] = "There is none of this name."
    if "requestBody" in operation:
        possible[413] = f"The body has more than {LARGEST_BODY} bytes."
    if path not in OPEN:
        possible |= _GUARDED
        operation["security"] = [{"token": []}, {"session": []}]
    for status, says in possible.items():
        known = answers.get(str(status))
        # FastAPI describes 422 by a shape that is not ours; a 503 of health has its own.
        if status == 422 or not isinstance(known, dict) or "content" not in known:
            words = known["description"] if isinstance(known, dict) and status != 422 else says
            answers[str(status)] = _problem(words)


def _problem(says: Json) -> Json:
    return {
        "description": says,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _plain(schema: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in schema.items() if name != "$defs"}
