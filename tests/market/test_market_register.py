"""The flexibility register: who may move a unit when, what a prequalification is about, limits that end by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.assets.capability import OfferedTimes, PowerBand, UserSetting
from market.assets.publication import AssetPublication
from market.errors import RemoteProtocolError
from market.register.lifecycle import USABLE, UnitEvent, UnitState
from market.register.prequalification import ProductRules, prequalification_fault
from market.register.register import FlexibilityRegister
from market.register.units import RegisteredUnit, UnitLimit, UnitMove, UnitProduct

POINT = "ea1.2026-01.example:mv"
ASSET = AssetPublication("bess", "battery", "care.example", "AT001", POINT, 250_000, -250_000)
KEY = UnitProduct("bess", "congestion management")
NOW = datetime(2026, 5, 20, 8, tzinfo=UTC)
DSO, OWNER, AGR, OTHER = "dso.example", "care.example", "agr.example", "other.example"
HOUR = timedelta(hours=1)


def move(event: UnitEvent, asset: AssetPublication | None = None, **more: object) -> UnitMove:
    """A move of the unit at `NOW`."""
    return replace(UnitMove(KEY, event, NOW, asset), **more)  # type: ignore[arg-type]


APPLICATION = move(UnitEvent.APPLICATION, ASSET, provider=AGR)
PREQUALIFICATION = move(UnitEvent.PREQUALIFICATION, congestion_point=POINT)
LIMIT = move(UnitEvent.LIMIT, limit=UnitLimit(10_000, -20_000, NOW + HOUR), reason="the cable is being mended")
SWITCH = move(UnitEvent.SWITCH, provider=OTHER, until=NOW + HOUR)


def prequalified() -> FlexibilityRegister:
    """A register with the unit prequalified."""
    return FlexibilityRegister(DSO).after([APPLICATION], OWNER).after([PREQUALIFICATION], DSO)


def unit_of(register: FlexibilityRegister) -> RegisteredUnit:
    """The unit in it."""
    return register.units[KEY]


def test_an_application_is_prequalified_at_its_congestion_point_and_then_its_provider_may_market_it() -> None:
    """Before that nobody may; afterwards only its provider, for that product."""
    applied = FlexibilityRegister(DSO).after([APPLICATION], OWNER)
    assert unit_of(applied) == RegisteredUnit(ASSET, AGR, UnitState.APPLIED)
    assert applied.usable(KEY.product, AGR) == ()
    done = prequalified()
    assert done.usable(KEY.product, AGR) == (RegisteredUnit(ASSET, AGR, UnitState.PREQUALIFIED, POINT),)
    assert done.usable(KEY.product, OTHER) == done.usable("balancing", AGR) == ()


@pytest.mark.parametrize(
    ("change", "by", "why"),
    [
        (move(UnitEvent.LIMIT, limit=LIMIT.limit), OWNER, f"limit by {OWNER}; expected {DSO}"),
        (move(UnitEvent.REFUSAL), AGR, f"refusal by {AGR}; expected {DSO}"),
        (move(UnitEvent.WITHDRAWAL), AGR, f"withdrawal by {AGR}; expected {OWNER}"),
        (move(UnitEvent.TAKE_OVER), AGR, "take-over by agr.example; expected new provider"),
        (move(UnitEvent.LIMIT_END), DSO, "end of the limit by dso.example; expected time"),
        (PREQUALIFICATION, DSO, "prequalification is not allowed while prequalified"),
        (move(UnitEvent.LIMIT), DSO, "limit None; expected watts up >= 0"),
        (move(UnitEvent.LIMIT, limit=UnitLimit(-1, 0, NOW + HOUR)), DSO, "expected watts up >= 0"),
        (move(UnitEvent.LIMIT, limit=UnitLimit(1, 0, NOW)), DSO, "until later than now"),
        (move(UnitEvent.SWITCH, provider=AGR, until=NOW + HOUR), OWNER, "expected another provider than now"),
        (move(UnitEvent.SWITCH, provider=OTHER), OWNER, "until when it may answer"),
        (move(UnitEvent.APPLICATION, ASSET), OWNER, "provider ''; expected a domain"),
        (move(UnitEvent.APPLICATION, replace(ASSET, name="x"), provider=AGR), OWNER, "asset 'x'; expected bess"),
        (
            move(UnitEvent.REVISION, replace(ASSET, max_consumption_w=1)),
            OWNER,
            "expected the ratings that were applied with; others need an application",
        ),
        (
            move(UnitEvent.APPLICATION, replace(ASSET, owner=OTHER), provider=AGR),
            OWNER,
            f"owner '{OTHER}'; expected {OWNER}",
        ),
    ],
)
def test_a_move_that_is_not_allowed_is_refused_with_its_reason(change: UnitMove, by: str, why: str) -> None:
    """Of a prequalified unit: a wrong party, a wrong time, or a move that says too little."""
    with pytest.raises(RemoteProtocolError, match=why):
        prequalified().after([change], by)


def test_a_prequalification_elsewhere_than_its_connection_is_refused() -> None:
    """A unit is prequalified where its connection hangs."""
    applied = FlexibilityRegister(DSO).after([APPLICATION], OWNER)
    with pytest.raises(RemoteProtocolError, match=f"congestion_point 'elsewhere'; expected {POINT}"):
        applied.after([move(UnitEvent.PREQUALIFICATION, congestion_point="elsewhere")], DSO)


def test_of_several_moves_all_count_or_none() -> None:
    """The second is refused: the first has changed nothing."""
    before = prequalified()
    with pytest.raises(RemoteProtocolError):
        before.after([LIMIT, PREQUALIFICATION], DSO)
    assert unit_of(before).limit is None


def test_a_limit_narrows_the_swing_and_ends_by_itself() -> None:
    """Until then the unit is limited to it in both directions, and stays found; lifting it ends it early."""
    limited = prequalified().after([LIMIT], DSO)
    assert (unit_of(limited).up_w, unit_of(limited).down_w) == (10_000, -20_000)
    assert limited.usable(KEY.product, AGR) == (unit_of(limited),)
    assert unit_of(limited.at(NOW + HOUR - timedelta(seconds=1))).state is UnitState.LIMITED
    ended = limited.at(NOW + HOUR)
    lifted = limited.after([move(UnitEvent.LIMIT_LIFTED)], DSO)
    for register in (ended, lifted):
        assert unit_of(register).state is UnitState.PREQUALIFIED
        assert unit_of(register).up_w == 500_000


def test_a_unit_goes_to_another_provider_only_when_that_one_takes_it() -> None:
    """Until then the old provider markets it; a refusal or no answer leaves it there."""
    asked = prequalified().after([SWITCH], OWNER)
    assert asked.usable(KEY.product, AGR)
    assert not asked.usable(KEY.product, OTHER)
    taken = asked.after([move(UnitEvent.TAKE_OVER)], OTHER)
    assert taken.usable(KEY.product, OTHER)
    assert not taken.usable(KEY.product, AGR)
    assert unit_of(taken).congestion_point == POINT
    for kept in (asked.after([move(UnitEvent.TAKE_OVER_REFUSED)], OTHER), asked.at(NOW + HOUR)):
        assert unit_of(kept) == unit_of(prequalified())
    with pytest.raises(RemoteProtocolError, match=f"take-over by {AGR}; expected {OTHER}"):
        asked.after([move(UnitEvent.TAKE_OVER)], AGR)


def test_other_ratings_need_an_application_other_prices_do_not() -> None:
    """A revision keeps the prequalification; an application with other ratings begins anew."""
    register = prequalified()
    dearer = replace(ASSET, cost_e4_per_kwh=900, settings=(UserSetting("reserve_pct", "20"),),
                     offered=(OfferedTimes((1, 2), 0, 600),))  # fmt: skip
    revised = register.after([move(UnitEvent.REVISION, dearer)], OWNER)
    assert unit_of(revised) == replace(unit_of(register), asset=dearer)
    larger = replace(ASSET, max_consumption_w=300_000)
    applied = register.after([move(UnitEvent.APPLICATION, larger, provider=AGR)], OWNER)
    assert unit_of(applied) == RegisteredUnit(larger, AGR, UnitState.APPLIED)


def test_who_applies_again_with_the_same_changes_nothing() -> None:
    """Not while it is applied or prequalified; with another provider it does, and so it does after a withdrawal."""
    register = prequalified()
    assert register.after([APPLICATION], OWNER) == register
    moved = register.after([replace(APPLICATION, provider=OTHER)], OWNER)
    assert unit_of(moved) == RegisteredUnit(ASSET, OTHER, UnitState.APPLIED)
    with pytest.raises(RemoteProtocolError, match=f"application by {AGR}"):
        register.after([APPLICATION], AGR)
    withdrawn = register.after([move(UnitEvent.WITHDRAWAL)], OWNER)
    assert withdrawn.usable(KEY.product, AGR) == ()
    assert unit_of(withdrawn.after([APPLICATION], OWNER)).state is UnitState.APPLIED


def test_a_refusal_after_prequalification_takes_it_back() -> None:
    """The operator revokes what it granted; its reason stands in the register."""
    revoked = prequalified().after([move(UnitEvent.REFUSAL, reason="it failed a test")], DSO)
    assert (unit_of(revoked).state, unit_of(revoked).reason) == (UnitState.REFUSED, "it failed a test")
    assert revoked.usable(KEY.product, AGR) == ()


MOVES = st.sampled_from(
    [
        (OWNER, APPLICATION),
        (OWNER, move(UnitEvent.REVISION, replace(ASSET, cost_e4_per_kwh=5))),
        (DSO, PREQUALIFICATION),
        (DSO, move(UnitEvent.REFUSAL, reason="no")),
        (DSO, LIMIT),
        (DSO, move(UnitEvent.LIMIT_LIFTED)),
        (OWNER, SWITCH),
        (OTHER, move(UnitEvent.TAKE_OVER)),
        (OTHER, move(UnitEvent.TAKE_OVER_REFUSED)),
        (OWNER, move(UnitEvent.WITHDRAWAL)),
        ("time", None),
    ]
)


@given(st.lists(MOVES, max_size=12))
def test_whatever_is_tried_only_prequalified_units_are_usable_and_limits_never_widen(
    tried: list[tuple[str, UnitMove | None]],
) -> None:
    """In any order of moves: usable means prequalified at its own point, and a swing lies within the asset's."""
    register = FlexibilityRegister(DSO)
    for by, change in tried:
        try:
            register = register.at(NOW + HOUR) if change is None else register.after([change], by)
        except RemoteProtocolError:
            continue
    for unit in register.units.values():
        found = register.usable(KEY.product, unit.provider)
        assert (found == (unit,)) == (unit.state in USABLE)
        assert unit.state not in USABLE or unit.congestion_point == POINT
        assert (unit.limit is not None) == (unit.state is UnitState.LIMITED)
        assert (unit.switch_until is not None) == (unit.state is UnitState.SWITCHING)
        assert 0 <= unit.up_w <= ASSET.element.max_increase_w
        assert ASSET.element.max_decrease_w <= unit.down_w <= 0


@pytest.mark.parametrize(
    ("asset", "at", "carries_w", "why"),
    [
        (ASSET, POINT, 250_000, None),
        (ASSET, POINT, 0, None),
        (ASSET, None, 0, "usage_point: AT001 is not in the operator's register"),
        (ASSET, "elsewhere", 0, f"congestion_point: {POINT}; its connection hangs at elsewhere"),
        (ASSET, POINT, 249_999, "rating: 250000 W; its connection carries 249999 W"),
        (replace(ASSET, can_increase=False, can_decrease=False), POINT, 0,
         "swing: 0 W; congestion management asks for 100 W or more"),
        (replace(ASSET, ramp_w_per_min=33_334), POINT, 0, None),
        (replace(ASSET, ramp_w_per_min=33_333), POINT, 0,
         "ramp: its whole swing takes 900 s; congestion management asks for 900 s or less"),
    ],
)  # fmt: skip
def test_a_unit_is_prequalified_when_it_fits_product_and_connection(
    asset: AssetPublication, at: str | None, carries_w: int, why: str | None
) -> None:
    """Known connection at its congestion point, a swing worth asking for, a rating it can carry, fast enough."""
    assert prequalification_fault(asset, ProductRules(KEY.product, 100), at, carries_w) == why


def test_an_envelope_narrows_the_ratings_where_it_says_so() -> None:
    """What it can hold through a part of the day is what every band that touches it allows."""
    asset = replace(ASSET, envelope=(PowerBand(0, 360, -250_000, 0), PowerBand(600, 720, -50_000, 100_000)))
    assert asset.band_w(0, 15) == (-250_000, 0)
    assert asset.band_w(360, 600) == (-250_000, 250_000)
    assert asset.band_w(345, 615) == (-50_000, 0)
