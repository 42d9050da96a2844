"""S2 messages over any wire, without I/O; the same for both ends (EN 50491-12-2; s2-ws-json).

Two rules: every message but a ReceptionStatus is answered by exactly one ReceptionStatus, before anything else; and a
message that comes again is acknowledged again without a second effect.
"""

from __future__ import annotations

import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence

from s2python.common import ReceptionStatus, ReceptionStatusValues
from s2python.message import S2MessageWithID
from s2python.s2_parser import S2Parser
from s2python.s2_validation_error import S2ValidationError
from s2python.version import S2_VERSION

from devices.dial_in import strict_json
from devices.s2.profile_status import PowerProfileStatus

VERSIONS = (S2_VERSION,)
Status = ReceptionStatusValues
_NAMESPACE = uuid.UUID("6f1c9d0e-52a5-5d0b-9f6f-3b1f0f5a2c11")  # ours: ids are counted, so that a run can be repeated
_NOBODY = uuid.UUID(int=0)  # the subject of a message whose id cannot be read (as s2-python does it)
_REMEMBERED = 64
_PROFILE_STATUS = "PPBC.PowerProfileStatus"
# Half of all frames are this one: it is written and read without an object of it.
_OK_HEAD, _OK_TAIL = '{"message_type":"ReceptionStatus","subject_message_id":"', '","status":"OK"}'
_OK_LENGTH = len(_OK_HEAD) + len(str(_NOBODY)) + len(_OK_TAIL)
_log = logging.getLogger("iles.devices.s2")


class Refused(Exception):
    """The peer's message is refused with a ReceptionStatus."""

    def __init__(self, status: ReceptionStatusValues, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


MOST_TIMER_MS = 7 * 86_400_000  # a device that may not change its mode for longer is a fault
MOST_W = 1e8  # no device of a community is beyond: such a number is a fault, whoever says it


def expect_within(what: str, low: float, high: float, *values: float) -> None:
    """Refuse a number that nothing real has. Raises `Refused` naming it."""
    for value in values:
        if not low <= value <= high:
            raise Refused(Status.INVALID_CONTENT, f"{what}: {_shown(value)}; expected {low:g} to {high:g}")


def _shown(value: float) -> str:
    try:
        return f"{value:g}"
    except OverflowError:  # S2's durations are whole numbers of any length
        return "a number beyond a float"


class S2Session:
    """One end of an S2 conversation.

    Args:
        name: begins what our message ids are made of.
        handle: what to do with a parsed message; the messages to send after its ReceptionStatus. May raise `Refused`.
        on_status: told of the ReceptionStatus of each of our messages: (message id, status, text).
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[S2MessageWithID], Sequence[S2MessageWithID]],
        on_status: Callable[[uuid.UUID, str, str], None],
    ) -> None:
        self._name = name
        self._handle = handle
        self._on_status = on_status
        self._count = 0
        self._run = ""
        self._unanswered: dict[uuid.UUID, str] = {}
        self._seen: OrderedDict[uuid.UUID, str] = OrderedDict()

    def begin(self, run: str) -> None:
        """Tell the ids of this run from those of the driver before it: `run` goes into each."""
        self._run = self._run or run

    @property
    def quiet(self) -> bool:
        """True when every message of ours has its ReceptionStatus."""
        return not self._unanswered

    def reset(self) -> None:
        """A new connection: what was not acknowledged will not be, and a peer that restarted counts its ids afresh."""
        self._unanswered.clear()
        self._seen.clear()

    def new_id(self) -> uuid.UUID:
        """The next id of ours."""
        self._count += 1
        return uuid.uuid5(_NAMESPACE, f"{self._name}/{self._run}/{self._count}")

    def fixed_id(self, what: str) -> uuid.UUID:
        """An id that stays the same over sessions, of an object named `what`."""
        return uuid.uuid5(_NAMESPACE, f"{self._name}#{what}")

    def pack(self, messages: Sequence[S2MessageWithID]) -> list[str]:
        """Our messages as frames; a ReceptionStatus is expected for each."""
        for message in messages:
            self._unanswered[message.message_id] = message.message_type
        return [message.to_json() for message in messages]

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back. Never raises for what a peer sent."""
        taken = _surely_taken(frame)
        if taken is not None:
            return self._answered(taken, Status.OK.value, "")
        try:
            data = strict_json.loads(frame)
        except ValueError:
            return [_status(_NOBODY, Status.INVALID_DATA, "expected JSON")]
        kind = data.get("message_type") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(kind, str):
            return [_status(_NOBODY, Status.INVALID_MESSAGE, "expected an object with a message_type")]
        subject = _uuid(data.get("message_id"))
        try:
            parser = PowerProfileStatus.from_dict if kind == _PROFILE_STATUS else S2Parser.parse_as_any_message
            message = parser(data)
        except (S2ValidationError, ValueError, TypeError, RecursionError, OverflowError) as error:
            if kind == "ReceptionStatus":
                return []  # it may not be answered, or two ends could go on for ever
            cause = str(error.__cause__ or getattr(error, "msg", error)).replace("\n", " ")
            return [_status(subject or _NOBODY, Status.INVALID_MESSAGE, f"{kind[:40]}: {cause[:200]}")]
        if isinstance(message, ReceptionStatus):
            return self._answered(message.subject_message_id, message.status.value, message.diagnostic_label or "")
        if subject is None:
            return [_status(_NOBODY, Status.INVALID_MESSAGE, f"{kind}: message_id must be a UUID")]
        if self._seen.get(subject) == frame:
            return [_status(subject, Status.OK)]
        try:
            answers = self._handle(message)
        except Refused as refusal:
            return [_status(subject, refusal.status, refusal.text)]
        except Exception:
            # The standard has a status for our own faults; the peer must not be left without an answer.
            _log.exception("a handler failed on %s", frame[:200])
            return [_status(subject, Status.PERMANENT_ERROR, "the message could not be processed")]
        self._seen[subject] = frame
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return [_status(subject, Status.OK), *self.pack(answers)]

    def _answered(self, subject: uuid.UUID, status: str, text: str) -> list[str]:
        """A message of ours has its ReceptionStatus, which nobody answers."""
        if self._unanswered.pop(subject, None) is not None:
            self._on_status(subject, status, text)
        return []


def _uuid(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _surely_taken(frame: str) -> uuid.UUID | None:
    """Of which message this frame is surely, to the letter, the plain OK that each gets; None: it has to be parsed."""
    if len(frame) != _OK_LENGTH or not (frame.startswith(_OK_HEAD) and frame.endswith(_OK_TAIL)):
        return None
    text = frame[len(_OK_HEAD) : -len(_OK_TAIL)]
    subject = _uuid(text)
    return subject if str(subject) == text else None


def _status(subject: uuid.UUID, status: ReceptionStatusValues, text: str | None = None) -> str:
    if status is Status.OK and text is None:
        return f"{_OK_HEAD}{subject}{_OK_TAIL}"
    return ReceptionStatus(subject_message_id=subject, status=status, diagnostic_label=text).to_json()
