"""CIM RDF/XML to objects: any number of files that together are one model (EQ, SSH, TP, SV, ...), of any CIM version.

A file comes from outside: no entity is resolved, nothing is fetched, and its size is bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError

from cim.codec.rdf.attributes import CLASSES, Attribute, Shape, attributes
from cim.codec.rdf.names import RDF
from cim.model.errors import BadInput
from cim.model.identified import CimValue

LARGEST_FILE = 64 * 1024 * 1024
_T = TypeVar("_T", bound=CimValue)


@dataclass
class _Raw:
    """An object as its files say it, before its class is asked: texts and references by attribute name without class."""

    kind: str
    origin: str
    said: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class CimModel:
    """The objects of a model by mRID; `left_out` counts objects of classes that ILES does not know."""

    objects: Mapping[str, CimValue]
    left_out: Mapping[str, int]

    def all(self, *kinds: type[_T]) -> Iterator[_T]:
        """The objects of these classes, in the files' order."""
        for item in self.objects.values():
            if isinstance(item, kinds):
                yield item

    def get(self, kind: type[_T], identifier: str | None) -> _T | None:
        """The object `identifier` if there is one of class `kind`."""
        found = self.objects.get(identifier) if identifier else None
        return found if isinstance(found, kind) else None


def read_rdf(files: Mapping[str, bytes]) -> CimModel:
    """The model in `files` (their contents by name).

    Raises:
        BadInput: a file is no CIM RDF/XML, or what it says does not fit the standard; one sentence.
    """
    raw: dict[str, _Raw] = {}
    for name, content in files.items():
        _collect(name, content, raw)
    if not raw:
        raise BadInput(f"CIM file {', '.join(files) or '(none)'}: holds no object; expected CIM RDF/XML")
    left_out = Counter(item.kind for item in raw.values() if item.kind not in CLASSES)
    objects = {key: _typed(key, item) for key, item in raw.items() if item.kind in CLASSES}
    return CimModel(objects, dict(left_out))


def _collect(name: str, content: bytes, raw: dict[str, _Raw]) -> None:
    """Add the objects of one file; `rdf:about` adds to an object that another file defines."""
    from lxml import etree

    if len(content) > LARGEST_FILE:
        raise BadInput(f"CIM file {name}: has {len(content)} bytes; expected at most {LARGEST_FILE}")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in content[:200]:
        raise BadInput(f"CIM file {name}: is not UTF-8; expected UTF-8, as IEC 61970-552 has it")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise BadInput(f"CIM file {name}: declares a document type or entities; expected neither")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadInput(f"CIM file {name}: {str(error).splitlines()[0][:200]}; expected well-formed XML") from error
    if root.tag != f"{{{RDF}}}RDF":
        raise BadInput(f"CIM file {name}: its root is {root.tag[:80]!r}; expected rdf:RDF")
    cim = root.nsmap.get("cim")
    for element in root:
        namespace, _, kind = str(element.tag).rpartition("}")
        if namespace[1:] != cim:
            continue  # the header, and what tools add of their own
        defined, about = element.get(f"{{{RDF}}}ID"), element.get(f"{{{RDF}}}about")
        identifier = _identifier(defined or about or "")
        if not identifier:
            raise BadInput(f"CIM file {name}: a {kind} has neither rdf:ID nor rdf:about; expected one of them")
        if defined and identifier in raw and raw[identifier].origin != "":
            raise BadInput(f"CIM file {name}: rdf:ID {identifier[:60]!r} stands twice; expected every ID once")
        item = raw.setdefault(identifier, _Raw(kind, ""))
        if defined:
            item.kind, item.origin = kind, name
        for child in element:
            local = str(child.tag).rpartition("}")[2].rpartition(".")[2]
            resource = child.get(f"{{{RDF}}}resource")
            item.said.setdefault(local, []).append((child.text or "").strip() if resource is None else resource)


def _identifier(text: str) -> str:
    """An identifier as `rdf:ID`, `rdf:about` or `rdf:resource` writes it, without what marks it."""
    return text.removeprefix("#").removeprefix("urn:uuid:").removeprefix("_")


def _typed(key: str, item: _Raw) -> CimValue:
    kind = CLASSES[item.kind]
    values: dict[str, object] = {"m_rid": key}
    for attribute in attributes(kind):
        said = item.said.get(attribute.local)
        if said:
            try:
                read = tuple(_value(attribute, text) for text in said)
            except ValueError as error:
                raise BadInput(_fault(key, item, attribute.path, said[0], str(error))) from error
            except BadInput as error:
                raise BadInput(f"CIM {item.kind} {key[:60]}, {attribute.path}: {error}") from error
            values[attribute.field] = read if attribute.many else read[-1]
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = next((a.path for a in attributes(kind) if a.field == first["loc"][0]), str(first["loc"][0]))
        said_text = (item.said.get(path.rpartition(".")[2]) or ["missing"])[0]
        raise BadInput(_fault(key, item, path, said_text, first["msg"])) from error


def _fault(key: str, item: _Raw, path: str, said: str, expected: str) -> str:
    return f"CIM {item.kind} {key[:60]}, {path}: value {said[:60]!r}: {' '.join(expected.split())[:160]}"


def _value(attribute: Attribute, text: str) -> object:
    """What one text or resource says; ValueError or BadInput where it does not fit."""
    if attribute.shape is Shape.REFERENCE:
        return _identifier(text)
    if attribute.quantity is not None:
        return attribute.quantity.from_file(text)
    if attribute.choice is not None:
        return attribute.choice(text.rpartition("#")[2].rpartition(".")[2])
    if attribute.shape is Shape.FLAG:
        if text.lower() not in ("true", "false"):
            raise ValueError("expected true or false")
        return text.lower() == "true"
    if attribute.shape is Shape.WHOLE:
        return int(text)
    if attribute.shape is Shape.NUMBER:
        return float(text)
    return text
