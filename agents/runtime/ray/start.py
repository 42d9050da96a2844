"""Starts Ray as ILES wants it. This module must be imported, and `start_ray` called, before anything imports Ray."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from agents.runtime.ray.reports import log_reports
from cim.model.errors import BadInput, ProgrammingFault
from cim.platform.exposure import is_loopback, refuse_public

_CONNECT_S = 5.0


def start_ray(
    address: str | None = None,
    node_ip: str = "127.0.0.1",
    dashboard_host: str | None = None,
    log: Path | None = None,
) -> None:
    """Start Ray for this process with token authentication and without a dashboard, or join a cluster, unless it runs.

    Args:
        address: of a running cluster's head, `host:port` (or `auto`: the one on this machine); without it
            `RAY_ADDRESS` counts, and without that a Ray of its own is started.
        node_ip: what that Ray of its own listens on and tells others; without effect on a cluster joined.
        dashboard_host: interface of Ray's dashboard; None: no dashboard. Loopback only: whoever reaches it runs code
            here, and its pages and token travel in clear.
        log: file for what Ray reports of its processes; see `log_reports`.

    Raises:
        BadInput: Ray could be reached from other machines without a token, or a cluster is to be joined without one.
        ProgrammingFault: Ray was imported too early, or listens elsewhere than it was told.
    """
    joined = address or os.environ.get("RAY_ADDRESS") or None
    if joined == "local":
        joined = None
    if dashboard_host is not None and not is_loopback(dashboard_host):
        raise BadInput(
            f"Ray's dashboard: host {dashboard_host!r} can be reached from other machines, where it would let anyone who "
            "reads along run code; expected a loopback address such as 127.0.0.1 (use an SSH tunnel from elsewhere)"
        )
    if dashboard_host is not None and find_spec("aiohttp_cors") is None:
        raise BadInput("Ray's dashboard: it is not installed; expected the package ray[default], or no dashboard host")
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        return
    before = dict(os.environ)
    prepare_ray(joined, node_ip)
    if joined is not None:
        _try_port(joined)
    refuse_late(before)
    if joined is not None:
        _join(joined, log)
        return
    import ray  # reads its variables when it is loaded, so not before

    log_reports(log)
    ray.init(
        address="local",  # never a Ray that somebody else left running here
        include_dashboard=dashboard_host is not None,
        dashboard_host=dashboard_host or "127.0.0.1",
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address=node_ip,
    )
    told: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    if is_loopback(node_ip) and not is_loopback(told):
        ray.shutdown()  # a version of Ray that does not keep to it: see prepare_ray
        raise ProgrammingFault(f"Ray listens on {told}; expected {node_ip}")


def refuse_late(before: dict[str, str]) -> None:
    """After `prepare_ray`: Ray reads its settings when it is loaded, so it must not have been loaded without them.

    Raises:
        ProgrammingFault: it was, in an environment that was still as `before`.
    """
    if "ray" in sys.modules and os.environ != before:
        raise ProgrammingFault(
            "Ray was imported before start_ray and has missed its settings; expected start_ray first"
        )


def stop_ray() -> None:
    """End this process's part in Ray, and a Ray of its own altogether; from then on Ray prints nothing more."""
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


def prepare_ray(address: str | None = None, node_ip: str = "127.0.0.1") -> None:
    """Set Ray's variables in this process's environment, for what it starts itself (`ray.cluster_utils`) as well.

    Args:
        address, node_ip: see `start_ray`.

    Raises:
        BadInput: see `start_ray`.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    token = os.environ["RAY_AUTH_MODE"].lower() == "token"
    host = node_ip if address is None else _host(address)
    refuse_public(host, token, "Ray (RAY_AUTH_MODE is not token)")
    if token and not _token_named():
        if address is None and is_loopback(node_ip):
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        elif not _holds_token(Path.home() / ".ray" / "auth_token"):
            raise BadInput(
                f"Ray's token: none was found for {address or node_ip!r}; expected the cluster's token in RAY_AUTH_TOKEN, "
                "in the file that RAY_AUTH_TOKEN_PATH names, or in ~/.ray/auth_token"
            )
    if address != "auto" and is_loopback(host):
        # Else Ray takes 127.0.0.1 to mean the machine's outward address: it listens on every interface, and looks for a
        # cluster on loopback where there is none (2.60, on Linux).
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # An agent per actor means many workers on purpose; Ray would warn of each dozen.
    os.environ.setdefault("RAY_worker_maximum_startup_concurrency", "1000")
    # Ray's 15 leaves its workers next to nothing beside anything else that is busy, and these steer devices; still behind
    # Ray's own processes, which must answer while dozens of workers start.
    os.environ.setdefault("RAY_worker_niceness", "5")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


def _join(address: str, log: Path | None) -> None:
    # Each try at a head that answers but refuses takes a second; Ray would make twenty.
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "5")
    import ray

    log_reports(log)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.AuthenticationError) as error:
        if "InvalidAuthToken" in f"{error} {error.__cause__}":
            reason = "its token is another one"
        else:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInput(
            f"Ray's cluster at {address!r} cannot be joined ({reason}); expected a running head and the same token there"
        ) from error


def _try_port(address: str) -> None:
    """Ray would try for many minutes where nothing listens."""
    if address == "auto" or "://" in address:
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.removeprefix("[").removesuffix("]"), int(port)), _CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise BadInput(
            f"Ray's cluster at {address!r} cannot be reached ({error}); expected HOST:PORT of a running head"
        ) from error


def _host(address: str) -> str:
    """The host of `host:port`, `ray://host:port` or `[v6]:port`; `auto` is a cluster on this machine."""
    if address == "auto":
        return "localhost"
    bare = address.rpartition("://")[2]
    return bare.rpartition(":")[0] or bare


def _token_named() -> bool:
    """Whether a variable gives Ray its token or names the file; Ray looks in the home folder only after these."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if not named:
        return False
    if not _holds_token(Path(named)):
        raise BadInput(f"RAY_AUTH_TOKEN_PATH: no token can be read from {named!r}; expected a file that holds one")
    return True


def _holds_token(path: Path) -> bool:
    try:
        return bool(path.read_text(encoding="utf-8").strip())
    except OSError:
        return False
