"""Read a site file; tell ALL its faults at once, each with its place, the value and what was expected."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import SafeConstructor

from cim.model.errors import BadInput
from environment.sites.community import COMMUNITY_WORDS
from environment.sites.devices import DEVICE_WORDS
from environment.sites.island_references import islanding_faults
from environment.sites.references import reference_faults
from environment.sites.schema import Site
from environment.sites.shared_plants import modality_faults
from environment.sites.topology import topology_faults

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_FOLDER = Path(__file__).parent
_TAGS = DEVICE_WORDS | COMMUNITY_WORDS


class SiteFaults(BadInput):
    """A site file with faults.

    Attributes:
        faults: one sentence each, `place: value ...: what was expected`.
    """

    def __init__(self, origin: str, faults: tuple[str, ...]) -> None:
        self.origin, self.faults = origin, faults
        plural = "fault" if len(faults) == 1 else "faults"
        super().__init__("\n".join([f"site file {origin} has {len(faults)} {plural}:", *faults]))

    def __reduce__(self) -> tuple[type[SiteFaults], tuple[str, tuple[str, ...]]]:
        """A run's columns are processes of their own: what is wrong with a file must come back from them whole."""
        return SiteFaults, (self.origin, self.faults)


class _KeysOnce(SafeConstructor):
    """YAML that refuses a key given twice, which plain YAML would silently let the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str):
                if key in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"key {key!r} twice", key_node.start_mark)
                seen.add(key)
        mapping: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        return mapping


class _StrictLoader(_KeysOnce, yaml.SafeLoader):
    """Says in Python's words what is wrong."""


class _FastLoader(_KeysOnce, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads a district of a thousand in a second; what it refuses the other one reads again, and says why."""


def strict_yaml(text: str) -> object:
    """What a YAML text says: mappings, lists and plain values.

    Raises:
        BadInput: it is no YAML, or gives a key twice; a sentence that begins with the place.
    """
    try:
        said: object = yaml.load(text, Loader=_FastLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        return _read_slowly(text)
    return said


def _read_slowly(text: str) -> object:
    try:
        said: object = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise BadInput(f"{place}: {error.problem}: expected valid YAML") from error
    except yaml.YAMLError as error:
        raise BadInput(f"the file: {str(error).splitlines()[0]}: expected valid YAML") from error
    return said


def known_sites() -> tuple[str, ...]:
    """The names of the sites that ship with ILES."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def shipped_text(name: str) -> str:
    """The text of a site file that ships with ILES."""
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def load_site(name_or_path: str) -> Site:
    """The site called `name_or_path`, or read from the YAML file at that path.

    Raises:
        BadInput: there is no such site or file.
        SiteFaults: the file is broken; lists every fault.
    """
    shipped = _FOLDER / f"{name_or_path}.yaml"
    path = shipped if name_or_path in known_sites() else Path(name_or_path)
    if not path.is_file():
        raise BadInput(f"site: {name_or_path!r} is unknown; expected {', '.join(known_sites())} or a YAML file's path")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"site: {name_or_path!r} cannot be read ({error}); expected a UTF-8 text file") from error
    return parse_site(text, path.name)


def parse_site(text: str, origin: str) -> Site:
    """The site that `text` (YAML) describes; `origin` names it in errors. Raises `SiteFaults`."""
    return _parsed(text, origin)


@lru_cache(maxsize=4)  # a run asks for its site several times, and a large one takes seconds
def _parsed(text: str, origin: str) -> Site:
    try:
        raw = strict_yaml(text)
    except BadInput as error:
        raise SiteFaults(origin, (str(error),)) from error
    if not isinstance(raw, dict):
        raise SiteFaults(origin, (f"the file: value {_short(raw)}: expected a mapping with the keys of a site",))
    faults: list[str] = []
    site = None
    try:
        site = Site.model_validate(raw)
    except ValidationError as error:
        faults = [_sentence(item) for item in error.errors(include_url=False)]
    faults += reference_faults(raw)
    if site is not None and not faults:
        faults += [*topology_faults(site), *islanding_faults(site), *modality_faults(site)]
    if faults or site is None:
        raise SiteFaults(origin, tuple(faults))
    return site


def _sentence(error: ErrorDetails) -> str:
    """One fault as pydantic gives it: its place in the file, the value, what was expected."""
    place = ""
    for part in error["loc"]:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part not in _TAGS:  # pydantic puts a union's tag into the place
            place += f".{part}" if place else str(part)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{place}: value missing: expected this key to be given"
    if error["type"] == "extra_forbidden":
        return f"{place}: value {_short(error['input'])}: expected no such key"
    if error["type"] == "model_type" and "Rating" in message:
        message = "expected {value: ..., source: <key of sources>} or {value: ..., assumed: true}"
    if not message.startswith("expected"):
        said = message.replace("Input should be", "").replace("String should match pattern", "text that matches")
        message = f"expected {said.strip()}"
    return f"{place}: value {_short(_plain(error['input']))}: {message}"


def _plain(value: object) -> object:
    """A part of a site as the mapping it was read from; anything else as it is."""
    return value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value


def _short(value: object) -> str:
    """The value on at most eighty characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
