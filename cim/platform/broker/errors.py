"""The ways in which a topic's server can fail those who send or read."""

from __future__ import annotations

from cim.model.errors import IlesError
from cim.platform.redis_server import Trouble, trouble_of


class BrokerError(IlesError):
    """The server refuses what was asked; asking again would not help."""


class BrokerAway(BrokerError):
    """The server does not answer: try again later; repeating is safe."""


class TopicFull(BrokerError):
    """The topic (or its server) has no room: nothing was taken; try again when groups have acknowledged."""


_WORDS = {Trouble.AWAY: BrokerAway, Trouble.FULL: TopicFull, Trouble.REFUSED: BrokerError}


def broker_error(error: Exception, where: str) -> BrokerError:
    """The broker's word for a client's error, as one sentence that names the server."""
    trouble, words = trouble_of(error)
    return _WORDS[trouble](f"the broker's server {where} {words}")
