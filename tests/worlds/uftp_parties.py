"""Parties that speak UFTP: their keys, an aggregator and a DSO with its CRO, and a reception that hears them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from market import uftp
from market.uftp.checks import MarketScope
from pilot.uftp.message_log import MessageLog
from pilot.uftp.message_records import Arrival, Instants
from pilot.uftp.parties import OurParty, Peer
from pilot.uftp.reception import Reception, Verdict
from pilot.uftp.sealing import SealingKey, sealed
from tests.worlds import uftp_messages as examples

KEYS = {domain: SealingKey(bytes([k]) * 32) for k, domain in enumerate(examples.SENDERS.values(), start=1)}
ROLES = {domain: role for role, domain in examples.SENDERS.items()}
SCOPE = MarketScope(examples.ZONE, 15, "EUR", frozenset({examples.POINT}))


def peer(domain: str, url: str = "http://127.0.0.1:9", points: frozenset[str] | None = None) -> Peer:
    """A party elsewhere."""
    return Peer(domain.partition(".")[0], domain, ROLES[domain], url, KEYS[domain].public, points)


def ours(domain: str) -> OurParty:
    """A party here."""
    return OurParty(domain.partition(".")[0], domain, ROLES[domain], KEYS[domain])


def body(message: Any, key: SealingKey | None = None, role: uftp.UsefRole | None = None) -> bytes:
    """A message sealed by its sender, or by another key."""
    domain = message.header.sender_domain
    return sealed(message, role or ROLES[domain], key or KEYS[domain])


class Desk:
    """A party's reception with its log, at an instant."""

    def __init__(self, folder: Path, domain: str = examples.DSO, points: frozenset[str] | None = None) -> None:
        self.now, self.path, self.domain, self.points = examples.NOON, folder / "uftp.db", domain, points
        self.open()

    def open(self) -> None:
        """As after a restart."""
        self.log = MessageLog(self.path)
        others = tuple(peer(d, points=self.points) for d in examples.SENDERS.values() if d != self.domain)
        self.reception = Reception((ours(self.domain),), others, SCOPE, self.log, self.instants)

    def instants(self) -> Instants:
        """Both clocks are one here."""
        return Instants(self.now, self.now)

    def hear(self, text: bytes) -> Verdict:
        """One POST, to its end."""
        verdict = self.reception.judge(text)
        arrivals: list[Arrival] = [verdict.arrival] if verdict.arrival else []
        self.log.keep(arrivals, [verdict.answer] if verdict.answer else [], self.instants())
        return verdict

    def answer(self, text: bytes) -> tuple[Any, str | None]:
        """(result, reason) of the response to one POST, or of none."""
        verdict = self.hear(text)
        told: Any = None if verdict.answer is None else verdict.answer[1]
        return (None, verdict.reason or None) if told is None else (told.result, told.rejection_reason)

    def restart(self, later: timedelta = timedelta(0)) -> None:
        """Begin anew from the file."""
        self.log.close()
        self.now += later
        self.open()


def at(instant: datetime, message: Any) -> Any:
    """The message, made at another instant."""
    from dataclasses import replace

    return replace(message, header=replace(message.header, time_stamp=instant))
