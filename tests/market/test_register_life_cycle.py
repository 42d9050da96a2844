"""Every move of a unit's life in every state: who may make it, where it leads, and what the register holds afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from market.assets.publication import AssetPublication
from market.errors import RemoteProtocolError
from market.register.lifecycle import LIFE_CYCLE, USABLE, UnitEvent, UnitParty, UnitState
from market.register.prequalification import ProductRules, prequalification_fault
from market.register.register import FlexibilityRegister
from market.register.units import CONGESTION_MANAGEMENT, RegisteredUnit, UnitLimit, UnitMove, UnitProduct

POINT = "ea1.2026-01.example:mv"
ASSET = AssetPublication("bess", "battery", "care.example", "AT001", POINT, 250_000, -150_000)
LARGER = replace(ASSET, max_consumption_w=300_000)
DEARER = replace(ASSET, cost_e4_per_kwh=900)
KEY = UnitProduct("bess", CONGESTION_MANAGEMENT)
NOW = datetime(2026, 5, 20, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DSO, OWNER, AGR, OTHER, TIME = "dso.example", "care.example", "agr.example", "other.example", ""
LIMIT = UnitLimit(10_000, -20_000, NOW + HOUR)

# Each event as its party would make it well, and that party.
MOVES: dict[UnitEvent, tuple[UnitMove, str]] = {
    UnitEvent.APPLICATION: (UnitMove(KEY, UnitEvent.APPLICATION, NOW, LARGER, provider=AGR), OWNER),
    UnitEvent.REVISION: (UnitMove(KEY, UnitEvent.REVISION, NOW, DEARER), OWNER),
    UnitEvent.PREQUALIFICATION: (UnitMove(KEY, UnitEvent.PREQUALIFICATION, NOW, congestion_point=POINT), DSO),
    UnitEvent.REFUSAL: (UnitMove(KEY, UnitEvent.REFUSAL, NOW, reason="it failed a test"), DSO),
    UnitEvent.LIMIT: (UnitMove(KEY, UnitEvent.LIMIT, NOW, limit=LIMIT, reason="a cable is mended"), DSO),
    UnitEvent.LIMIT_LIFTED: (UnitMove(KEY, UnitEvent.LIMIT_LIFTED, NOW), DSO),
    UnitEvent.LIMIT_END: (UnitMove(KEY, UnitEvent.LIMIT_END, NOW), TIME),
    UnitEvent.SWITCH: (UnitMove(KEY, UnitEvent.SWITCH, NOW, provider=OTHER, until=NOW + HOUR), OWNER),
    UnitEvent.TAKE_OVER: (UnitMove(KEY, UnitEvent.TAKE_OVER, NOW), OTHER),
    UnitEvent.TAKE_OVER_REFUSED: (UnitMove(KEY, UnitEvent.TAKE_OVER_REFUSED, NOW, reason="no room"), OTHER),
    UnitEvent.SWITCH_LAPSED: (UnitMove(KEY, UnitEvent.SWITCH_LAPSED, NOW), TIME),
    UnitEvent.WITHDRAWAL: (UnitMove(KEY, UnitEvent.WITHDRAWAL, NOW), OWNER),
}
_E, _S = UnitEvent, UnitState
# How one comes to each state, and (written down once more, from the rules in words) where each allowed move leads.
WAY_TO: dict[UnitState, tuple[UnitEvent, ...]] = {
    _S.UNKNOWN: (),
    _S.APPLIED: (_E.APPLICATION,),
    _S.PREQUALIFIED: (_E.APPLICATION, _E.PREQUALIFICATION),
    _S.LIMITED: (_E.APPLICATION, _E.PREQUALIFICATION, _E.LIMIT),
    _S.SWITCHING: (_E.APPLICATION, _E.PREQUALIFICATION, _E.SWITCH),
    _S.REFUSED: (_E.APPLICATION, _E.REFUSAL),
    _S.WITHDRAWN: (_E.APPLICATION, _E.WITHDRAWAL),
}
LEADS: dict[tuple[UnitState, UnitEvent], UnitState] = {
    **{(state, _E.APPLICATION): _S.APPLIED for state in _S if state is not _S.SWITCHING},
    **{(state, _E.REVISION): state for state in (_S.APPLIED, _S.PREQUALIFIED, _S.LIMITED, _S.SWITCHING)},
    **{(state, _E.WITHDRAWAL): _S.WITHDRAWN for state in _S if state not in (_S.UNKNOWN, _S.WITHDRAWN)},
    **{(state, _E.REFUSAL): _S.REFUSED for state in (_S.APPLIED, _S.PREQUALIFIED, _S.LIMITED, _S.SWITCHING)},
    (_S.APPLIED, _E.PREQUALIFICATION): _S.PREQUALIFIED,
    (_S.PREQUALIFIED, _E.LIMIT): _S.LIMITED,
    (_S.LIMITED, _E.LIMIT): _S.LIMITED,
    (_S.LIMITED, _E.LIMIT_LIFTED): _S.PREQUALIFIED,
    (_S.LIMITED, _E.LIMIT_END): _S.PREQUALIFIED,
    (_S.PREQUALIFIED, _E.SWITCH): _S.SWITCHING,
    (_S.SWITCHING, _E.TAKE_OVER): _S.PREQUALIFIED,
    (_S.SWITCHING, _E.TAKE_OVER_REFUSED): _S.PREQUALIFIED,
    (_S.SWITCHING, _E.SWITCH_LAPSED): _S.PREQUALIFIED,
}
DOMAINS = (OWNER, DSO, AGR, OTHER, "eve.example")


def register_in(state: UnitState) -> FlexibilityRegister:
    """A register whose one unit stands in a state (its asset is the first one, as it was applied with)."""
    register = FlexibilityRegister(DSO)
    for event in WAY_TO[state]:
        move, by = MOVES[event]
        register = register.after([replace(move, asset=ASSET) if event is _E.APPLICATION else move], by)
    return register


@pytest.mark.parametrize("state", list(UnitState))
@pytest.mark.parametrize("event", list(UnitEvent))
def test_a_move_leads_where_the_rules_say_or_nowhere(state: UnitState, event: UnitEvent) -> None:
    """7 states by 12 events: made well and by its party it leads to the one state, or it is refused and nothing changes."""
    before = register_in(state)
    move, by = MOVES[event]
    target = LEADS.get((state, event))
    if target is not None:
        after = before.after([move], by)
        assert after.units[KEY].state is target
        assert decode(encode(after.units[KEY])) == after.units[KEY]
        return
    with pytest.raises(RemoteProtocolError):
        before.after([move], by)
    assert before == register_in(state)


def test_the_table_has_no_other_moves() -> None:
    """Each row of the life cycle is one of the moves above, and each of these is a row."""
    rows = {(state, event): target for state, row in LIFE_CYCLE.rows.items() for (_, event), target in row.items()}
    assert rows == LEADS
    assert not LIFE_CYCLE.crossing
    assert not LIFE_CYCLE.acknowledgements


@pytest.mark.parametrize(("state", "event"), list(LEADS), ids=str)
def test_nobody_makes_another_partys_move(state: UnitState, event: UnitEvent) -> None:
    """Every allowed move is refused from each domain but its own, in words that name both."""
    before = register_in(state)
    move, right = MOVES[event]
    for by in DOMAINS:
        if by == right:
            continue
        with pytest.raises(RemoteProtocolError, match=rf"unit bess: {event} by {by}; expected "):
            before.after([move], by)
    assert before == register_in(state)


def test_every_event_belongs_to_one_party() -> None:
    """The table names for each event the party that makes it here, in all states alike."""
    parties = {DSO: UnitParty.OPERATOR, OWNER: UnitParty.OWNER, OTHER: UnitParty.PROVIDER, TIME: UnitParty.TIME}
    for row in LIFE_CYCLE.rows.values():
        for party, event in row:
            assert parties[MOVES[event][1]] is party


@pytest.mark.parametrize("state", sorted({state for state, _ in LEADS if state in USABLE}))
def test_a_unit_keeps_its_prequalification_through_all_that_does_not_touch_it(state: UnitState) -> None:
    """A revision changes price and nothing else; refusal and withdrawal leave where it was; an application forgets it."""
    before = register_in(state)
    unit = before.units[KEY]
    assert unit.congestion_point == POINT
    revised = before.after([MOVES[_E.REVISION][0]], OWNER).units[KEY]
    assert revised == replace(unit, asset=DEARER)
    refused = before.after([MOVES[_E.REFUSAL][0]], DSO).units[KEY]
    assert refused == RegisteredUnit(ASSET, AGR, _S.REFUSED, POINT, reason="it failed a test")
    withdrawn = before.after([MOVES[_E.WITHDRAWAL][0]], OWNER).units[KEY]
    assert (withdrawn.state, withdrawn.limit, withdrawn.next_provider, withdrawn.switch_until) == (
        _S.WITHDRAWN, None, "", None,
    )  # fmt: skip
    if state is not _S.SWITCHING:
        assert before.after([MOVES[_E.APPLICATION][0]], OWNER).units[KEY] == RegisteredUnit(LARGER, AGR, _S.APPLIED)


def test_a_refusal_that_was_overcome_leaves_no_reason() -> None:
    """Refused, applied for anew and prequalified: the old reason is gone with either step."""
    applied = register_in(_S.REFUSED).after([MOVES[_E.APPLICATION][0]], OWNER)
    assert applied.units[KEY].reason == ""
    assert applied.after([MOVES[_E.PREQUALIFICATION][0]], DSO).units[KEY].reason == ""


@pytest.mark.parametrize(
    ("limit", "good"),
    [
        (UnitLimit(0, 0, NOW + timedelta(microseconds=1)), True),
        (UnitLimit(0, 0, NOW), False),
        (UnitLimit(-1, 0, NOW + HOUR), False),
        (UnitLimit(0, 1, NOW + HOUR), False),
        (UnitLimit(10**9, -(10**9), NOW + HOUR), True),
        (None, False),
    ],
)
def test_a_limit_says_both_directions_and_an_end_to_come(limit: UnitLimit | None, good: bool) -> None:
    """0 W and one microsecond are enough; the wrong sign, an end that is now, or no limit at all is refused."""
    move = replace(MOVES[_E.LIMIT][0], limit=limit)
    before = register_in(_S.PREQUALIFIED)
    if good:
        assert before.after([move], DSO).units[KEY].limit == limit
        return
    with pytest.raises(RemoteProtocolError, match="expected watts up >= 0, watts down <= 0, until later than now"):
        before.after([move], DSO)


@pytest.mark.parametrize(
    ("provider", "until", "good"),
    [(OTHER, NOW + timedelta(microseconds=1), True), (OTHER, NOW, False), (OTHER, None, False), ("", NOW + HOUR, False),
     (AGR, NOW + HOUR, False)],
)  # fmt: skip
def test_a_switch_names_another_provider_and_a_time_to_come(provider: str, until: datetime | None, good: bool) -> None:
    """Not the present provider, not nobody, and an end that is later than now."""
    move = replace(MOVES[_E.SWITCH][0], provider=provider, until=until)
    before = register_in(_S.PREQUALIFIED)
    if good:
        assert before.after([move], OWNER).units[KEY].next_provider == OTHER
        return
    with pytest.raises(RemoteProtocolError, match="expected another provider than now, and until when it may answer"):
        before.after([move], OWNER)


@given(up=st.integers(0, 600_000), down=st.integers(-600_000, 0), seconds=st.integers(-7200, 7200))
def test_a_limit_never_widens_and_holds_exactly_until_its_end(up: int, down: int, seconds: int) -> None:
    """Before its end the smaller of limit and swing holds in each direction, from its end on the whole swing of 400 kW."""
    move = replace(MOVES[_E.LIMIT][0], limit=UnitLimit(up, down, NOW + HOUR))
    limited = register_in(_S.PREQUALIFIED).after([move], DSO)
    unit = limited.at(NOW + timedelta(seconds=seconds)).units[KEY]
    if seconds < 3600:
        assert (unit.up_w, unit.down_w) == (min(up, 400_000), max(down, -400_000))
        assert unit.state is _S.LIMITED
    else:
        assert (unit.up_w, unit.down_w, unit.limit) == (400_000, -400_000, None)
        assert unit.state is _S.PREQUALIFIED


def test_time_ends_only_what_is_over() -> None:
    """Of two units one is limited until later and one is about to switch: each ends at its own instant."""
    second = replace(ASSET, name="pv")
    key = UnitProduct("pv", CONGESTION_MANAGEMENT)
    register = register_in(_S.LIMITED)
    for event in (_E.APPLICATION, _E.PREQUALIFICATION, _E.SWITCH):
        move, by = MOVES[event]
        late = NOW + 2 * HOUR if event is _E.SWITCH else None
        register = register.after([replace(move, key=key, asset=second if move.asset else None, until=late)], by)
    states = [
        [register.at(NOW + hours * HOUR).units[one].state for one in (KEY, key)] for hours in (0, 0.999, 1, 1.999, 2)
    ]
    limited, switching, free = _S.LIMITED, _S.SWITCHING, _S.PREQUALIFIED
    assert states == [[limited, switching], [limited, switching], [free, switching], [free, switching], [free, free]]
    assert register.at(NOW + 5 * HOUR).at(NOW + 9 * HOUR) == register.at(NOW + 5 * HOUR)


def test_products_are_apart() -> None:
    """A unit prequalified for one product is unknown for another; both are found under their own."""
    other = UnitProduct("bess", "balancing")
    application = replace(MOVES[_E.APPLICATION][0], key=other, asset=ASSET)
    register = register_in(_S.PREQUALIFIED).after([application], OWNER)
    assert register.usable("balancing", AGR) == ()
    register = register.after([replace(MOVES[_E.PREQUALIFICATION][0], key=other)], DSO)
    assert len(register.usable("balancing", AGR)) == len(register.usable(CONGESTION_MANAGEMENT, AGR)) == 1
    assert list(register.units) == [other, KEY]  # in order of name


@pytest.mark.parametrize(
    ("asset", "rules", "carries_w", "why"),
    [
        # Swing: just as much as is asked for; the larger direction counts, whichever it is.
        (ASSET, ProductRules("p", 400_000), 0, None),
        (ASSET, ProductRules("p", 400_001), 0, "swing: 400000 W; p asks for 400001 W or more"),
        (replace(ASSET, can_increase=False), ProductRules("p", 400_000), 0, None),
        (replace(ASSET, can_decrease=False), ProductRules("p", 400_000), 0, None),
        (replace(ASSET, max_consumption_w=1, max_generation_w=0), ProductRules("p"), 0, None),
        (replace(ASSET, max_consumption_w=0, max_generation_w=0), ProductRules("p"), 0,
         "swing: 0 W; p asks for 1 W or more"),
        # Rating: the larger of consumption and generation must fit the connection.
        (ASSET, ProductRules("p"), 250_000, None),
        (ASSET, ProductRules("p"), 200_000, "rating: 250000 W; its connection carries 200000 W"),
        (replace(ASSET, max_consumption_w=0), ProductRules("p"), 149_999,
         "rating: 150000 W; its connection carries 149999 W"),
        (replace(ASSET, max_consumption_w=0), ProductRules("p"), 150_000, None),
        # Ramp: 400 kW at 40 kW a minute take 600 s.
        (replace(ASSET, ramp_w_per_min=40_000), ProductRules("p", full_activation_s=600), 0, None),
        (replace(ASSET, ramp_w_per_min=40_000), ProductRules("p", full_activation_s=599), 0,
         "ramp: its whole swing takes 600 s; p asks for 599 s or less"),
    ],
)  # fmt: skip
def test_a_product_asks_for_just_so_much(
    asset: AssetPublication, rules: ProductRules, carries_w: int, why: str | None
) -> None:
    """What is asked for itself passes, one watt or second beside it does not, in either direction of power."""
    assert prequalification_fault(asset, rules, POINT, carries_w) == why
