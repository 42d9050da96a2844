"""Failures of a journal's server on purpose, for experiments: killed, or emptied."""

from __future__ import annotations

import os
import signal

from agents.runtime.journal.wire import connect


def kill_server(url: str) -> None:
    """SIGKILL the server's process, which must be on this machine."""
    client = connect(url, 2.0)
    try:
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
    finally:
        client.close()


def empty_server(url: str) -> None:
    """Delete all that the server keeps."""
    client = connect(url, 2.0)
    try:
        client.flushall()
    finally:
        client.close()
