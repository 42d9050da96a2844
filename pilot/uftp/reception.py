"""What happens to a POST: opened, judged, made durable, answered; from bytes to an HTTP status.

Until a message is known to be one as the schema has it, a fault is an HTTP status; afterwards the status is 200 and a
fault is a response message, which the sender takes to its peer. What was taken is in the log before anybody is told so.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, cast

import structlog

from cim.model.errors import BadInput
from market.uftp import checks
from market.uftp.checks import MarketScope, Reason, ReplayWindow
from market.uftp.exchange import Asked, asked_by, is_response, plain_response
from market.uftp.header import Header, Result, UftpMessage
from market.uftp.portfolio import TestMessage
from pilot.uftp.conversions import NotForUs
from pilot.uftp.mapping import asked_in, from_model
from pilot.uftp.message_log import MessageLog
from pilot.uftp.message_records import Arrival, Instants, Seen, digest_of
from pilot.uftp.parties import OurParty, Peer
from pilot.uftp.sealing import BadSeal, Sealed, message_model, unsealed, wrapper_of
from pilot.uftp.shapes import SchemaFault

OK, BAD_REQUEST, UNAUTHORIZED, UNKNOWN_KEY = 200, 400, 401, 419
_NAMESPACE = uuid.UUID("5f2d1a52-2f0a-4d3e-9c43-0a6d1a5b7f11")

_log = structlog.get_logger("iles.uftp")


@dataclass(frozen=True)
class Verdict:
    """The HTTP status of a POST, why, and what has to be durable before it is said."""

    status: int
    reason: str = ""
    arrival: Arrival | None = None
    answer: tuple[str, UftpMessage] | None = None


class Reception:
    """Judges what arrives.

    Args:
        ours: who may be addressed here.
        peers: who may speak here; by domain and role, with their keys.
        scope: the market's; a peer may have less.
        now: the site's clock and the wall's.
        answers_itself: gives the answer to what was taken where no agent does; a test is always answered here.
    """

    def __init__(
        self,
        ours: tuple[OurParty, ...],
        peers: tuple[Peer, ...],
        scope: MarketScope,
        log: MessageLog,
        now: Callable[[], Instants],
        window: ReplayWindow | None = None,
        answers_itself: bool = False,
    ) -> None:
        self._ours: Mapping[str, OurParty] = {party.domain: party for party in ours}
        self._peers = {(peer.domain, peer.role): peer for peer in peers}
        self._first = ours[0].domain
        self._scope, self._log, self._now = scope, log, now
        self._window, self._answers_itself = window or ReplayWindow(), answers_itself

    def judge(self, body: bytes) -> Verdict:
        """What becomes of the body of a POST; nothing is durable yet."""
        try:
            wrapper = wrapper_of(body)
        except SchemaFault as fault:
            return _refused(BAD_REQUEST, f"SignedMessage: {fault}")
        peer = self._peers.get((wrapper.domain, wrapper.role))
        if peer is None:
            reason = f"no key is known of {wrapper.domain} as {wrapper.role}"
            return _refused(UNKNOWN_KEY, reason, sender=wrapper.domain)
        try:
            xml = unsealed(wrapper.body, peer.public)
        except BadSeal as fault:
            return _refused(UNAUTHORIZED, str(fault), sender=peer.domain)
        try:
            model = message_model(xml)
        except SchemaFault as fault:
            return _refused(BAD_REQUEST, str(fault), sender=peer.domain)
        return self._of_message(wrapper, peer, model, xml)

    def _of_message(self, wrapper: Sealed, peer: Peer, model: object, xml: bytes) -> Verdict:
        at = self._now().here
        try:
            message = from_model(model)
        except NotForUs as unusable:
            return self._unreadable(wrapper, model, xml, str(unusable))
        header, digest = message.header, digest_of(message)
        fault = checks.joined(checks.sender_faults(message, wrapper.domain, wrapper.role))
        if fault is not None:  # not the sender's own words, so its identifiers are not taken for the sender's
            return self._answered(message, wrapper, fault, None)
        seen, before = self._log.seen(header.sender_domain, header.message_id, digest)
        if seen is Seen.OTHER:
            reason = f"{Reason.DUPLICATE_IDENTIFIER}: {header.message_id} was used for another message"
            return self._answered(message, wrapper, reason, None)
        if seen is Seen.SAME:
            _log.info("uftp message again", sender=peer.domain, message=header.message_id, kind=type(message).__name__)
            return self._answered(message, wrapper, before, None, str(Reason.ALREADY_SUBMITTED))
        fault = checks.joined(self._faults(message, peer, at))
        message = self._in_our_zone(message)
        arrival = Arrival(header.sender_domain, header.recipient_domain, header.message_id, digest, message, fault)
        if fault is None and not (isinstance(message, TestMessage) or self._answers_itself):
            return Verdict(OK, arrival=arrival)
        return self._answered(message, wrapper, fault, arrival)

    def _faults(self, message: UftpMessage, peer: Peer, now: datetime) -> chain[str]:
        ours, scope = self._ours.get(message.header.recipient_domain), self._scope
        if peer.points is not None:
            scope = MarketScope(scope.timezone, scope.isp_minutes, scope.currency, scope.points & peer.points)
        # One party here is as good as another where none is addressed: the reason names it.
        domain, roles = (self._first, tuple(self._ours.values())[:1]) if ours is None else (ours.domain, (ours,))
        return chain(
            checks.recipient_faults(message, domain, roles[0].role),
            checks.header_time_faults(message, now, self._window),
            checks.market_faults(message, scope, now),
            checks.reference_faults(message, lambda number: self._log.find(peer.domain, number), now),
        )

    def _in_our_zone(self, message: UftpMessage) -> UftpMessage:
        """A time zone that cuts the day alike is ours by another name; parties compare names."""
        if getattr(message, "timezone", self._scope.timezone) == self._scope.timezone:
            return message
        told: UftpMessage = replace(cast("Any", message), timezone=self._scope.timezone)
        return told

    def _unreadable(self, wrapper: Sealed, model: object, xml: bytes, fault: str) -> Verdict:
        asked, said = asked_in(model), vars(model)
        sender, digest = str(said["sender_domain"]), hashlib.sha256(xml).digest()
        _log.warning("uftp message rejected", sender=wrapper.domain, message=asked.message_id, reason=fault[:500])
        if sender != wrapper.domain:
            return Verdict(OK, fault)
        arrival = Arrival(sender, str(said["recipient_domain"]), asked.message_id, digest, None, fault)
        answer = self._answer(
            asked, str(said["conversation_id"]).lower(), str(said["recipient_domain"]), wrapper, fault
        )
        return Verdict(OK, fault, arrival, answer)

    def _answered(
        self, message: UftpMessage, wrapper: Sealed, fault: str | None, arrival: Arrival | None, note: str | None = None
    ) -> Verdict:
        header, kind = message.header, type(message)
        if fault is not None:
            said = header.message_id
            _log.warning(
                "uftp message rejected", sender=wrapper.domain, message=said, kind=kind.__name__, reason=fault[:500]
            )
        if is_response(kind):
            return Verdict(OK, fault or note or "", arrival)
        answer = self._answer(asked_by(message), header.conversation_id, header.recipient_domain, wrapper, fault, note)
        return Verdict(OK, fault or note or "", arrival, answer)

    def _answer(
        self,
        asked: Asked,
        conversation: str,
        recipient: str,
        wrapper: Sealed,
        fault: str | None,
        note: str | None = None,
    ) -> tuple[str, UftpMessage] | None:
        """The response, from whom it was sent to (or else the first party here) to whoever sealed it."""
        us, reason = recipient if recipient in self._ours else self._first, fault or note
        number = uuid.uuid5(_NAMESPACE, "\0".join((us, wrapper.domain, asked.message_id, reason or "")))
        header = Header(us, wrapper.domain, self._now().here, str(number), conversation)
        response = plain_response(asked, header, Result.ACCEPTED if fault is None else Result.REJECTED, reason)
        return None if response is None else (wrapper.domain, response)


def _refused(status: int, reason: str, sender: str = "") -> Verdict:
    _log.warning("uftp message refused", status=status, sender=sender, reason=reason[:500])
    return Verdict(status, reason)


def check_scope(ours: tuple[OurParty, ...], domains: Mapping[str, str]) -> None:
    """Whether the parties here are the site's.

    Raises:
        BadInput: a name is none of the site's, or has another domain there.
    """
    for party in ours:
        known = domains.get(party.name)
        if known != party.domain:
            raise BadInput(
                f"ours.{party.name}: domain {party.domain}; expected {known or 'the name of a party of the site'}"
            )
