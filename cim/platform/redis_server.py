"""The way to a server that speaks the Redis protocol: address, client, and what its errors mean to who keeps something there."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from cim.model.errors import BadInput

_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
_FULL = re.compile(r"\b(OOM|MISCONF)\b")
# The server is there, but not ready for us now: it loads, fails over, runs someone's long script, or has no such user yet.
_NOT_NOW = re.compile(
    r"\b(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM|MOVED|ASK)\b"
)


class Trouble(Enum):
    """What an error of the client means."""

    AWAY = "away"  # no answer: what was asked may or may not have happened; try again later
    FULL = "full"  # no memory or disk: nothing happened
    REFUSED = "refused"  # it would be refused again


def label(url: str) -> str:
    """Hosts and ports (or socket path) of an address, for messages: never its user, password or options. Raises BadInput."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES:
            raise ValueError
        if parts.scheme == "unix":
            return parts.path
        one, *others = _by_node(url)
        if others and not parts.scheme.endswith("+cluster"):
            raise ValueError
        return ",".join(f"{told.hostname or 'localhost'}:{told.port or 6379}" for told in map(urlsplit, (one, *others)))
    except ValueError:
        # The cause is left out, because its text may hold a piece of the password.
        raise BadInput(
            "the address of the Redis server (REDIS_URL) cannot be read: expected redis://[user:password@]host[:port][/db], "
            "rediss://, unix:// or redis+cluster:// (there also host:port,host:port), with %XX for special signs in the password"
        ) from None


def _by_node(url: str) -> list[str]:
    """The address by each of the hosts that it names."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts.split(",")]


def client_of(url: str, timeout_s: float, again: bool = True) -> Any:
    """A synchronous client, connected; a cluster is asked for its nodes.

    Args:
        again: ask once more by itself where a connection broke. Not for what must not happen twice: the server may have
            done it, and the answer was lost.

    Each wait for the server (connecting, an answer) is bounded by `timeout_s`. Raises BadInput, any of `wire_errors`.
    """
    from redis import Redis, RedisCluster
    from redis.backoff import NoBackoff
    from redis.cluster import ClusterNode
    from redis.exceptions import ConnectionError as Unconnected
    from redis.retry import Retry

    where = label(url)
    options: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "protocol": 2}
    try:
        if urlsplit(url).scheme.endswith("+cluster"):
            # Any node tells of all others: of several that are named one may be lost.
            first, *others = _by_node(url.replace("+cluster://", "://", 1))
            node: Any = ClusterNode  # it has no types
            nodes = [node(told.hostname or "localhost", told.port or 6379) for told in map(urlsplit, others)]
            return RedisCluster.from_url(
                first, startup_nodes=nodes, retry=Retry(NoBackoff(), 2 if again else 0), **options
            )
        # One fresh connection at once, because the server may have restarted since the last call; no second wait, though.
        return Redis.from_url(
            url, retry=Retry(NoBackoff(), 1 if again else 0, (Unconnected,)), single_connection_client=True, **options
        )
    except (ValueError, TypeError):
        raise BadInput(f"the address of the Redis server {where} has a part or an option that cannot be used") from None


def wire_errors() -> tuple[type[Exception], ...]:
    """Everything a client may raise because of the server or the way to it."""
    from redis.exceptions import RedisClusterException, RedisError

    return (RedisError, RedisClusterException, OSError)


def trouble_of(error: Exception) -> tuple[Trouble, str]:
    """What an error means, and the end of a sentence that begins with the server's name."""
    from redis import exceptions

    text = " ".join(str(error).split())
    if isinstance(error, exceptions.OutOfMemoryError) or _FULL.search(text):
        return Trouble.FULL, f"has no room left: {text}"
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return Trouble.AWAY, "did not answer in time"
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError | exceptions.NoPermissionError):
        return Trouble.AWAY, f"refuses the user name or password: {text}"
    if isinstance(error, exceptions.ResponseError) and not isinstance(
        error,
        exceptions.ReadOnlyError
        | exceptions.AskError
        | exceptions.TryAgainError
        | exceptions.ClusterDownError
        | exceptions.AuthenticationWrongNumberOfArgsError,
    ):
        if _NOT_NOW.search(text):
            return Trouble.AWAY, f"cannot do it now: {text}"
        return Trouble.REFUSED, f"refuses: {text}"
    return Trouble.AWAY, f"cannot be reached: {text}"
