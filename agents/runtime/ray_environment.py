"""Starts Ray as ILES wants it. This module must be imported, and `start_ray` called, before anything imports Ray."""

from __future__ import annotations

import logging
import os
import secrets


def start_ray() -> None:
    """Start Ray for this process on loopback, with token authentication and without a dashboard, unless it runs."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"] == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # An agent per actor means many workers on purpose; Ray would warn of each dozen.
    os.environ.setdefault("RAY_worker_maximum_startup_concurrency", "1000")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray  # reads these variables when it is loaded, so not before

    if ray.is_initialized():
        return
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, _node_ip_address="127.0.0.1")
