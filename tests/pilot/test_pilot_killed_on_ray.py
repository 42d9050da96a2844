"""A living site on Ray whose process is killed while everybody waits: it is back at once, not at its next timer."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.worlds.market_days import corner_of_strem

pytestmark = pytest.mark.slow
STARTED_S, BACK_S, TRIES = 360, 180, 5
REVIVED = re.compile(r"revived\s+host=\S+ seconds=")


def hosts(mark: str) -> list[int]:
    """The processes of our agents: those of Ray's actors that carry our mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::Host") and mark.encode() in environment:
            found.append(int(folder.name))
    return sorted(found)


def health(url: str) -> Any:
    """What `/health` says, with status 200 or, where somebody is missing, 503."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
            return json.load(answer)
    except HTTPError as error:
        return json.load(error)


def kill_one(url: str, mark: str, log: Path) -> tuple[Any, Any]:
    """What `/health` said when all were there, and says when all are there again after one process was killed."""
    before = health(url)
    while before["alive"] < before["agents"]:
        time.sleep(1)
        before = health(url)
    revived = len(REVIVED.findall(log.read_text()))
    os.kill(hosts(mark)[0], signal.SIGKILL)
    killed = time.monotonic()
    while True:
        assert time.monotonic() - killed < BACK_S, log.read_text()
        back = len(REVIVED.findall(log.read_text())) > revived
        now = health(url)
        if back and now["alive"] == now["agents"]:
            return before, now
        time.sleep(0.2)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux's /proc")
def test_a_process_killed_between_two_instants_is_brought_back_before_the_next(tmp_path: Path) -> None:
    """On the wall clock's pace the next instant is minutes away; all agents are alive again long before, at the same instant."""
    mark, log = secrets.token_hex(8), tmp_path / "up.log"
    options = ("--folder", tmp_path / "site", "--agents-per-actor", "8", "--speed", "1", "--port", "0")
    with log.open("wb") as out:
        site = subprocess.Popen(
            [sys.executable, "-m", "experiments.cli.main", "up", str(corner_of_strem(tmp_path)), *map(str, options)],
            stdout=out, stderr=out, env={**os.environ, "ILES_TEST_MARK": mark},
        )  # fmt: skip
    try:
        begun = time.monotonic()
        while (told := re.search(r"portal at (http://[0-9.:]+)", log.read_text().replace("\n", " "))) is None:
            assert site.poll() is None, log.read_text()
            assert time.monotonic() - begun < STARTED_S, log.read_text()
            time.sleep(0.5)
        url = told[1]
        for _ in range(TRIES):
            before, now = kill_one(url, mark, log)
            if now["now"] == before["now"]:  # else an instant came in between, which proves nothing
                break
        assert now["now"] == before["now"], "in every try an instant came in between"
    finally:
        site.send_signal(signal.SIGTERM)
        site.wait(180)
    assert site.returncode == 0, log.read_text()
