"""A journal on a real server that lost what it knew says so, whatever came before: in all things as the one in memory does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.assembly.journal_server.embedded import EmbeddedRedis
from agents.runtime.journal import Journal, JournalEmptied, JournalFenced
from agents.runtime.journal.redis_journal import RedisJournal
from cim.model.errors import IlesError
from tests.worlds.memory_journal import MemoryJournal, MemoryStore

pytestmark = pytest.mark.slow
_names = (f"host-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """One server for the tests that leave it as it was."""
    with EmbeddedRedis(tmp_path_factory.mktemp("journal")) as running:
        yield running


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator[Any]:
    """A plain client, to meddle with the server's data."""
    with redis.Redis.from_url(server.url) as plain:
        yield plain


def _journal(server: EmbeddedRedis, host: str, timeout_s: float = 5.0) -> RedisJournal:
    return RedisJournal(server.url, "test", host, timeout_s)


def test_an_emptied_server_is_noticed_and_written_anew(server: EmbeddedRedis, client: Any) -> None:
    """FLUSHALL between two appends: the next one says so, a rewrite makes it whole, and the older life stays out."""
    host = next(_names)
    older, journal = _journal(server, host), _journal(server, host)
    older.claim()
    journal.claim()
    for number in (1, 2, 3):
        journal.append(number, b"step", 1)
    client.flushall()
    with pytest.raises(JournalEmptied, match="entry 4 is next, but the server's last is none"):
        journal.append(4, b"step", 1)
    journal.rewrite(4, b"whole")
    journal.rewrite(4, b"whole")
    journal.append(5, b"step", 4)
    with pytest.raises(JournalFenced):
        older.rewrite(1, b"ghost")
    assert journal.claim() == ((4, b"whole"), (5, b"step"))
    client.flushall()
    late = _journal(server, host)
    assert late.claim() == ()
    with pytest.raises(JournalFenced):
        journal.append(6, b"ghost", 4)
    for one in (older, journal, late):
        one.close()


def test_a_server_that_fell_back_is_noticed(server: EmbeddedRedis, client: Any) -> None:
    """Back from an older state: entries that were acknowledged are missing, or even our claim is. Both are told."""
    host = next(_names)
    older, journal = _journal(server, host), _journal(server, host)
    older.claim()
    older.append(1, b"a", 1)
    meta, entries = older._keys
    state = {key: client.dump(key) for key in (meta, entries)}
    journal.claim()

    def fall_back() -> None:
        for key, value in state.items():
            client.restore(key, 0, value, replace=True)

    fall_back()
    with pytest.raises(JournalEmptied):  # its number would fit, but the older life could write as well
        journal.append(2, b"b", 1)
    journal.rewrite(2, b"whole")
    journal.append(3, b"c", 2)
    fall_back()
    with pytest.raises(JournalEmptied, match="entry 4 is next, but the server's last is 1"):
        journal.append(4, b"d", 2)
    assert journal.claim() == ((1, b"a"),)
    with pytest.raises(JournalEmptied, match="entry 3 is next"):
        journal.append(3, b"c", 1)
    older.close()
    journal.close()


@pytest.mark.parametrize("gone", ["entries", "meta", "middle", "tail"])
def test_a_journal_that_lost_a_part_says_so_at_the_claim(server: EmbeddedRedis, client: Any, gone: str) -> None:
    """Entries or their record evicted or deleted: never silently begun anew; any rewrite makes it whole again."""
    host = next(_names)
    key = f"{{iles:test:{host}}}"
    journal = _journal(server, host)
    journal.claim()
    for number in range(1, 6):
        journal.append(number, b"step", 1)
    damage = {
        "entries": lambda: client.delete(f"{key}:entries"),
        "meta": lambda: client.delete(f"{key}:meta"),
        "middle": lambda: client.xdel(f"{key}:entries", "3-0"),
        "tail": lambda: client.xdel(f"{key}:entries", "5-0"),
    }
    damage[gone]()
    if gone in ("entries", "meta"):
        with pytest.raises(JournalEmptied):
            journal.append(6, b"step", 1)
    for _ in range(2):  # also when the one that found out dies before it has rewritten it
        with pytest.raises(JournalEmptied, match="evicted or deleted"):
            journal.claim()
        with pytest.raises(JournalEmptied, match="not rewritten yet"):
            journal.append(6, b"step", 1)
    journal.rewrite(2, b"whole")
    journal.append(3, b"step", 2)
    assert journal.claim() == ((2, b"whole"), (3, b"step"))
    journal.close()


_STEPS = st.one_of(
    st.tuples(st.just("claim"), st.integers(0, 1)),
    st.tuples(st.just("empty"), st.just(0)),
    st.tuples(
        st.sampled_from(("append", "rewrite")),
        st.sampled_from((1, 1, 1, 0)),  # which life
        st.sampled_from((0, 0, 0, 0, 1, 1, -1, 2)),  # how far behind its last
        st.binary(max_size=2),
        st.integers(0, 4),  # how many before it are still needed
    ),
)


def _play(journals: list[Journal], empty: Any, steps: list[Any]) -> list[str]:
    """What each step ends in; numbers follow what a life was last acknowledged, so that most steps make sense."""
    ends, last = [], [0, 0]
    for kind, who, *rest in [("claim", 0), ("claim", 1), *steps]:
        try:
            if kind == "empty":
                empty()
            elif kind == "claim":
                found = journals[who].claim()
                last[who] = found[-1][0] if found else 0
            else:
                number = last[who] + 1 - rest[0]
                if kind == "append":
                    journals[who].append(number, rest[1], max(0, number - rest[2]))
                else:
                    journals[who].rewrite(number, rest[1])
                last[who] = number
            ends.append("done")
        except IlesError as error:
            ends.append(type(error).__name__)
    return ends


@settings(max_examples=250)
@given(steps=st.lists(_STEPS, max_size=40))
def test_the_server_answers_as_the_memory_does(server: EmbeddedRedis, steps: list[Any]) -> None:
    """Two lives of a host in any order of claims, appends, repeats, gaps, rewrites and an emptied server: the same ends."""
    host, store = next(_names), MemoryStore()
    on_server: list[Journal] = [_journal(server, host), _journal(server, host)]
    in_memory: list[Journal] = [MemoryJournal(store), MemoryJournal(store)]
    with redis.Redis.from_url(server.url) as plain:
        ends = _play(on_server, lambda: plain.delete(*on_server[0]._keys), steps)  # type: ignore[attr-defined]
    assert ends == _play(in_memory, store.empty, steps)
    kept = tuple(sorted(store.entries.items()))
    found = on_server[0].claim()
    assert found[len(found) - len(kept) :] == kept
    assert not kept or [number for number, _ in found] == list(range(found[0][0], kept[-1][0] + 1))
    for journal in on_server:
        journal.close()
