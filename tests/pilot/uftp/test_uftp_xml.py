"""Every message goes over the wire and comes back; the published library, an independent judge, reads the same."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from shapeshifter_uftp import transport

from market import uftp
from market.uftp.exchange import ANSWERED, EXCHANGES, UsefRole, route_of
from pilot.uftp.conversions import NotForUs, NotOnTheWire
from pilot.uftp.library import ROOTS
from pilot.uftp.library import uftp as models
from pilot.uftp.mapping import PAIRS, from_model, to_model
from pilot.uftp.sealing import message_in, sealed, wrapper_of
from pilot.uftp.shapes import SchemaFault
from pilot.uftp.xml import read_xml, write_xml
from tests.worlds import uftp_messages as examples

FAULTS = (SchemaFault, NotForUs)
EXAMPLES = [
    examples.prognosis(), examples.request(), examples.offer(), examples.order(), examples.metering(),
    examples.settlement(),
]  # fmt: skip


@pytest.mark.parametrize("kind", examples.KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_a_message_comes_back_from_its_xml(kind: Any, data: st.DataObject) -> None:
    """Whatever is in its fields that the schema lets through: read again it is equal."""
    message = data.draw(examples.messages(kind))
    assert message_in(write_xml(to_model(message))) == message


@pytest.mark.parametrize("kind", examples.KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=10)
@given(data=st.data())
def test_the_library_reads_what_we_write_and_we_what_it_writes(kind: Any, data: st.DataObject) -> None:
    """Its parser takes our XML, its serializer's XML of that is read here as the same message."""
    message = data.draw(examples.messages(kind))
    # Named, because the library would else look for any dataclass in this process with the element's name, and find ours.
    theirs = transport.parser.from_bytes(write_xml(to_model(message)), type(to_model(message)))
    assert message_in(transport.to_xml(theirs).encode()) == message


def test_the_tables_are_the_librarys() -> None:
    """The same messages, the same answers, the same roles: ours, the library's, and the mapping between them."""
    pairs = {pair.ours: pair.theirs for pair in PAIRS}
    assert set(pairs) == {*EXCHANGES, *ANSWERED}
    assert {*pairs.values(), models.SignedMessage} == set(ROOTS.values())
    assert {pairs[kind]: pairs[row.response] for kind, row in EXCHANGES.items()} == models.request_response_map
    for kind, theirs in pairs.items():
        if theirs in models.routing_map:
            senders, recipients = route_of(kind)
            assert ({str(r) for r in senders}, {str(r) for r in recipients}) == tuple(
                {r} for r in models.routing_map[theirs]
            )


def test_a_settlement_without_orders_and_contracts_is_one() -> None:
    """The specification has none to any number of them; the library's class would refuse it."""
    empty = uftp.FlexSettlement(examples.header("dso.example", "agr.example", 1), examples.DAY, examples.DAY, "EUR", ())
    assert message_in(write_xml(to_model(empty))) == empty
    refused = uftp.FlexSettlementResponse(
        examples.header("a.example", "d.example", 2), examples.number(1), uftp.Result.REJECTED, ()
    )
    assert message_in(write_xml(to_model(refused))) == refused


def test_a_settlement_has_no_result() -> None:
    """It answers nothing: the library's class gives it one, the schema does not."""
    assert b"Result" not in write_xml(to_model(examples.settlement()))


def test_two_spellings_are_read_as_one() -> None:
    """PoweDeficiency in the schema is PowerDeficiency in its text."""
    text = write_xml(to_model(examples.settlement()))
    assert b"PowerDeficiency" in text
    assert message_in(text.replace(b"PowerDeficiency", b"PoweDeficiency")) == examples.settlement()


def test_other_units_than_watts_are_refused() -> None:
    """Unit W says what holds anyway; any other would mean other powers."""
    text = write_xml(to_model(examples.prognosis()))
    assert message_in(text.replace(b"<D-Prognosis ", b'<D-Prognosis Unit="W" ')) == examples.prognosis()
    with pytest.raises(SchemaFault, match="D-Prognosis 'Unit': 'kW'"):
        message_in(text.replace(b"<D-Prognosis ", b'<D-Prognosis Unit="kW" '))


def test_an_offer_of_nothing_and_what_is_ours_alone_stay_unsent() -> None:
    """UFTP has no words for them."""
    from dataclasses import replace

    for message in (replace(examples.offer(), options=()), uftp.IspPower(1, 1)):
        with pytest.raises(NotOnTheWire):
            to_model(message)  # type: ignore[arg-type]


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><TestMessage Version="&d;"/>"""
OUTSIDE = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><TestMessage>&e;</TestMessage>"""
)


@pytest.mark.parametrize(
    "text",
    [b"", b"\x00", b"<", b"no XML", b"<a/>" * 2, BOMB, OUTSIDE, b"<!DOCTYPE TestMessage><TestMessage/>", b"<x>" * 300,
     b"<x>" * 100_000, b"<html/>", b"<TestMessage/>", "<TestMessage/>".encode("utf-16"), b"\xff\xfe<\x00", b"<a xmlns='x'/>",
     b"<?xml version='1.0' encoding='klingon'?><TestMessage/>", b"x" * 8_000_001],
    ids=range(17),
)  # fmt: skip
def test_what_is_no_message_is_refused(text: bytes) -> None:
    """Nothing, no XML, a document type with entities or without, too deep, too long, another root: a fault in a sentence."""
    with pytest.raises(SchemaFault):
        message_in(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'Start="1"', b'Start="one"'), (b'Start="1"', b'Start="1.5"'), (b'Start="1"', '\uff11'.join(['Start="', '"']).encode()),
     (b'Start="1"', b'Start="1_0"'), (b'Start="1"', b'Start="' + b"9" * 400 + b'"'), (b'Start="1"', b""),
     (b'Period="2026-05-21"', b'Period="2026-02-30"'), (b'Period="2026-05-21"', b'Period="21.5.2026"'),
     (b"PT15M", b"P1Y"), (b"PT15M", b"PT"), (b"PT15M", b"15"), (b"Europe/Vienna", b"Vienna"), (b"agr.example", b"AGR"),
     (b"agr.example", b"a"), (b"ea1.2016", b"eb1.2016"), (b"00000000-0000", b"00000000"), (b"10:00:00Z", b"10:00:00"),
     (b"<ISP ", b"text<ISP "), (b"<ISP ", b'<Isp/><ISP '), (b"<ISP ", b'<ISP More="1" '), (b' Revision="1"', b"")],
    ids=range(21),
)  # fmt: skip
def test_what_the_schema_does_not_have_is_refused(old: bytes, new: bytes) -> None:
    """A number that is none, a day, a zone, a domain, an address, an attribute, a child, text; or one left out."""
    text = write_xml(to_model(examples.prognosis()))
    assert old in text
    with pytest.raises(SchemaFault):
        message_in(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [(b'Start="1" Duration="96"', b'Start="1" Duration="1500000"', "ISPs out of bounds"),
     (b'Start="1" Duration="96"', b'Start="2" Duration="96"', "ISPs out of bounds"),
     (b'Start="1" Duration="96"/>', b'Start="1" Duration="96"/><ISP Power="1" Start="9"/>', "ISP conflict"),
     (b"T10:00:00Z", b"T25:61:00Z", "Invalid Message")],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_by_its_reason(old: bytes, new: bytes, reason: str) -> None:
    """As the schema has it, yet no day's ISPs, or no instant: the text is the specification's reason."""
    text = write_xml(to_model(examples.prognosis()))
    assert old in text
    with pytest.raises(NotForUs, match=f"^{reason}: "):
        message_in(text.replace(old, new))


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_broken_xml_is_refused_and_never_crashes(message: Any) -> None:
    """Bytes changed, cut, doubled, swapped: it is read as some message, or refused in one sentence, and nothing else."""
    rng = random.Random(1)
    whole = write_xml(to_model(message))
    for _ in range(300):
        text = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            at, to = sorted(rng.sample(range(len(text)), 2))
            match rng.randrange(4):
                case 0:
                    text[at] = rng.randrange(256)
                case 1:
                    del text[at : min(to, at + 20)]
                case 2:
                    text[at:at] = text[at : min(to, at + 40)]
                case 3:
                    text[at:at] = rng.choice([b"&lt;", b"&x;", b"<!--", b"]]>", b"\x00", b'"', b"9" * 30, b"-"])
        told = _fault_of(bytes(text))
        assert told is None or 0 < len(told) < 1000


def _fault_of(text: bytes) -> str | None:
    try:
        from_model(read_xml(text))
    except FAULTS as fault:
        return str(fault)
    return None


def test_a_wrapper_is_read_strictly() -> None:
    """Role, domain and base 64 as the schema has them; a message without its wrapper is none."""
    from pilot.uftp.sealing import SealingKey

    text = sealed(examples.prognosis(), UsefRole.AGR, SealingKey(bytes(32)))
    assert wrapper_of(text).domain == "agr.example"
    for old, new in ((b'"AGR"', b'"BRP"'), (b"agr.example", b"-"), (b'Body="', b'Body="*'), (b"Body", b"Bode")):
        with pytest.raises(SchemaFault):
            wrapper_of(text.replace(old, new))
    with pytest.raises(SchemaFault, match="expected SignedMessage"):
        wrapper_of(write_xml(to_model(examples.prognosis())))
