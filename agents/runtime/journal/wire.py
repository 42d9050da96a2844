"""The way to a journal's server: what `cim.platform.redis_server` says of it, in the journal's own words."""

from __future__ import annotations

from typing import Any

from agents.runtime.journal.port import JournalAway, JournalError, JournalFull
from cim.platform.redis_server import Trouble, client_of, label, trouble_of, wire_errors

_WORDS = {Trouble.AWAY: JournalAway, Trouble.FULL: JournalFull, Trouble.REFUSED: JournalError}


def connect(url: str, timeout_s: float) -> Any:
    """A client as `client_of` makes it. Raises BadInput, JournalError."""
    try:
        return client_of(url, timeout_s)
    except wire_errors() as error:
        raise translate(error, label(url)) from error


def translate(error: Exception, where: str) -> JournalError:
    """The journal's word for a client's error, as one sentence that names the server."""
    trouble, words = trouble_of(error)
    return _WORDS[trouble](f"the journal's server {where} {words}")
