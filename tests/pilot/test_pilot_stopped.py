"""A living site that is stopped, and killed, while orders are delivered: it goes on, and settles as if nothing had been.

After the kill another release goes on: its agents' states have fields that the killed one's had not, before all others.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.base import Publication
from cim.platform.publications.families import FAMILIES
from cim.platform.publications.site import SiteDescribed
from market.ledger.verify import verify
from tests.worlds.market_days import SEED

pytestmark = pytest.mark.slow
ILES = [sys.executable, "-m", "experiments.cli.main"]
# To the whole group, as Ctrl-C and `timeout` have it; and to the one process, as a power failure would have it.
STOPS = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT)
PATIENCE_S = 400
SOURCE = Path(__file__).resolve().parents[2]
PACKAGES = ("cim", "environment", "devices", "market", "agents", "portal", "pilot", "experiments")
CHANGED = {
    "agents/roles/prosumer/energy_metering.py": "    energy: IspEnergy = field(default_factory=IspEnergy)\n",
    "agents/roles/aggregator/correction.py": "    due: dict[str, datetime] = field(default_factory=dict)\n",
}


def later_release(folder: Path) -> Path:
    """A copy of the source, changed: what two parts keep in their states has one more field, and it stands first."""
    for package in PACKAGES:
        shutil.copytree(SOURCE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file, first_field in CHANGED.items():
        before = (folder / file).read_text()
        assert before.count(first_field) == 1, f"{file} does not say {first_field!r} once"
        (folder / file).write_text(before.replace(first_field, f'    mood: str = "fresh"\n{first_field}'))
    return folder


def alive(site: Path, folder: Path, release: Path = SOURCE, out: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """`iles up` on this folder by that release of ILES, hurried: a day in some seconds."""
    options = (
        "--days",
        "1",
        "--seed",
        SEED,
        "--speed",
        "9000",
        "--runtime",
        "local",
        "--port",
        "0",
        "--folder",
        folder,
    )
    command = [*ILES, "up", str(site), *map(str, options)]
    return subprocess.Popen(
        command,
        stdout=out,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=release,
        env={**os.environ, "PYTHONPATH": str(release)},
    )


def end(site: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    """Stop it, or kill it."""
    if signum is signal.SIGKILL:
        site.kill()
    else:
        os.killpg(site.pid, signum)


def orders(ledger: Path) -> int:
    """How many orders to members are recorded so far."""
    try:
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as file:
            (count,) = file.execute("SELECT count(*) FROM records WHERE kind = 'member-order'").fetchone()
    except sqlite3.Error:
        return 0
    return int(count)


def published(folder: Path) -> Counter[tuple[str, Publication]]:
    """Everything that agents told the platform, but for readings and what the starts themselves told."""
    store = ParquetStore(folder, keep=True)
    try:
        families = [family for family in FAMILIES.values() if family is not SiteDescribed]
        return Counter((told.agent, told.publication) for family in families for told in store.told(family))
    finally:
        store.close()


def test_stopped_amid_activations_it_settles_as_undisturbed(tmp_path: Path, corner_day: Path) -> None:
    """Twice its group is asked to end, once it is killed and a later release goes on: all is as undisturbed."""
    undisturbed = shutil.copytree(corner_day, tmp_path / "run")  # who opens a store may write to it
    place, folder, stops = undisturbed / "corner.yaml", tmp_path / "site", list(STOPS)
    ledger, in_all = folder / "ledger.db", orders(undisturbed / "ledger.db")
    assert in_all > len(STOPS), "too few orders to stop amid them"
    marks = [1 + in_all * number // (len(STOPS) + 1) for number in range(len(STOPS))]
    begun, release = time.monotonic(), SOURCE
    site = alive(place, folder)
    while site.poll() is None:
        assert time.monotonic() - begun < PATIENCE_S, "the site came to no end"
        time.sleep(0.1)
        if stops and orders(ledger) >= marks[0]:
            marks.pop(0)
            end(site, signum := stops.pop(0))
            _, said = site.communicate()
            assert site.returncode == (-signum if signum is signal.SIGKILL else 0), said
            if signum is signal.SIGKILL:
                release = later_release(tmp_path / "later")
            site = alive(place, folder, release)
    assert site.returncode == 0, site.communicate()[1]
    site.communicate()
    assert not stops
    assert verify(ledger).head == verify(undisturbed / "ledger.db").head
    assert published(folder) == published(undisturbed)
