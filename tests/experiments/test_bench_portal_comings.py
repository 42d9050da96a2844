"""Clients that come and go leave nothing behind: the short form of what `iles bench portal` counts for a thousand of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.bench.portal_comings import comings

pytestmark = pytest.mark.slow


def test_clients_that_come_and_go_leave_no_task_timer_file_or_memory(tmp_path: Path) -> None:
    """After a hundred each by HTTP, by server-sent events and by WebSocket, all gone without a word: as before them."""
    before, after = comings(tmp_path, 100)
    assert (after.tasks, after.listeners) == (before.tasks, before.listeners) == (2, 0)
    assert after.timers <= before.timers
    assert after.files <= before.files
    assert after.objects - before.objects < 10 * 100  # of 300 clients not three objects each
    assert after.memory_mb - before.memory_mb < 40
