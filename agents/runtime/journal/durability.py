"""What a server that others run does not promise: asked once, told in sentences, decided by a person."""

from __future__ import annotations

from typing import Any

from agents.runtime.journal.wire import connect, translate
from cim.platform.redis_server import label, wire_errors

_KEY = {"appendonly": "aof_enabled", "maxmemory-policy": "maxmemory_policy"}  # where INFO tells what CONFIG tells


def durability_faults(url: str, timeout_s: float = 2.0) -> tuple[str, ...]:
    """One sentence for each promise a journal needs and the server does not give, or does not tell; () when all is well.

    A cluster is asked at every primary. Raises JournalAway (no answer), BadInput (address).
    """
    where = label(url)
    client: Any = connect(url, timeout_s)
    try:
        if hasattr(client, "get_primaries"):
            found = [
                fault
                for node in sorted(client.get_primaries(), key=lambda node: str(node.name))
                for fault in _faults_of(client.get_redis_connection(node), str(node.name))
            ]
        else:
            found = _faults_of(client, where)
    except wire_errors() as error:
        raise translate(error, where) from error
    finally:
        client.close()
    return tuple(found)


def _faults_of(client: Any, where: str) -> list[str]:
    """What one server does not promise."""
    told, unasked = _settings(client)
    found = []
    if told.get("appendonly", "yes") != "yes":
        found.append(
            f"{where} keeps no append-only file (appendonly is {told['appendonly']}): a restart loses the journal"
        )
    elif told.get("appendfsync", "always") != "always":
        found.append(
            f"{where} does not sync every append (appendfsync is {told['appendfsync']}, expected always): "
            "a power cut may lose what was acknowledged last"
        )
    elif told.get("no-appendfsync-on-rewrite", "no") != "no":
        found.append(
            f"{where} does not sync while it rewrites its file (no-appendfsync-on-rewrite is yes, expected no)"
        )
    policy = told.get("maxmemory-policy", "noeviction")
    if policy.startswith("allkeys"):  # the volatile policies touch only keys with an expiry, and a journal has none
        found.append(
            f"{where} may drop the journal when memory is short (maxmemory-policy is {policy}, expected noeviction)"
        )
    if unasked:
        found.append(
            f"{where} does not tell {', '.join(unasked)}: whether it keeps the journal is for its operator to say"
        )
    return found


def _settings(client: Any) -> tuple[dict[str, str], list[str]]:
    """The settings that matter, by CONFIG or, where that is forbidden, by INFO; and the names of those not told."""
    from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, ResponseError

    names = ["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy"]
    told: dict[str, str] = {}
    try:
        for name in names:
            told.update({_text(key): _text(value) for key, value in client.config_get(name).items()})
    except (AuthenticationError, AuthorizationError, BusyLoadingError):
        raise
    except ResponseError:  # forbidden, renamed or unknown: a managed service
        try:
            info = client.info("everything")
        except ResponseError:
            info = {}
        for name, key in _KEY.items():
            if key in info:
                told[name] = {"1": "yes", "0": "no"}.get(str(info[key]), str(info[key]))
    return told, [name for name in names if name not in told]


def _text(value: str | bytes) -> str:
    """Keys and values come as bytes or as text, by the client's mood."""
    return value.decode() if isinstance(value, bytes) else value
