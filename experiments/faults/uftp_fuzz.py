"""Signed UFTP messages broken at random, wrapper, seal and XML: each is refused by its reason, none is taken twice or crashes."""

from __future__ import annotations

import base64
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from market import uftp
from market.uftp.checks import MarketScope
from market.uftp.exchange import UsefRole
from pilot.uftp.message_log import MessageLog
from pilot.uftp.message_records import Instants
from pilot.uftp.parties import OurParty, Peer
from pilot.uftp.reception import Reception
from pilot.uftp.sealing import SealingKey, sealed, wrapper_of

_NOON, _DAY = datetime(2026, 5, 20, 10, tzinfo=UTC), date(2026, 5, 21)
_ZONE, _POINT = "Europe/Vienna", "ea1.2016-01.at.strem:lv-rural1"
_AGR, _DSO = "agr.example", "dso.example"
_KEYS = {_AGR: SealingKey(b"\1" * 32), _DSO: SealingKey(b"\2" * 32)}
_STATUSES = frozenset({200, 400, 401, 419})  # those of the specification's table that a reception answers
_PIECES = (b"", b"&", b"<", b'"', b"\xff", b"0", b"A" * 9, b"&#0;", b"]]>", b"\r\n")
_AGAIN = "Already Submitted"  # what was changed said nothing: the message is the one that came before
_TOGETHER = 500  # messages heard between two looks into the log


@dataclass(frozen=True)
class UftpFuzzed:
    """What came of it.

    Attributes:
        attempts: how many bodies were handed in.
        refused: by status and the beginning of the reason.
        taken: which were messages all the same (a change that says nothing, or another valid value).
        wrong: what should not be: in a sentence each.
    """

    attempts: int
    refused: Counter[str]
    taken: int
    wrong: tuple[str, ...]


def fuzz(count: int, seed: int, tell: Callable[[int], None] = lambda _: None) -> UftpFuzzed:
    """Hand in `count` broken bodies; the same seed breaks the same.

    Args:
        tell: called now and then with how many were handed in.
    """
    draw = random.Random(seed)  # noqa: S311 - it must be the same again
    refused, wrong = Counter[str](), list[str]()
    good = [sealed(message, UsefRole.AGR, _KEYS[_AGR]) for message in _messages()]
    inner = [wrapper_of(body).body[64:] for body in good]
    with TemporaryDirectory() as folder:
        log = MessageLog(Path(folder) / "uftp.db")
        ours = OurParty("dso", _DSO, UsefRole.DSO, _KEYS[_DSO])
        peer = Peer("agr", _AGR, UsefRole.AGR, "http://127.0.0.1:9", _KEYS[_AGR].public, None)
        now = Instants(_NOON, _NOON)
        scope = MarketScope(_ZONE, 15, "EUR", frozenset({_POINT}))
        reception = Reception((ours,), (peer,), scope, log, lambda: now)
        for number in range(count):
            body = _broken(draw, good) if number % 2 else _signed(_broken(draw, inner))
            try:
                verdict = reception.judge(body)
                log.keep([verdict.arrival] if verdict.arrival else [], [verdict.answer] if verdict.answer else [], now)
            except Exception as error:
                wrong.append(f"attempt {number}: {type(error).__name__}: {str(error)[:200]}")
                continue
            if verdict.status not in _STATUSES:
                wrong.append(f"attempt {number}: status {verdict.status}; expected one of {sorted(_STATUSES)}")
            reason = verdict.arrival.reason if verdict.arrival else verdict.reason
            if verdict.status != 200 or reason not in {None, "", _AGAIN}:
                refused[f"{verdict.status} {str(reason or '').partition(':')[0][:60]}".strip()] += 1
            if number % _TOGETHER == 0:
                tell(number)
        waiting = log.unhanded(count)
        seen = [message.header.message_id for _, message in waiting]
        wrong += [f"message {one} is taken {times} times" for one, times in Counter(seen).items() if times > 1]
        wrong += [f"message {m.header.message_id} is of {m.header.sender_domain}" for _, m in waiting
                  if m.header.sender_domain != _AGR]  # fmt: skip
        log.close()
    return UftpFuzzed(count, refused, count - refused.total(), tuple(wrong))


def _messages() -> tuple[uftp.UftpMessage, ...]:
    """Three that are good, each of another kind."""
    until = _NOON + timedelta(hours=10)
    asked, based = _number(8), _number(1)
    options = (uftp.OfferOption("all", 123_400, (uftp.IspPower(49, 10_000, 4),), 50),)
    return (
        uftp.DPrognosis(_header(1), _DAY, _POINT, 1, (-40_000,) * 96, _ZONE),
        uftp.TestMessage(_header(2)),
        uftp.FlexOffer(
            _header(3),
            _DAY,
            _POINT,
            until,
            options,
            "EUR",
            _ZONE,
            flex_request_message_id=asked,
            d_prognosis_message_id=based,
        ),
    )


def _header(k: int) -> uftp.Header:
    return uftp.Header(_AGR, _DSO, _NOON, _number(k), _number(k))


def _number(k: int) -> str:
    return f"00000000-0000-4000-8000-{k:012d}"


def _broken(draw: random.Random, texts: list[bytes]) -> bytes:
    text = bytearray(draw.choice(texts))
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(text))
        text[place : place + draw.choice((0, 1, 1, 30))] = draw.choice(_PIECES)
    return bytes(text)


def _signed(xml: bytes) -> bytes:
    """Whatever it is, under a good signature."""
    from nacl import bindings

    signed = base64.b64encode(bindings.crypto_sign(xml, _KEYS[_AGR].secret)).decode()
    return f'<SignedMessage SenderDomain="{_AGR}" SenderRole="AGR" Body="{signed}"/>'.encode()
