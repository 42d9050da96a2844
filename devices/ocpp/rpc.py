"""OCPP-J's remote procedure calls, without I/O; the same for both ends and all versions (OCPP 2.0.1 part 4, chapter 4).

Two rules: one outstanding CALL for each side, the others wait in order; and a CALL that comes again, word for word, is
answered again without a second effect.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devices.dial_in import strict_json
from devices.dial_in.strict_json import Json
from devices.ocpp.payload import Payload, PeerFault
from devices.ocpp.schemas import CALL, CALLERROR, CALLRESULT, Message, Schemas, fields_of

Handler = Callable[[Payload], Message]
_REMEMBERED = 64  # answers kept for repeated CALLs
_SAID, _EVERY = 4, 1000  # refused frames: the first ones are in the log, then one in so many
_NEVER_REMEMBERED = ("BootNotification", "Heartbeat")  # their answers tell the time; asking twice does no harm
_log = logging.getLogger("iles.devices.ocpp")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one of our calls: `payload` of the CALLRESULT, or `error` (RPC error code and words)."""

    action: str
    payload: Payload
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Pending:
    unique_id: str
    action: str
    frame: str


class Rpc:
    """One end of an OCPP-J conversation.

    Args:
        schemas: of the OCPP version that is spoken.
        name: begins our message ids, which are counted, so that a run can be repeated.
        handlers: what to do for each action; returns a `call_result` of the library, or raises `PeerFault`.
        on_answer: told of every answer to our calls, by message id.
        count: of the message ids that begin like ours and are used up.

    Attributes:
        refused: how many frames of the peer broke the protocol or a schema.
    """

    def __init__(
        self,
        schemas: Schemas,
        name: str,
        handlers: Mapping[str, Handler],
        on_answer: Callable[[str, Answer], None],
        count: int = 0,
    ) -> None:
        self._schemas = schemas
        self._prefix = name[:24]
        self._handlers = handlers
        self._on_answer = on_answer
        self.count = count
        self.refused = 0
        self._queue: deque[_Pending] = deque()
        self._outstanding: _Pending | None = None
        self._answered: OrderedDict[tuple[str, str], str] = OrderedDict()

    @property
    def quiet(self) -> bool:
        """True when no call of ours is unanswered or waiting."""
        return self._outstanding is None and not self._queue

    def call(self, message: Message) -> str:
        """Queue a request; returns its message id. `flush` gives what may be sent."""
        action = type(message).__name__
        payload = self._schemas.check(CALL, action, fields_of(message))
        self.count += 1
        unique_id = f"{self._prefix}:{self.count}"
        self._queue.append(_Pending(unique_id, action, _dumps([CALL, unique_id, action, payload])))
        return unique_id

    def flush(self) -> list[str]:
        """The next CALL, when none is outstanding."""
        if self._outstanding is not None or not self._queue:
            return []
        self._outstanding = self._queue.popleft()
        return [self._outstanding.frame]

    def resume(self) -> list[str]:
        """A new session: the outstanding CALL again, with the same id so that the peer can know it."""
        return [self._outstanding.frame] if self._outstanding is not None else self.flush()

    def abandon(self, reason: str, unique_id: str | None = None) -> None:
        """Give up the call `unique_id`, or all of them; a late answer is ignored."""
        waiting = ([self._outstanding] if self._outstanding is not None else []) + list(self._queue)
        gone = [p for p in waiting if unique_id in (None, p.unique_id)]
        self._queue = deque(p for p in self._queue if p not in gone)
        if self._outstanding in gone:
            self._outstanding = None
        for pending in gone:
            self._on_answer(pending.unique_id, Answer(pending.action, Payload(), reason))

    def forget(self) -> None:
        """The peer has begun anew: what it says from here on is new, though it may count its messages as before."""
        self._answered.clear()

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back. Never raises for what a peer sent."""
        try:
            message = _loads(frame)
            if not isinstance(message, list) or len(message) < 3 or isinstance(message[0], bool):
                raise PeerFault("RpcFrameworkError", "expected a JSON array that begins with a message type and an id")
        except PeerFault as fault:
            return self._unreadable(fault, frame)
        kind, unique_id = message[0], message[1]
        if kind in (CALLRESULT, CALLERROR):
            self._take_answer(kind, unique_id, message)
            return self.flush()
        if not isinstance(unique_id, str) or not 0 < len(unique_id) <= 36:
            no_id = PeerFault("RpcFrameworkError", "the message id must be a text of 1 to 36 characters")
            return self._unreadable(no_id, frame)
        if isinstance(kind, int) and kind in self._schemas.unanswered:
            return self.flush()
        if kind != CALL:
            return [
                self._refused(
                    unique_id, PeerFault("MessageTypeNotSupported", f"message type {kind!r} is unknown"), frame
                )
            ]
        return [self._take_call(unique_id, message, frame), *self.flush()]

    def _unreadable(self, fault: PeerFault, frame: str) -> list[str]:
        """Part 4, 4.2.3: where the id cannot be read, the CALLERROR carries "-1"; 1.6 has no such answer."""
        self._note(fault, frame)
        return [] if self._schemas.unreadable is None else [self._error(self._schemas.unreadable, fault)]

    def _refused(self, unique_id: str, fault: PeerFault, frame: str) -> str:
        self._note(fault, frame)
        return self._error(unique_id, fault)

    def _note(self, fault: PeerFault, frame: str) -> None:
        """Count a frame that is refused, and say it."""
        self.refused += 1
        if self.refused <= _SAID or self.refused % _EVERY == 0:
            _log.warning("%s: frame %d that is refused (%a): %a", self._prefix, self.refused, str(fault), frame[:200])

    def _error(self, unique_id: str, fault: PeerFault) -> str:
        return _dumps([CALLERROR, unique_id, self._schemas.code(fault.code), fault.description, {}])

    def _take_call(self, unique_id: str, message: list[Json], frame: str) -> str:
        known = self._answered.get((unique_id, frame))
        if known is not None:
            return known
        try:
            if len(message) != 4 or not isinstance(message[2], str):
                raise PeerFault("FormatViolation", 'expected [2, "id", "action", {payload}]')
            action = message[2]
            if action not in self._schemas.actions:
                raise PeerFault("NotImplemented", f"the action {action[:50]!r} is unknown")
            handler = self._handlers.get(action)
            payload = self._schemas.check(CALL, action, message[3])
            if handler is None:
                raise PeerFault("NotSupported", f"the action {action} is known, but not supported here")
            result = self._schemas.check(CALLRESULT, action, fields_of(handler(Payload(payload))))
            answer = _dumps([CALLRESULT, unique_id, result])
        except PeerFault as fault:
            answer = self._refused(unique_id, fault, frame)
        except Exception:
            # The standard has a code for our own faults; the station must not be left without an answer.
            _log.exception("a handler failed on %s", frame[:200])
            answer = self._error(unique_id, PeerFault("InternalError", "the request could not be processed"))
        if len(message) < 3 or message[2] not in _NEVER_REMEMBERED:
            self._answered[unique_id, frame] = answer
            if len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
        return answer

    def _take_answer(self, kind: Json, unique_id: Json, message: list[Json]) -> None:
        pending = self._outstanding
        if pending is None or unique_id != pending.unique_id:
            return  # late, repeated or invented: nobody waits for it, and a CALLRESULT is never answered
        self._outstanding = None
        if kind == CALLERROR:
            words = ": ".join(str(part) for part in message[2:4])
            answer = Answer(pending.action, Payload(), words or "CALLERROR")
        else:
            try:
                fields = self._schemas.check(CALLRESULT, pending.action, message[2])
                answer = Answer(pending.action, Payload(fields))
            except PeerFault as fault:
                self._note(fault, str(message[2])[:200])
                answer = Answer(pending.action, Payload(), str(fault))
        self._on_answer(pending.unique_id, answer)


def _loads(frame: str) -> Json:
    try:
        return strict_json.loads(frame)
    except ValueError:
        pass  # perhaps JSON with a number that is too large: then its message id can be answered to
    try:
        return strict_json.loads_unbounded(frame)
    except ValueError as error:
        raise PeerFault("RpcFrameworkError", f"the frame is not valid JSON ({type(error).__name__})") from error


def _dumps(message: list[Json]) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
