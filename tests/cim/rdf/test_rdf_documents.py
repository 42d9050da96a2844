"""CIM RDF/XML: what is written is read back, files of one model are one model, and outsiders' files are refused in a sentence."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.rdf import reading
from cim.codec.rdf.attributes import CLASSES, Attribute, Shape, attributes
from cim.codec.rdf.reading import CimModel, read_rdf
from cim.codec.rdf.writing import write_rdf
from cim.model.cgmes import Cgmes
from cim.model.der import DERFunction
from cim.model.errors import BadInput
from cim.model.identified import CimValue
from cim.model.metering import UsagePoint
from cim.model.quantities import ActivePower, Voltage
from cim.model.topology import BaseVoltage, SvVoltage, Terminal
from cim.model.wires import ACLineSegment, EnergyConsumer

AT = datetime(2016, 5, 20, tzinfo=UTC)
HEAD = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:cim="http://iec.ch/TC57/2013/CIM-schema-cim16#">'
)


def write(*objects: CimValue, version: Cgmes = Cgmes.V3_0) -> bytes:
    """A document of these objects."""
    return write_rdf(objects, model_id="0", created=AT, version=version)


def read(body: str) -> CimModel:
    """The model of one file with this body."""
    return read_rdf({"grid.xml": f"{HEAD}{body}</rdf:RDF>".encode()})


def _one(kind: str, path: str, text: str) -> bytes:
    """A file of one object that says one attribute."""
    return f'{HEAD}<cim:{kind} rdf:ID="_a"><cim:{path}>{text}</cim:{path}></cim:{kind}></rdf:RDF>'.encode()


def _value(attribute: Attribute) -> st.SearchStrategy[object]:
    finite = st.floats(-1e9, 1e9)
    if attribute.quantity is not None:
        return finite.map(attribute.quantity.of)
    if attribute.choice is not None:
        return st.sampled_from(list[StrEnum](attribute.choice))
    return {
        Shape.TEXT: st.text("abc <>&\"'é0", min_size=1).map(str.strip).filter(bool),
        Shape.WHOLE: st.integers(-1000, 1000),
        Shape.NUMBER: finite,
        Shape.FLAG: st.booleans(),
        Shape.INSTANT: st.datetimes(timezones=st.just(UTC)),
        Shape.REFERENCE: st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True),
    }[attribute.shape]


@st.composite
def objects(draw: st.DrawFn) -> CimValue:
    """Any object that a file can hold."""
    kind = draw(st.sampled_from(list(CLASSES.values())))
    values: dict[str, object] = {"m_rid": draw(st.from_regex(r"[A-Za-z0-9.-]{1,20}", fullmatch=True))}
    for attribute in attributes(kind):
        value = draw(_value(attribute))
        values[attribute.field] = (value,) if attribute.many else value
    return kind.model_validate(values)


@given(objects(), st.sampled_from(Cgmes))
def test_every_class_comes_back(item: CimValue, version: Cgmes) -> None:
    """An object of any class, with every attribute said, is read back as it was."""
    assert list(read_rdf({"x": write(item, version=version)}).objects.values()) == [item]


def test_attributes_stand_under_the_class_that_declares_them() -> None:
    """A line's name, length and resistance stand under three classes, as in the standard."""
    segment = ACLineSegment.model_validate(
        {"m_rid": "l", "name": "L", "length": {"value": 1500}, "r": {"value": 1}, "x": {"value": 2}}
    )
    document = write(segment).decode()
    assert "<cim:IdentifiedObject.name>L<" in document
    assert "<cim:Conductor.length>1.5<" in document
    assert "<cim:ACLineSegment.r>1<" in document


def test_a_group_of_references_is_written_one_by_one() -> None:
    """A usage point of two loads refers to both, and to both again when it is read."""
    point = UsagePoint(m_rid="p", equipments=("a", "b"))
    document = write(point)
    assert document.count(b"UsagePoint.Equipments") == 2
    assert read_rdf({"x": document}).objects["p"] == point


def test_the_same_objects_give_the_same_bytes() -> None:
    """A document is a function of its objects."""
    item = BaseVoltage(m_rid="b", nominal_voltage=Voltage.of(400))
    assert write(item) == write(item)


def test_what_has_no_place_is_not_written() -> None:
    """A class that is no part of a file, an identifier that XML cannot carry and one used twice are refused."""
    with pytest.raises(BadInput, match="DERFunction has no place"):
        write(DERFunction())
    with pytest.raises(BadInput, match="expected letters"):
        write(UsagePoint(m_rid="a b"))
    with pytest.raises(BadInput, match="stands twice"):
        write(UsagePoint(m_rid="a"), UsagePoint(m_rid="a"))


def test_a_text_that_xml_cannot_carry_is_refused() -> None:
    """A control character in a text is told in one sentence, with the attribute and the value; a line break is carried."""
    with pytest.raises(
        BadInput, match=r"IdentifiedObject.description of UsagePoint a: value 'b\\x01': expected"
    ) as caught:
        write(UsagePoint(m_rid="a", description="b\x01"))
    assert "\n" not in str(caught.value)
    item = UsagePoint(m_rid="a", description="two\nlines")
    assert read_rdf({"x": write(item)}).objects["a"] == item


def test_files_of_one_model_add_to_each_other() -> None:
    """The state of a load (rdf:about, SSH) joins its equipment (rdf:ID, EQ), in whichever order the files come."""
    equipment = f'{HEAD}<cim:EnergyConsumer rdf:ID="_load"/></rdf:RDF>'.encode()
    drawn = "<cim:EnergyConsumer.p>0.5</cim:EnergyConsumer.p>"
    state = f'{HEAD}<cim:EnergyConsumer rdf:about="#_load">{drawn}</cim:EnergyConsumer></rdf:RDF>'.encode()
    for files in ({"eq": equipment, "ssh": state}, {"ssh": state, "eq": equipment}):
        assert read_rdf(files).objects["load"] == EnergyConsumer(m_rid="load", p=ActivePower.of(500_000))


def test_unknown_classes_are_counted_and_unknown_attributes_left_out() -> None:
    """What ILES has no class for is counted; an attribute that its class does not have is no fault."""
    model = read(
        '<cim:Diagram rdf:ID="_d"/><cim:SvVoltage rdf:ID="v"><cim:SvVoltage.v>20</cim:SvVoltage.v>'
        "<cim:SvVoltage.x>1</cim:SvVoltage.x>"
        '<cim:SvVoltage.TopologicalNode rdf:resource="#N"/></cim:SvVoltage>'
    )
    assert model.left_out == {"Diagram": 1}
    assert list(model.all(SvVoltage)) == [SvVoltage(m_rid="v", v=Voltage.of(20_000), topological_node="N")]


def test_an_attribute_under_another_class_is_read() -> None:
    """Tools that write `Terminal.sequenceNumber` for `ACDCTerminal.sequenceNumber` are understood."""
    model = read(
        '<cim:Terminal rdf:ID="_t"><cim:Terminal.sequenceNumber>2</cim:Terminal.sequenceNumber>'
        '<cim:Terminal.ConductingEquipment rdf:resource="#_e"/></cim:Terminal>'
    )
    assert model.get(Terminal, "t") == Terminal(m_rid="t", sequence_number=2, conducting_equipment="e")
    assert model.get(BaseVoltage, "t") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected well-formed XML"),
        (b"\xff\xfe<\x00a\x00", "expected UTF-8"),
        (b"<a/>", "expected rdf:RDF"),
        (b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>", "holds no object"),
        (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "expected neither"),
        (f"{HEAD}<cim:Line/></rdf:RDF>".encode(), "neither rdf:ID nor rdf:about"),
        (f'{HEAD}<cim:Line rdf:ID="_a"/><cim:Line rdf:ID="_a"/></rdf:RDF>'.encode(), "stands twice"),
        (f'{HEAD}<cim:BaseVoltage rdf:ID="_a"/></rdf:RDF>'.encode(), "BaseVoltage.nominalVoltage: value 'missing'"),
        (_one("Terminal", "ACDCTerminal.connected", "yes"), "expected true or false"),
        (_one("Terminal", "ACDCTerminal.sequenceNumber", "2.5"), "value '2.5'"),
        (_one("EnergyConsumer", "EnergyConsumer.p", "much"), "'much' is no number; expected one in MW"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(content: bytes, said: str) -> None:
    """Each way in which a file can be wrong has one sentence."""
    with pytest.raises(BadInput, match=said) as caught:
        read_rdf({"grid.xml": content})
    assert "\n" not in str(caught.value)


def test_a_file_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the bound is refused before it is parsed."""
    monkeypatch.setattr(reading, "LARGEST_FILE", 10)
    with pytest.raises(BadInput, match="expected at most 10"):
        read_rdf({"grid.xml": b"<" * 11})


@given(st.integers(0, 2**32))
def test_damaged_files_are_read_or_refused(seed: int) -> None:
    """A file with bytes changed, cut or doubled is read as a model or refused in one line; nothing else happens."""
    item = ACLineSegment.model_validate({"m_rid": "l", "name": "L", "r": {"value": 1}, "x": {"value": 2}})
    damaged = damage(write(item, BaseVoltage(m_rid="b", nominal_voltage=Voltage.of(400))), random.Random(seed))
    try:
        model = read_rdf({"grid.xml": damaged})
    except BadInput as refused:
        said = str(refused)
    else:
        said = f"{len(model.objects)} objects"
    assert said.startswith(("CIM", "ACLineSegment", "1 objects", "2 objects", "0 objects", "3 objects"))
    assert "\n" not in said


def damage(document: bytes, draw: random.Random) -> bytes:
    """`document` with one to five random changes."""
    content = bytearray(document)
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(content) or 1)
        kind = draw.randrange(4)
        if kind == 0 and content:
            content[at] = draw.randrange(256)
        elif kind == 1:
            del content[at : at + draw.randint(1, 40)]
        elif kind == 2:
            content[at:at] = content[at : at + draw.randint(1, 200)]
        else:
            content[at:at] = draw.choice(
                [b"<", b">", b"&x;", b"<!--", b"]]>", b"\x00", b"-1e999", "ü".encode("latin-1")]
            )
    return bytes(content)
