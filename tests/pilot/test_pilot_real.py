"""`iles up --endpoints`: real sockets, real time. The devices are simulators that live in the present, and do not know us."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

pytestmark = pytest.mark.slow
ILES = [sys.executable, "-m", "experiments.cli.main"]


def started(folder: Path, log: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A command that goes on until it is stopped."""
    with (folder / log).open("wb") as out:
        return subprocess.Popen([*ILES, *arguments], cwd=folder, stdout=out, stderr=subprocess.STDOUT)


def stopped(process: subprocess.Popen[bytes]) -> int:
    """The exit code after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=30)


def until(what: Any, seconds: float = 40.0) -> Any:
    """The first true answer."""
    end = time.monotonic() + seconds
    while True:
        if found := what():
            return found
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.2)


class Up:
    """`iles up` in a folder, and its portal."""

    def __init__(self, folder: Path, log: str) -> None:
        self.folder, self.log = folder, folder / log
        arguments = ("--endpoints", "pilot.yaml", "--folder", "site", "--runtime", "local", "--port", "0")
        self.process = started(folder, log, "up", "strem", *arguments)
        self.url = until(self._portal)

    def _portal(self) -> str | None:
        text = " ".join(self.log.read_text().split())
        assert self.process.poll() is None, text
        _, found, rest = text.partition("portal at ")
        return rest.partition(", its")[0] if found else None

    def ask(self, route: str) -> Any:
        """A route's answer to the site's owner."""
        token = (self.folder / "site" / "portal.token").read_text().strip()
        request = urllib.request.Request(self.url + route, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with an endpoints file, whose devices live."""
    simulate = ("devices", "simulate", "strem", "--present", "--endpoints", "pilot.yaml", "--base-port", "0")
    devices = started(tmp_path, "devices.log", *simulate)
    try:
        until((tmp_path / "pilot.yaml").exists)
        yield tmp_path
    finally:
        stopped(devices)


def readings(folder: Path) -> list[dict[str, Any]]:
    """All that was measured."""
    parts = sorted((folder / "site" / "telemetry").glob("*.parquet"))
    return [row for part in parts for row in pq.ParquetFile(part).read().to_pylist()]


def keys(folder: Path) -> dict[str, bytes]:
    """Every party's key."""
    return {path.name: path.read_bytes() for path in (folder / "site" / "keys").iterdir()}


def test_a_site_lives_on_real_endpoints_and_goes_on_after_a_stop(folder: Path) -> None:
    """On the wall clock all agents live, all devices are read, the DSO sees prognoses for today.

    Stopped and started again the site is the same: its keys, its day, what its agents have handled.
    """
    begun = datetime.now(UTC)
    up = Up(folder, "first.log")
    until(lambda: up.ask("/dso/state")["prognoses"])
    health = up.ask("/health")
    assert (health["mode"], health["status"]) == ("wall clock", "ok"), health
    assert len(health["agents"]) >= 30
    assert all(agent["alive"] and not agent["failed_events"] for agent in health["agents"])
    assert not [agent for agent in health["agents"] if agent["device_fault"]]
    handled = {agent["name"]: agent["handled"] for agent in health["agents"]}
    assert stopped(up.process) == 0

    rows = readings(folder)
    devices = {agent["device"] for agent in health["agents"] if agent["device"] not in (None, "weather")}
    assert {row["source"] for row in rows if row["quality"] == "GOOD"} == devices
    assert {row["quality"] for row in rows} == {"GOOD"}
    assert all(begun - timedelta(minutes=1) <= row["at"] <= datetime.now(UTC) for row in rows)
    first, known = json.loads((folder / "site" / "site.json").read_text()), keys(folder)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder / "site" / "keys").iterdir())

    again = Up(folder, "second.log")
    until(lambda: again.ask("/dso/state")["prognoses"])
    health = again.ask("/health")
    assert health["status"] == "ok", health
    assert all(agent["handled"] >= handled[agent["name"]] > 0 for agent in health["agents"])
    assert all(agent["restarts"] == 0 for agent in health["agents"])
    assert json.loads((folder / "site" / "site.json").read_text()) == first
    assert keys(folder) == known
    assert stopped(again.process) == 0
    assert "goes on from here" in again.log.read_text()
    said = (folder / "first.log").read_text()
    assert "no weather service" in said
    assert not any(word in said for word in yaml.safe_load((folder / "pilot.yaml").read_text())["dial_in"].values())
