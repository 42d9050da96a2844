"""A living site whose disk becomes full amid orders: it waits, says so, goes on when there is room, and settles as ever."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cim.platform.orchestrator.status import status_of
from market.ledger.verify import verify
from tests.pilot.test_pilot_stopped import PATIENCE_S, alive, orders, published

pytestmark = pytest.mark.slow
STANDSTILL_S = 8.0


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("only who may mount can have a small disk; expected root, or a container that lets mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is, to the last byte that others could use."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            return ballast


def test_a_full_disk_amid_activations_loses_and_doubles_nothing(tmp_path: Path, corner_day: Path) -> None:
    """Twice there is no room for some seconds: nothing goes on, the status says why; then it settles as undisturbed.

    Whoever finds no room first holds up the rest: the journal's server, the ledger, or the store. None ends in a traceback.
    The simulated devices' log lies elsewhere: real devices need no room here, and a device that refuses is another day.
    """
    undisturbed = shutil.copytree(corner_day, tmp_path / "run")  # who opens a store may write to it
    in_all = orders(undisturbed / "ledger.db")
    told = tmp_path / "told"
    with small_disk(tmp_path / "disk", 200) as disk, told.open("wb") as out:
        folder = disk / "site"
        folder.mkdir()
        (folder / "world.log").symlink_to(tmp_path / "world.log")
        ledger, begun, marks = folder / "ledger.db", time.monotonic(), [1 + in_all // 3, 1 + 2 * in_all // 3]
        site = alive(undisturbed / "corner.yaml", folder, out=out)
        while site.poll() is None:
            assert time.monotonic() - begun < PATIENCE_S, "the site came to no end"
            time.sleep(0.1)
            if marks and orders(ledger) >= marks[0]:
                marks.pop(0)
                ballast = fill(disk)
                time.sleep(STANDSTILL_S / 2)
                before = orders(ledger)
                time.sleep(STANDSTILL_S / 2)
                assert site.poll() is None, site.communicate()[1]
                assert orders(ledger) == before
                assert "free" in status_of(folder).disk
                ballast.unlink()
        assert (site.returncode, marks) == (0, []), site.communicate()[1]
        site.communicate()
        assert "Traceback" not in told.read_text()
        assert verify(ledger).head == verify(undisturbed / "ledger.db").head
        assert published(folder) == published(undisturbed)
