"""What arrives is taken once, or refused for the reason that the specification has for it; whoever sent it, and why."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from market import uftp
from market.uftp.exchange import UsefRole, asked_by, plain_response
from pilot.uftp.mapping import to_model
from pilot.uftp.sealing import SealingKey, sealed, wrapper_of
from pilot.uftp.xml import write_xml
from tests.worlds import uftp_messages as examples
from tests.worlds.uftp_parties import KEYS, Desk, at, body

ACCEPTED, REJECTED = uftp.Result.ACCEPTED, uftp.Result.REJECTED
AGR, DSO, CRO = examples.AGR, examples.DSO, examples.CRO


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """The DSO's."""
    return Desk(tmp_path)


def taken(desk: Desk) -> list[Any]:
    """What waits for the parties here."""
    return [message for _, message in desk.log.unhanded()]


def test_a_message_is_taken_and_left_to_its_party(desk: Desk) -> None:
    """200, durable, no answer from here: the party's own comes later."""
    verdict = desk.hear(body(examples.prognosis()))
    assert (verdict.status, verdict.answer) == (200, None)
    assert taken(desk) == [examples.prognosis()]


def test_a_test_is_answered_here(desk: Desk) -> None:
    """TestMessageResponse, in the same conversation, Accepted."""
    header = examples.header(AGR, DSO, 70)
    verdict = desk.hear(body(uftp.TestMessage(header)))
    assert verdict.answer is not None
    to, answer = verdict.answer
    assert to == AGR
    assert isinstance(answer, uftp.TestMessageResponse)
    assert (answer.result, answer.header.conversation_id) == (ACCEPTED, header.conversation_id)


def test_a_message_that_comes_again_is_a_success_and_is_handled_once(desk: Desk) -> None:
    """Same MessageID and content: Accepted, Already Submitted; also after a restart, also when it has expired meanwhile."""
    text = body(examples.prognosis())
    desk.hear(text)
    for _ in range(2):
        assert desk.answer(text) == (ACCEPTED, "Already Submitted")
        desk.restart(timedelta(hours=30))
    assert len(taken(desk)) == 1


def test_another_content_under_the_same_identifier_is_refused(desk: Desk) -> None:
    """Duplicate Identifier, also after a restart; the first one stands."""
    desk.hear(body(examples.prognosis()))
    desk.restart()
    result, reason = desk.answer(body(examples.prognosis(power_w=-1)))
    assert (result, reason) == (REJECTED, f"Duplicate Identifier: {examples.number(1)} was used for another message")
    assert taken(desk) == [examples.prognosis()]


def test_identifiers_are_each_senders_own(desk: Desk) -> None:
    """Nobody can use up another's: what AGR says under the CRO's number is taken."""
    desk.hear(body(uftp.TestMessage(examples.header(CRO, DSO, 1))))
    desk.hear(body(examples.prognosis(1)))
    assert examples.prognosis(1) in taken(desk)


def test_a_rejection_stands_when_the_message_comes_again(desk: Desk) -> None:
    """What was refused is not accepted by saying it twice."""
    text = body(replace(examples.prognosis(), isp_minutes=30))
    first, again = desk.answer(text), desk.answer(text)
    assert first == again == (REJECTED, "ISP duration rejected: PT30M, expected PT15M")
    assert taken(desk) == []


@pytest.mark.parametrize("hours", [-49, 1])
def test_what_is_too_old_or_of_the_future_is_refused(desk: Desk, hours: int) -> None:
    """Beyond what is remembered nobody knows whether it was handled; ahead of our clock it could be kept for later."""
    result, reason = desk.answer(body(at(examples.NOON + timedelta(hours=hours), examples.prognosis())))
    assert result is REJECTED
    assert str(reason).startswith("Invalid Message: TimeStamp ")


def test_what_was_forgotten_cannot_be_said_again(desk: Desk) -> None:
    """A replay after the log has dropped its identifier is too old by then."""
    text = body(examples.prognosis())
    desk.hear(text)
    desk.log.handed([1])
    desk.restart(timedelta(days=41))
    desk.log.prune(replace(desk.instants(), here=desk.now - timedelta(days=40), wall=desk.now))
    assert desk.log.counts()["came"] == 0
    result, reason = desk.answer(text)
    assert result is REJECTED
    assert "too old" in str(reason)


def test_a_message_for_another_is_refused(desk: Desk) -> None:
    """Sealed by its sender, carried to the wrong recipient: Unknown RecipientDomain; to the wrong role: Invalid Message."""
    for_agr = examples.request()  # DSO to AGR, heard at CRO's
    cro = Desk(desk.path.parent / "cro", CRO)
    assert cro.answer(body(for_agr)) == (REJECTED, "Unknown RecipientDomain: agr.example, expected cro.example")
    misled = replace(examples.prognosis(), header=examples.header(AGR, CRO, 9))
    assert cro.answer(body(misled)) == (REJECTED, "Invalid Message: DPrognosis to role CRO, expected DSO")


def test_a_message_sealed_anew_by_another_is_refused(desk: Desk) -> None:
    """By a peer under its own name: Mismatch SenderDomain; under the sender's name: 401; by somebody unknown: 419."""
    own = sealed(examples.prognosis(), UsefRole.AGR, KEYS[CRO])
    as_cro = own.replace(b'SenderDomain="agr.example"', b'SenderDomain="cro.example"').replace(b'"AGR"', b'"CRO"')
    result, reason = desk.answer(as_cro)
    assert result is REJECTED
    assert str(reason).startswith("Mismatch SenderDomain: agr.example in the message, expected cro.example")
    assert desk.hear(body(examples.prognosis(), KEYS[CRO])).status == 401
    stranger = own.replace(b'SenderDomain="agr.example"', b'SenderDomain="who.example"')
    assert desk.hear(stranger).status == 419
    assert taken(desk) == []
    assert desk.answer(body(examples.prognosis())) == (None, None)  # nobody has used its identifier up


def test_a_role_says_only_what_is_its_own(desk: Desk) -> None:
    """A key is of a domain and a role; another role's key is unknown, another role's message invalid."""
    assert desk.hear(body(examples.prognosis(), role=UsefRole.DSO)).status == 419
    wrong = replace(examples.request(), header=examples.header(AGR, DSO, 5))
    result, reason = desk.answer(body(wrong))
    assert (result, str(reason).split("; ")[0]) == (
        REJECTED,
        "Invalid Message: FlexRequest from role AGR, expected DSO",
    )


def test_the_scope_of_a_message_is_its_congestion_point(tmp_path: Path) -> None:
    """A peer speaks of its points only, and one that speaks for many grids is taken at each."""
    narrow = Desk(tmp_path / "narrow", points=frozenset({"ean.111111111117"}))
    result, reason = narrow.answer(body(examples.prognosis()))
    assert result is REJECTED
    assert str(reason).startswith(f"Invalid CongestionPoint: {examples.POINT}")
    wide = Desk(tmp_path / "wide", points=frozenset({"ean.111111111117", examples.POINT}))
    assert wide.answer(body(examples.prognosis())) == (None, None)


def test_references_are_to_what_was_exchanged(desk: Desk) -> None:
    """An offer to a request that we sent to its sender, and to no other."""
    assert desk.answer(body(examples.offer()))[1] == f"Unknown FlexRequestMessageID reference: {examples.number(2)}"
    desk.log.put([(CRO, examples.request())], desk.now)
    assert desk.answer(body(examples.offer(k=13)))[0] is REJECTED
    desk.log.put([(AGR, examples.request())], desk.now)
    assert desk.answer(body(examples.offer(k=14))) == (None, None)


def test_a_revoked_offer_is_not_ordered(tmp_path: Path) -> None:
    """At the aggregator's desk: an order of what it has revoked is refused, across a restart."""
    desk = Desk(tmp_path, AGR)
    revocation = uftp.FlexOfferRevocation(examples.header(AGR, DSO, 9), examples.number(3))
    desk.log.put([(DSO, examples.offer()), (DSO, revocation)], desk.now)
    desk.restart()
    assert (
        desk.answer(body(examples.order()))[1] == f"Reference message revoked: FlexOfferMessageID {examples.number(3)}"
    )


def test_answers_are_not_answered(desk: Desk) -> None:
    """A response with a fault is logged, and no response to it is sent: else two edges would talk for ever."""
    header = examples.header(AGR, DSO, 60)
    answer = plain_response(asked_by(examples.request(77)), header, ACCEPTED, None)
    verdict = desk.hear(body(answer))
    assert (verdict.status, verdict.answer) == (200, None)
    assert verdict.reason == f"Unknown FlexRequestMessageID reference: {examples.number(77)}"
    assert taken(desk) == []


def test_what_cannot_be_read_is_answered_by_its_reason_and_counts_as_said(desk: Desk) -> None:
    """ISPs that overlap in a D-Prognosis: ISP conflict, the same when it comes again; under its number nothing else goes."""
    xml = write_xml(to_model(examples.prognosis())).replace(b"</D-", b'<ISP Power="1" Start="9"/></D-')
    text = _sealed(xml)
    for _ in range(2):
        result, reason = desk.answer(text)
        assert (result, str(reason).partition(":")[0]) == (REJECTED, "ISP conflict")
    assert (
        desk.answer(body(examples.prognosis()))[1]
        == f"Duplicate Identifier: {examples.number(1)} was used for another message"
    )


def _sealed(xml: bytes, key: SealingKey = KEYS[AGR]) -> bytes:
    from nacl import bindings

    signed = base64.b64encode(bindings.crypto_sign(xml, key.secret)).decode()
    return f'<SignedMessage SenderDomain="agr.example" SenderRole="AGR" Body="{signed}"/>'.encode()


@pytest.mark.parametrize("xml", [b"", b"<x/>", b"no", b"<SignedMessage/>", b"<!DOCTYPE a []><TestMessage/>"])
def test_sealed_nonsense_is_a_bad_request(desk: Desk, xml: bytes) -> None:
    """A good signature on what is no message: 400."""
    assert desk.hear(_sealed(xml)).status == 400


def test_a_message_in_two_wrappers_is_none(desk: Desk) -> None:
    """A SignedMessage in a SignedMessage: 400."""
    assert desk.hear(_sealed(body(examples.prognosis()))).status == 400


def test_fuzzed_bodies_are_refused_and_never_crash(desk: Desk) -> None:
    """Wrapper, seal and XML broken at random: a status of the table, or 200 with the reason sent to the sender."""
    rng = random.Random(2)
    good = [body(m) for m in (examples.prognosis(), uftp.TestMessage(examples.header(AGR, DSO, 71)))]
    inner = wrapper_of(good[0]).body[64:]
    statuses = set()
    for k in range(600):
        text = bytearray(rng.choice(good) if k % 2 else inner)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(text))
            text[place : place + rng.choice((0, 1, 1, 30))] = rng.choice(
                (b"", b"&", b"<", b'"', b"\xff", b"0", b"A" * 9)
            )
        verdict = desk.hear(bytes(text) if k % 2 else _sealed(bytes(text)))
        statuses.add(verdict.status)
    assert statuses <= {200, 400, 401, 419}
    assert statuses >= {200, 400, 401}
