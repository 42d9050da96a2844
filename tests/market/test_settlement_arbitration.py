"""A dispute is decided by what the meter's reader repeats, and by nothing that neither party was told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.errors import LocalProtocolError, RemoteProtocolError
from market.settlement.arbitration import ARBITRATION, Event, Meter, Party, State, copies, differing, right_copy
from market.uftp import Header, Metering, MeteringProfile

DAY = date(2026, 5, 20)
FACTS = st.lists(
    st.tuples(st.sampled_from(["home.example", "farm.example"]), st.sampled_from("ab"), st.integers(0, 2)), max_size=6
)


def metering(reader: str, ean: str, watts: int, revision: int = 1) -> Metering:
    """What a reader told of a meter: the same watts in two ISPs."""
    header = Header(reader, "agr.example", datetime(2026, 5, 21, tzinfo=UTC), f"m-{revision}", "c")
    return Metering(header, DAY, ean, revision, (MeteringProfile("Power", "W", (watts, watts)),), "Europe/Vienna")


def test_a_copy_is_known_by_who_reads_the_meter_and_its_name() -> None:
    """Two meters of one name with two readers are two; of one meter told twice the last telling is the copy."""
    first, other, again = metering("a", "x", 1), metering("b", "x", 2), metering("a", "x", 3, 2)
    assert copies([first, other, again]) == {("a", "x"): again, ("b", "x"): other}
    assert copies([]) == {}


@given(ours=FACTS, theirs=FACTS)
def test_asked_again_is_what_both_hold_and_hold_differently(
    ours: list[tuple[str, str, int]], theirs: list[tuple[str, str, int]]
) -> None:
    """Against plain counting: in order of reader and name, the same from either side, and never what one party alone holds."""
    mine, yours = (copies(metering(*fact) for fact in facts) for facts in (ours, theirs))
    wanted: list[Meter] = [
        meter
        for meter in sorted({(reader, ean) for reader, ean, _ in [*ours, *theirs]})
        if meter in mine and meter in yours and mine[meter].profiles[0].values != yours[meter].profiles[0].values
    ]
    assert list(differing(mine, yours)) == wanted
    assert differing(mine, yours) == differing(yours, mine)
    assert differing(mine, mine) == ()


def test_how_often_a_meter_was_told_is_no_difference() -> None:
    """Revision, message and time may differ: only what was measured counts."""
    one, two = metering("a", "x", 5, 1), metering("a", "x", 5, 2)
    assert one != two
    assert differing(copies([one]), copies([two])) == ()


def test_every_profile_counts() -> None:
    """Another unit, type, number of values, or a profile more is a difference, though the powers are the same."""
    plain = metering("a", "x", 5)
    (power,) = plain.profiles
    others = (
        replace(power, unit="kW"),
        replace(power, profile_type="ImportEnergy"),
        replace(power, values=(5,)),
    )
    for profiles in (*((other,) for other in others), (power, replace(power, profile_type="Metered")), ()):
        assert differing(copies([plain]), copies([replace(plain, profiles=profiles)])) == (("a", "x"),)


def test_two_of_three_decide() -> None:
    """The reader repeats what one party holds: that copy is right, whoever holds it; a third value decides nothing."""
    ours, theirs = metering("a", "x", 5), metering("a", "x", 7)
    for held in ([ours, theirs], [theirs, ours]):
        assert right_copy(metering("a", "x", 5, 9), held) is ours
        assert right_copy(metering("a", "x", 7, 9), held) is theirs
        assert right_copy(metering("a", "x", 6, 9), held) is None
    assert right_copy(ours, []) is None


@given(repeated=st.integers(0, 3), held=st.lists(st.integers(0, 3), max_size=3))
def test_nothing_is_decided_by_a_value_that_no_party_was_told(repeated: int, held: list[int]) -> None:
    """What is decided is always one of the parties' copies, and the one that the reader repeats."""
    told = [metering("a", "x", watts, k) for k, watts in enumerate(held)]
    found = right_copy(metering("a", "x", repeated), told)
    assert (found is None) == (repeated not in held)
    if found is not None:
        assert found in told
        assert found.profiles[0].values == (repeated, repeated)


_P, _E, _S = Party, Event, State
ALIKE = [(_P.PARTY, _E.DISPUTE), (_P.PARTY, _E.DISPUTE), (_P.FACILITATOR, _E.DECISION)]
ASKED = [*ALIKE[:2], (_P.FACILITATOR, _E.QUESTION), (_P.METER, _E.ANSWER), (_P.METER, _E.ANSWER),
         (_P.FACILITATOR, _E.DECISION)]  # fmt: skip
ALONE = [(_P.PARTY, _E.DISPUTE), (_P.TIME, _E.DEADLINE), (_P.FACILITATOR, _E.DECISION)]


@pytest.mark.parametrize("way", [ALIKE, ASKED, ALONE], ids=["alike", "asked", "one party alone"])
def test_a_dispute_goes_its_way_to_a_decision_and_no_further(way: list[tuple[Party, Event]]) -> None:
    """Heard on both sides or at the deadline, asked where copies differ, decided once; what that leaves open people answer
    once, nobody else does, and then nothing follows."""
    state = ARBITRATION.start
    for party, event in way:
        assert state is not _S.DECIDED
        state = ARBITRATION.next_state(state, party, event, ours=party is _P.FACILITATOR)
    assert state is _S.DECIDED
    for party in Party:
        for event in Event:
            further = _S.ANSWERED if (party, event) == (_P.PEOPLE, _E.DECISION) else None
            assert ARBITRATION.allowed(_S.DECIDED, party, event, ours=False) is further
            assert ARBITRATION.allowed(_S.ANSWERED, party, event, ours=False) is None


@pytest.mark.parametrize(
    ("state", "party", "event"),
    [
        (_S.NONE, _P.FACILITATOR, _E.DECISION),  # nobody asked
        (_S.RAISED, _P.FACILITATOR, _E.DECISION),  # the other party was not heard, and time is left
        (_S.RAISED, _P.FACILITATOR, _E.QUESTION),
        (_S.HEARD, _P.PARTY, _E.DISPUTE),  # a third word
        (_S.HEARD, _P.METER, _E.ANSWER),  # nobody asked the meter
        (_S.ASKED, _P.FACILITATOR, _E.QUESTION),
        (_S.ASKED, _P.PARTY, _E.DISPUTE),
        (_S.HEARD, _P.PARTY, _E.DECISION),  # a party decides its own case
        (_S.HEARD, _P.PEOPLE, _E.DECISION),  # the meters' readers come first
        (_S.ASKED, _P.PEOPLE, _E.DECISION),
        (_S.ANSWERED, _P.PEOPLE, _E.DECISION),  # people decide once
    ],
)
def test_nothing_is_decided_before_its_time(state: State, party: Party, event: Event) -> None:
    """Each step out of turn is the breach of who takes it."""
    with pytest.raises(LocalProtocolError):
        ARBITRATION.next_state(state, party, event, ours=True)
    with pytest.raises(RemoteProtocolError, match=f"Arbitration of a dispute: {event} is not allowed while {state}"):
        ARBITRATION.next_state(state, party, event, ours=False)
