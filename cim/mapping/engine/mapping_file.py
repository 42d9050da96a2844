"""Mapping files: YAML checked in full; whatever is wrong is told by line and field."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from cim.mapping.engine.schema import Mapping
from cim.model.errors import BadInput

M = TypeVar("M", bound=BaseModel)
LARGEST = 1_000_000  # characters; aliases are refused, so this bounds what is made of it


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A checked mapping, its text and its version: the first twelve digits of the text's SHA-256."""

    mapping: Mapping
    text: str
    version: str


def read_mapping(text: str, place: str = "mapping") -> MappingFile:
    """A mapping from the text of its file.

    Raises:
        BadInput: no YAML, or a field that is wrong: `FILE, line N, field: what was expected`.
    """
    mapping = checked_yaml(text, Mapping, place)
    return MappingFile(mapping, text, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12])


def checked_yaml(text: str, model: type[M], place: str) -> M:
    """A model from YAML.

    Raises:
        BadInput: as `read_mapping`.
    """
    if len(text) > LARGEST:
        raise BadInput(f"{place}: {len(text)} characters; expected at most {LARGEST}")
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise BadInput(f"{place}, line {line}: aliases (*name) are not taken; write the part out")
        root = yaml.compose(text, yaml.SafeLoader)
        found: object = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{place}, line {line}: no YAML ({error.problem})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"{place}: no YAML ({str(error).splitlines()[0][:200]})") from None
    if root is None or not isinstance(found, dict):
        raise BadInput(f"{place}, line 1: expected fields such as name: and format:")
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise BadInput(_first(error, root, place)) from None
    except RecursionError:
        raise BadInput(f"{place}: nested too deeply") from None


def _first(error: ValidationError, root: yaml.Node, place: str) -> str:
    """The first thing that is wrong, with its line."""
    details = error.errors(include_url=False, include_context=False)
    found = details[0]
    path: list[str] = []
    node = root
    within = re.match(r"Value error, (\w+)\[(\d+)\]", found["msg"])  # what the whole says of one of its parts
    for step in (*found["loc"], *((within[1], int(within[2])) if within else ())):
        inner = _child(node, step)
        if inner is not None:
            node = inner
            path.append(str(step))
    last = str(found["loc"][-1]) if found["loc"] else ""
    if found["type"] == "missing":
        path.append(last)
    field = ".".join(path) or "the whole"
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    what = found["msg"].removeprefix("Value error, ")
    given = (
        ""
        if isinstance(found["input"], dict | list) or found["type"] == "missing"
        else f" {str(found['input'])[:60]!r}"
    )
    return f"{place}, line {node.start_mark.line + 1}, {field}{given}: {what}{more}"


def _child(node: yaml.Node, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child: yaml.Node = node.value[step]
        return child
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                found: yaml.Node = value
                return found
    return None
