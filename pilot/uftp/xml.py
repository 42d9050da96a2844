"""XML as anybody may have written it: what is not exactly as the schema has it is refused, whole; and our own.

The library's own parser takes unknown attributes, text where a number belongs and a document type, and its writer needs
7 ms for a day of 96 ISPs where this one needs a fraction of one; so of the library there are the models only.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Final, Protocol
from xml.sax.saxutils import escape

from lxml import etree

from pilot.uftp.library import ROOTS, built, keyword_of
from pilot.uftp.shapes import Attribute, Misfit, SchemaFault, Shape, shape_of

LONGEST: Final = 8_000_000  # bytes of a document
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_HINTS = (f"{_XSI}schemaLocation", f"{_XSI}noNamespaceSchemaLocation")  # where a schema may be found; nobody looks
# The schema of 3.1.0 and its own text spell these in two ways.
_SPELLINGS = {
    "PoweDeficiency": "PowerDeficiency",
    "DSOPortfolioUpdateMessageID": "DSOPortfolioUpdateResponseMessageID",
}
_WATTS = {"Unit": "W"}  # optional in some editions; anything but watts would mean other powers
_UNUSED = ("ServiceType",)
_MOST_SHOWN = 60
_QUOTED = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


class Node(Protocol):
    """An element as lxml has it, which has no types of its own."""

    tag: object
    text: str | None
    tail: str | None
    attrib: Mapping[str, str]

    def items(self) -> list[tuple[str, str]]:
        """Its attributes."""
        ...

    def __iter__(self) -> Iterator[Node]: ...

    def __len__(self) -> int: ...


def read_xml(text: bytes) -> object:
    """The library's model that a document holds.

    Raises:
        SchemaFault: the document is too long, no XML, has a document type, or is not as the schema has it.
    """
    if len(text) > LONGEST:
        raise SchemaFault(f"document: {len(text)} bytes; expected at most {LONGEST}")
    # One for each document: a parser keeps what it saw last. Entities stay what they are, and nothing is fetched.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise SchemaFault(f"document: no XML ({str(error)[:200]})") from error
    if root is None:
        raise SchemaFault("document: nothing in it; expected a message")
    if root.getroottree().docinfo.doctype:
        raise SchemaFault("document: a document type; expected none, as no message has one")
    kind = ROOTS.get(root.tag)
    if kind is None:
        raise SchemaFault(f"root element {_short(root.tag)}; expected a message of Shapeshifter 3.1.0")
    return _read(root, kind)


def _read(element: Node, kind: type) -> object:
    shape = shape_of(kind)
    values, known, left = dict(shape.defaults), shape.attributes, len(shape.required)
    for said, text in element.items():
        attribute = known.get(said)
        if attribute is None and (attribute := _other_spelling(element, said, text, known)) is None:
            continue
        try:
            values[attribute.field] = attribute.read(text)
        except (ValueError, KeyError, binascii.Error) as error:
            raise SchemaFault(f"{element.tag} {said}: {_short(text)}; expected {_expected(error)}") from error
        left -= attribute.required
    if left:
        missing = min(shape.required - {_SPELLINGS.get(said, said) for said in element.attrib})
        raise SchemaFault(f"{element.tag} {missing}: missing; expected it to be given")
    between = element.text
    if between is not None and between.strip():
        raise SchemaFault(f"{element.tag}: text {_short(between.strip())}; expected attributes and elements only")
    if shape.elements or len(element):
        _children(element, shape, values)
    return built(kind, values)


def _other_spelling(element: Node, said: str, text: str, known: Mapping[str, Attribute]) -> Attribute | None:
    """The attribute that is meant by another name; None where it may be passed over."""
    key = _SPELLINGS.get(said, "")
    if key in known and key not in element.attrib:
        return known[key]
    if said in _HINTS or said in _UNUSED or _WATTS.get(said) == text:
        return None
    raise SchemaFault(f"{element.tag} {_short(said)}: {_short(text)}; expected no such attribute")


def _children(element: Node, shape: Shape, values: dict[str, object]) -> None:
    found: dict[str, list[object]] = {key: [] for key in shape.elements}
    for child in element:
        tag, tail = child.tag, child.tail
        if not isinstance(tag, str) or tag not in found:
            raise SchemaFault(f"{element.tag}: child {_short(tag)}; expected {' or '.join(found) or 'none'}")
        if tail is not None and tail.strip():
            raise SchemaFault(f"{element.tag}: text {_short(tail.strip())}; expected elements only")
        found[tag].append(_read(child, shape.elements[tag].kind))
    for key, children in found.items():
        part = shape.elements[key]
        if len(children) < part.least or (not part.many and len(children) > 1):
            count = "at least 1" if part.many else "at most 1"
            raise SchemaFault(f"{element.tag}: {len(children)} children {key}; expected {count}")
        values[part.field] = children if part.many else (children[0] if children else None)


def _short(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= _MOST_SHOWN else shown[: _MOST_SHOWN - 3] + "..."


def _expected(error: Exception) -> str:
    return str(error.args[0]) if type(error) is Misfit else "another value"


def write_xml(model: object) -> bytes:
    """The XML of a model, UTF-8.

    Raises:
        SchemaFault: a field of it is not as the schema has it, for example an EAN.
    """
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n', *_written(model, keyword_of(type(model)))]
    return "".join(parts).encode()


def _written(model: object, name: str) -> Iterator[str]:
    kind: type = type(model)
    shape, values = shape_of(kind), vars(model)
    yield f"<{name}"
    for key, attribute in shape.attributes.items():
        value = values.get(attribute.field)
        if value is None:
            if attribute.required:
                raise SchemaFault(f"{name} {key}: missing; expected it to be given")
            continue
        text = value if isinstance(value, str) and not isinstance(value, Enum) else _text(value)
        try:
            attribute.read(text)
        except (ValueError, KeyError, binascii.Error) as error:
            raise SchemaFault(f"{name} {key}: {_short(text)}; expected {_expected(error)}") from error
        yield f' {key}="{escape(text, _QUOTED)}"'
    if not shape.elements:
        yield "/>"
        return
    yield ">"
    for key, part in shape.elements.items():
        said = values.get(part.field)
        children = said if isinstance(said, list) else [] if said is None else [said]
        if len(children) < part.least:
            raise SchemaFault(f"{name}: {len(children)} children {key}; expected at least {part.least}")
        for child in children:
            yield from _written(child, key)
    yield f"</{name}>"


def _text(value: object) -> str:
    """The lexical form of a value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
