"""What meters told of a day: what is remembered of it between two questions is never older than what was told."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.roles.identity import AgentIdentity
from agents.roles.parts.meter_data import MeterData, MeterDataState
from market.uftp import Header, Metering, MeteringProfile
from tests.worlds import players
from tests.worlds.players import DAY, FIRST

CONNECTIONS = {"ean.farm-a": "farm-a", "ean.farm-b": "farm-b", "ean.late": "farm-b"}
_LEAVES = frozenset({"ean.late"})  # connections that another party serves on the day


def meter_data(serves: frozenset[str] = frozenset(CONNECTIONS)) -> MeterData:
    """A party's, for these connections, of which it serves some on the day."""
    me = AgentIdentity("agr", players.rules(), players.key("agr"))
    part = MeterData(me, CONNECTIONS, elements=True, facilitator="dso", served=lambda ean, _: ean in serves)
    part.emit = lambda _event, _now: []
    return part


def told(owner: str, meter: str, level_w: int) -> Metering:
    """What a meter showed of the day, by its owner."""
    header = Header(f"{owner}.example", "agr.example", DAY.end, f"m-{owner}-{meter}-{level_w}", "c-1")
    return Metering(
        header, FIRST, meter, 1, (MeteringProfile("Power", "W", (level_w,) * DAY.count),), "Europe/Vienna", 15
    )


METERS = [
    ("farm-a", "ean.farm-a"),
    ("farm-b", "ean.farm-b"),
    ("farm-b", "ean.late"),
    ("farm-a", "farm-a.pv"),
    ("farm-b", "farm-b.ev"),
]


@given(st.lists(st.tuples(st.sampled_from(METERS), st.integers(0, 2)), max_size=9), st.booleans())
@settings(deadline=None)
def test_questions_between_tellings_change_no_answer(tellings: list[tuple[tuple[str, str], int]], leaves: bool) -> None:
    """Whoever asks after each telling hears at each what somebody hears who never asked before; the day is complete once
    every connection that is served has told it, in whatever order.
    """
    serves = frozenset(CONNECTIONS) - (_LEAVES if leaves else frozenset())
    asked = meter_data(serves)
    for number, ((owner, meter), level_w) in enumerate(tellings):
        message = replace(told(owner, meter, level_w), revision=number + 1)
        asked.metered(message, owner, DAY.end)
        fresh = meter_data(serves)
        fresh.state = MeterDataState(dict(asked.state.metering), asked.state.closed)
        assert asked.connection_days(CONNECTIONS, FIRST) == fresh.connection_days(CONNECTIONS, FIRST)
        due = [ean for ean in CONNECTIONS if ean in serves]
        assert asked.complete(FIRST) == fresh.complete(FIRST) == all(asked.of(ean, FIRST) for ean in due)


def test_a_state_from_elsewhere_is_asked_afresh() -> None:
    """After a snapshot is taken up, and after days are dropped, nothing of what was found before counts."""
    part, empty = meter_data(), meter_data()
    for owner, meter in METERS:
        part.metered(told(owner, meter, 1), owner, DAY.end)
    assert part.complete(FIRST)
    (day,) = part.connection_days(["ean.farm-a"], FIRST)
    assert [metering.ean for metering in day.elements] == ["farm-a.pv"]
    full, part.state = part.state, empty.state
    part.restored()
    assert not part.complete(FIRST)
    assert part.connection_days(["ean.farm-a"], FIRST)[0].elements == ()
    part.state = full
    part.restored()
    assert part.complete(FIRST)
    part.prune(FIRST.replace(year=FIRST.year + 1))
    assert not part.complete(FIRST)
    assert part.connection_days(["ean.farm-a"], FIRST)[0].elements == ()
