"""A journal on a Redis cluster whose node is lost: the host waits for it, and has every entry once when it is back."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.runtime.journal import JournalAway
from agents.runtime.journal.redis_journal import RedisJournal
from tests.worlds.redis_cluster import Node, three_nodes

pytestmark = pytest.mark.slow


def test_entries_wait_for_the_node_that_keeps_them(tmp_path: Path) -> None:
    """Hosts on the other nodes' slots are told to wait, too, until the cluster is whole; acknowledged entries are all there,
    and the one that was not answered is there once."""
    with three_nodes(tmp_path, timeout_ms=1000) as cluster:
        hosts = [RedisJournal(cluster.by_all, "site", f"host-{k}", 1.0) for k in range(6)]
        for journal in hosts:
            assert journal.claim() == ()
            journal.append(1, b"first", 0)
        lost: Node = cluster.nodes[1]
        lost.kill()
        waiting = [journal for journal in hosts if not _appended(journal, 2)]
        assert waiting
        lost.start()
        cluster.await_whole()
        for journal in waiting:
            journal.append(2, b"second", 0)
        for journal in hosts:
            journal.append(3, b"third", 0)
            journal.close()
        for k in range(6):
            again = RedisJournal(cluster.by_all, "site", f"host-{k}", 1.0)
            assert again.claim() == ((1, b"first"), (2, b"second"), (3, b"third"))
            again.close()


def _appended(journal: RedisJournal, number: int) -> bool:
    try:
        journal.append(number, b"second", 0)
    except JournalAway:
        return False
    return True
