"""Objects to CIM RDF/XML: one document, a header (61970-552 FullModel), then every object with its attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

from cim.codec.rdf.attributes import CLASSES, Attribute, Shape, attributes
from cim.codec.rdf.names import MD, PROFILES, RDF
from cim.model.cgmes import Cgmes
from cim.model.errors import BadInput
from cim.model.identified import CimValue
from cim.model.quantities import Quantity

_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,199}")


def write_rdf(objects: Iterable[CimValue], *, model_id: str, created: datetime, version: Cgmes) -> bytes:
    """The document of `objects`, UTF-8, the same bytes for the same objects.

    Args:
        objects: of the classes in `CLASSES`, each with an `m_rid` of its own.
        model_id: the model's UUID, for its header.
        created: when the model was so.
        version: which namespace and profiles the header names.

    Raises:
        BadInput: an object of another class, an identifier or a text that XML cannot carry, or an identifier used twice.
    """
    from lxml import etree

    cim = version.namespace
    root = etree.Element(f"{{{RDF}}}RDF", nsmap={"rdf": RDF, "cim": cim, "md": MD})
    header = etree.SubElement(root, f"{{{MD}}}FullModel", {f"{{{RDF}}}about": f"urn:uuid:{model_id}"})
    stamp = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, text in [("created", stamp), ("scenarioTime", stamp), ("version", "1")]:
        etree.SubElement(header, f"{{{MD}}}Model.{name}").text = text
    etree.SubElement(header, f"{{{MD}}}Model.modelingAuthoritySet").text = "ILES"
    for profile in PROFILES[version]:
        etree.SubElement(header, f"{{{MD}}}Model.profile").text = profile
    seen: set[str] = set()
    for item in objects:
        kind = type(item)
        identifier = str(getattr(item, "m_rid", ""))
        if CLASSES.get(kind.__name__) is not kind:
            raise BadInput(f"CIM file: a {kind.__name__} has no place in it; expected one of {', '.join(CLASSES)}")
        if not _IDENTIFIER.fullmatch(identifier):
            raise BadInput(f"CIM file: mRID {identifier[:60]!r} of a {kind.__name__}: expected letters, digits, . _ -")
        if identifier in seen:
            raise BadInput(f"CIM file: mRID {identifier!r} stands twice; expected every mRID once")
        seen.add(identifier)
        element = etree.SubElement(root, f"{{{cim}}}{kind.__name__}", {f"{{{RDF}}}ID": f"_{identifier}"})
        if "name" in kind.model_fields:
            etree.SubElement(element, f"{{{cim}}}IdentifiedObject.mRID").text = identifier
        for attribute in attributes(kind):
            for said, resource in _values(attribute, getattr(item, attribute.field), cim):
                target = {f"{{{RDF}}}resource": resource} if resource else {}
                try:
                    etree.SubElement(element, f"{{{cim}}}{attribute.path}", target).text = said
                except ValueError as error:
                    text = repr((said or "")[:60])
                    place = f"CIM file: {attribute.path} of {kind.__name__} {identifier[:60]}"
                    raise BadInput(f"{place}: value {text}: expected characters that XML can carry") from error
    document: bytes = etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="utf-8")
    return document


def _values(attribute: Attribute, value: object, cim: str) -> Iterable[tuple[str | None, str | None]]:
    """(text, resource) for each time the attribute stands in the file."""
    if value is None:
        return
    for one in value if isinstance(value, tuple) else (value,):
        if attribute.shape is Shape.REFERENCE:
            yield None, f"#_{one}"
        elif isinstance(one, StrEnum):
            yield None, f"{cim}{type(one).__name__}.{one.value}"
        elif isinstance(one, Quantity):
            yield one.to_file(), None
        elif isinstance(one, bool):
            yield ("true" if one else "false"), None
        elif isinstance(one, datetime):
            yield one.astimezone(UTC).isoformat().replace("+00:00", "Z"), None
        else:
            yield (repr(one) if isinstance(one, float) else str(one)), None
