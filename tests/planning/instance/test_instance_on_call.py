"""A limit on call: the fail-safe begins when its caller falls silent, and ends by heartbeat and limit alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.instance.on_call import CalledLimit, OnCall, percent

NOON = datetime(2016, 6, 15, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PATIENCE = 15 * MINUTE
LIMIT = CalledLimit("n-1", 50_000, NOON + 60 * MINUTE, 30_000)
NEXT = CalledLimit("n-2", 60_000, NOON + 180 * MINUTE, 20_000)


def failed() -> OnCall:
    """A limit whose caller has been silent for 16 minutes."""
    return OnCall().called(LIMIT, NOON, PATIENCE).looked(NOON + 16 * MINUTE, PATIENCE)


def test_a_limit_holds_from_its_call_to_its_end_while_its_caller_is_heard() -> None:
    """50 kW; with heartbeats until the end; then none, by itself."""
    found = OnCall().called(LIMIT, NOON, PATIENCE)
    for minute in range(5, 60, 5):
        at = NOON + minute * MINUTE
        found = found.beaten(at, PATIENCE).looked(at, PATIENCE)
        assert found.import_w == 50_000
    assert found.looked(NOON + 60 * MINUTE, PATIENCE).import_w is None


def test_silence_brings_the_fail_safe_even_past_the_limits_end() -> None:
    """Heard until 11:10 and looked at after the limit's end: not free, but 30 kW, however long nothing comes."""
    quiet = OnCall().called(LIMIT, NOON, PATIENCE).beaten(NOON + 10 * MINUTE, PATIENCE)
    late = quiet.looked(NOON + 61 * MINUTE, PATIENCE)
    assert (late.import_w, late.looked(NOON + timedelta(days=3), PATIENCE).import_w) == (30_000, 30_000)


@pytest.mark.parametrize("first", ["limit", "heartbeat"])
def test_the_fail_safe_is_left_at_once_when_both_have_come_in_either_order(first: str) -> None:
    """After one of them it still holds; with the other the new limit does, without waiting for the next look."""
    at = NOON + 20 * MINUTE
    one = failed().called(NEXT, at, PATIENCE) if first == "limit" else failed().beaten(at, PATIENCE)
    assert one.import_w == 30_000
    both = one.beaten(at + MINUTE, PATIENCE) if first == "limit" else one.called(NEXT, at + MINUTE, PATIENCE)
    assert (both.import_w, both.failed_at) == (60_000, None)


def test_neither_a_lift_nor_what_is_stale_ends_the_fail_safe() -> None:
    """A lift is no limit; a heartbeat of 16 minutes ago does not count, nor a limit that is over by the heartbeat's time."""
    at = NOON + 20 * MINUTE
    lifted = failed().beaten(at, PATIENCE).lifted(at)
    assert lifted.import_w == 30_000
    assert failed().beaten(at, PATIENCE).called(NEXT, at + 16 * MINUTE, PATIENCE).import_w == 30_000
    assert failed().called(NEXT, at, PATIENCE).lifted(at).beaten(at, PATIENCE).import_w == 30_000
    assert failed().called(NEXT, at, PATIENCE).beaten(NEXT.until, PATIENCE).import_w == 30_000


STEPS = st.lists(st.tuples(st.sampled_from(["limit", "heartbeat", "lift", "look"]), st.integers(0, 20)), max_size=40)


@given(STEPS)
def test_whatever_comes_the_fail_safe_never_turns_into_no_limit(steps: list[tuple[str, int]]) -> None:
    """Out of the fail-safe leads only a limit, and only where a heartbeat and a limit have come since it began."""
    found, now, since = OnCall(), NOON, set[str]()
    for what, minutes in steps:
        before, now = found, now + minutes * MINUTE
        if what == "limit":
            found = found.called(CalledLimit("n", 50_000, now + 30 * MINUTE, 30_000), now, PATIENCE)
        elif what == "heartbeat":
            found = found.beaten(now, PATIENCE)
        else:
            found = found.lifted(now) if what == "lift" else found.looked(now, PATIENCE)
        since = {*since, what} if before.failed_at is not None else {what}
        if before.failed_at is not None:
            assert found.import_w == (30_000 if found.failed_at is not None else 50_000)
            assert found.failed_at is not None or {"limit", "heartbeat"} <= since


@pytest.mark.parametrize(
    ("import_w", "rest_w", "limitable_w", "pct"),
    [(50_000, 20_000, 60_000, 50), (50_000, 20_000, 20_000, 100), (10_000, 20_000, 60_000, 0), (20_100, 20_000, 60_000, 0),
     (50_000, -20_000, 60_000, 100), (1, 0, 0, 0)],
)  # fmt: skip
def test_the_share_keeps_the_limit_with_what_else_is_drawn(
    import_w: int, rest_w: int, limitable_w: int, pct: int
) -> None:
    """Rounded down; nothing where the rest alone is above the limit, or nothing can be limited."""
    assert percent(import_w, rest_w, limitable_w) == pct
    assert pct == 0 or rest_w + pct * limitable_w / 100 <= import_w
