"""The durable journal: one stream for each host on a server that speaks the Redis protocol, written by one script a time.

Durable means what the server was set to: `durability.py` asks it, `embedded.py` starts one that syncs every append.
"""

from __future__ import annotations

from typing import Any

from agents.runtime.journal.port import JournalAway, JournalEmptied, JournalFenced, check_numbers
from agents.runtime.journal.scripts import APPEND, CLAIM, DIGESTS, REWRITE
from agents.runtime.journal.wire import connect, translate
from cim.model.errors import BadInput, ProgrammingFault
from cim.platform.redis_server import label, wire_errors

_KEPT, _FENCED, _EMPTIED, _BEHIND, _OTHER = range(5)
_PAGE = 64  # entries read at once at a claim, so that one answer stays a matter of megabytes


class RedisJournal:
    """One host's journal on a server. Calls block; nothing is contacted before `claim`.

    Args:
        url: redis://, rediss://, unix:// or redis+cluster://, with user and password.
        space: name of the installation, so that several may share a server.
        host: name of the host whose journal it is.
        timeout_s: longest wait for one answer, seconds.

    Raises BadInput for an address or a name that cannot be used.

    A life's number is the server's clock in microseconds, or one more than the life before: so lives stay in order also
    when the server has forgotten them, unless its clock was set back in between.
    """

    durable, objects = True, False

    def __init__(self, url: str, space: str, host: str, timeout_s: float = 2.0) -> None:
        for field, value in (("space", space), ("host", host)):
            if not value or "{" in value or "}" in value:
                raise BadInput(f"the journal's {field} is {value!r}: expected a name without braces")
        self._url, self._timeout_s, self._where = url, timeout_s, label(url)
        self._host = host
        tag = f"{{iles:{space}:{host}}}"
        self._keys = (f"{tag}:meta", f"{tag}:entries")
        self._client: Any = None
        self._life = b""
        self._damaged = False
        self._turn = 0
        self._doubtful = 0  # number whose append was not answered: it may be there, and may still be replaced

    def claim(self) -> tuple[tuple[int, bytes], ...]:
        """Become the one writer; all kept entries, oldest first.

        Raises JournalAway, JournalFull; JournalEmptied when the server knows that there were entries that are gone
        (the journal is claimed then, and may be rewritten with any number); JournalFenced when overtaken meanwhile.
        """
        life, kept = self._run(CLAIM)
        self._life, self._damaged, self._turn, self._doubtful = life, False, 0, 0
        last = int(kept)
        entries = self._read()
        numbers = [number for number, _ in entries]
        if numbers == list(range(last - len(numbers) + 1, last + 1)) and bool(numbers) == (last > 0):
            return entries
        if self._call("hget", self._keys[0], "life") != life:
            raise self._fenced()
        self._damaged = True
        there = f"{numbers[0]} to {numbers[-1]} ({len(numbers)} entries)" if numbers else "none"
        raise JournalEmptied(
            f"the journal of {self._host} at {self._where} went up to entry {last}, but there are {there}: evicted or deleted?"
        )

    def append(self, number: int, data: bytes, keep_from: int) -> None:
        """Keep one entry in one round trip, by the rules of `Journal.append`."""
        check_numbers(number, keep_from)
        if self._damaged:
            raise JournalEmptied(
                f"the journal of {self._host} at {self._where} has lost entries and was not rewritten yet"
            )
        replace = int(number == self._doubtful)
        try:
            verdict = self._run(APPEND, self._own_life(), number, data, keep_from, self._next_turn(), replace)
        except JournalAway:
            self._doubtful = number
            raise
        self._settle(number, *verdict)
        self._doubtful = 0

    def rewrite(self, number: int, data: bytes) -> None:
        """Start afresh with this one entry, by the rules of `Journal.rewrite`; it also fits on a server that is full."""
        check_numbers(number, number)
        anyway = int(self._damaged)
        self._settle(number, *self._run(REWRITE, self._own_life(), number, data, anyway, self._next_turn()))
        self._damaged, self._doubtful = False, 0

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _own_life(self) -> bytes:
        if not self._life:
            raise ProgrammingFault(f"the journal of {self._host} must be claimed before it is written to")
        return self._life

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn

    def _settle(self, number: int, verdict: int, last: int) -> None:
        """Raise what a script's verdict means."""
        if verdict == _KEPT:
            return
        if verdict == _FENCED:
            raise self._fenced()
        if verdict == _EMPTIED:
            raise JournalEmptied(
                f"the journal of {self._host} at {self._where} was emptied or has fallen back: entry {number} is next, "
                f"but the server's last is {last or 'none'}"
            )
        if verdict == _OTHER:
            raise ProgrammingFault(f"journal entry {number} of {self._host} was repeated with other data")
        raise ProgrammingFault(f"journal entry {number} of {self._host} comes after entry {last}")

    def _fenced(self) -> JournalFenced:
        return JournalFenced(
            f"a newer life of {self._host} has claimed its journal at {self._where}: this one must stop"
        )

    def _read(self) -> tuple[tuple[int, bytes], ...]:
        """All entries of the stream, page by page."""
        entries: list[tuple[int, bytes]] = []
        while True:
            start = f"{entries[-1][0] + 1}-0" if entries else "-"
            page = self._call("xrange", self._keys[1], start, "+", _PAGE)
            entries += [(int(name.partition(b"-")[0]), fields[b"d"]) for name, fields in page]
            if len(page) < _PAGE:
                return tuple(entries)

    def _run(self, script: str, *arguments: Any) -> Any:
        """Run a script by its digest; a server that does not know it (new, restarted) gets its text."""
        from redis.exceptions import NoScriptError

        try:
            return self._client_now().evalsha(DIGESTS[script], 2, *self._keys, *arguments)
        except NoScriptError:
            return self._call("eval", script, 2, *self._keys, *arguments)
        except wire_errors() as error:
            raise translate(error, self._where) from error

    def _call(self, command: str, *arguments: Any) -> Any:
        try:
            return getattr(self._client_now(), command)(*arguments)
        except wire_errors() as error:
            raise translate(error, self._where) from error

    def _client_now(self) -> Any:
        if self._client is None:
            self._client = connect(self._url, self._timeout_s)
        return self._client
