"""Austria's allocation: conserved whatever is metered, blind to neighbours' intervals, corrected as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.community.austria.allocation import Allocation, Key, Measured, allocate, corrected, measured
from market.community.exact import MILLION, MOST_WH

ENERGY = st.one_of(st.integers(0, 3), st.integers(0, 30_000), st.integers(0, 10**8))


@st.composite
def communities(draw: st.DrawFn) -> tuple[Ints, Ints, Ints, Ints]:
    """Consumption [T, n], feed-in [T, m], and both their factors."""
    t, n, m = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 3))

    def table(values: st.SearchStrategy[int], columns: int) -> Ints:
        row = st.lists(values, min_size=columns, max_size=columns)
        return np.array(draw(st.lists(row, min_size=t, max_size=t)), dtype=np.int64)

    factor = st.sampled_from([0, 1, 33, 50, 99, 100])
    return table(ENERGY, n), table(ENERGY, m), table(factor, n), table(factor, m)


def dynamic(consumed: list[list[int]], produced: list[list[int]], factor: int = 100) -> Allocation:
    """All take part by one factor."""
    values = measured(np.array(consumed), np.array(produced))
    return allocate(
        Key.DYNAMIC, values, np.full_like(values.consumed_wh, factor), np.full_like(values.produced_wh, factor)
    )


@given(world=communities(), key=st.sampled_from(Key), seed=st.integers(0, 2**32 - 1))
def test_no_watt_hour_is_made_or_lost(world: tuple[Ints, Ints, Ints, Ints], key: Key, seed: int) -> None:
    """Used and left over are what was fed, own cover is what was used, and nobody has more than it wants or its part allows."""
    consumed, produced, consumer_pct, producer_pct = world
    cuts = np.sort(np.random.default_rng(seed).integers(0, MILLION + 1, consumed.shape[1] - 1))
    shares = np.diff(np.concatenate(([0], cuts, [MILLION]))) if key is Key.STATIC else None
    found = allocate(key, measured(consumed, produced), consumer_pct, producer_pct, shares)
    assert (found.used_wh + found.surplus_wh == found.fed_part_wh).all()
    assert (found.used_wh.sum(axis=1) == found.own_cover_wh.sum(axis=1)).all()
    assert (found.surplus_wh >= 0).all()
    assert (found.used_wh >= 0).all()
    assert (found.own_cover_wh <= found.taking_part_wh).all()
    assert (found.own_cover_wh <= found.share_wh).all()
    assert (found.taking_part_wh <= found.consumed_wh).all()
    assert (found.own_cover_wh[consumer_pct == 0] == 0).all()
    assert (found.used_wh[producer_pct == 0] == 0).all()


@given(world=communities())
def test_a_dynamic_key_uses_all_that_can_be_used_but_what_is_cut_off(world: tuple[Ints, Ints, Ints, Ints]) -> None:
    """Own cover falls short of min(E, W) by less than a watt-hour for each consumer, and each has its part of it to a watt-hour."""
    consumed, produced, consumer_pct, producer_pct = world
    found = allocate(Key.DYNAMIC, measured(consumed, produced), consumer_pct, producer_pct)
    there, wanted = found.fed_part_wh.sum(axis=1), found.taking_part_wh.sum(axis=1)
    short = np.minimum(there, wanted) - found.own_cover_wh.sum(axis=1)
    assert (short >= 0).all()
    assert (short < consumed.shape[1]).all()
    for t, i in np.ndindex(*consumed.shape):
        exact = found.taking_part_wh[t, i] * min(there[t], wanted[t])
        assert 0 <= exact - found.own_cover_wh[t, i] * wanted[t] < max(wanted[t], 1)


@given(world=communities(), data=st.data())
def test_an_interval_is_shared_from_its_own_values_alone(
    world: tuple[Ints, Ints, Ints, Ints], data: st.DataObject
) -> None:
    """What an interval gets does not change with the intervals around it."""
    consumed, produced, consumer_pct, producer_pct = world
    t = data.draw(st.integers(0, len(consumed) - 1))
    whole = allocate(Key.DYNAMIC, measured(consumed, produced), consumer_pct, producer_pct)
    cut = slice(t, t + 1)
    alone = allocate(Key.DYNAMIC, measured(consumed[cut], produced[cut]), consumer_pct[cut], producer_pct[cut])
    assert (alone.own_cover_wh[0] == whole.own_cover_wh[t]).all()
    assert (alone.surplus_wh[0] == whole.surplus_wh[t]).all()


def test_a_point_in_two_communities_by_60_and_40_is_covered_by_both() -> None:
    """333 Wh by factors of 60 and 40: 199 and 133 take part, and what both cut off is the supplier's."""
    first, second = (dynamic([[333]], [[1000]]), dynamic([[333]], [[1000]]))
    parts = [
        allocate(Key.DYNAMIC, measured(first.consumed_wh, first.produced_wh), np.array([[pct]]), np.array([[100]]))
        for pct in (60, 40)
    ]
    assert [int(part.own_cover_wh[0, 0]) for part in parts] == [199, 133]
    rest = int(second.consumed_wh[0, 0]) - sum(int(part.own_cover_wh[0, 0]) for part in parts)
    assert rest == 1


@pytest.mark.parametrize("count", [92, 96, 100])
def test_days_on_which_the_clocks_change_are_shared_like_others(count: int) -> None:
    """92, 96 or 100 quarter-hours: as many rows, each shared for itself."""
    rng = np.random.default_rng(count)
    consumed, produced = rng.integers(0, 900, (count, 4)), rng.integers(0, 4000, (count, 2))
    found = dynamic(consumed.tolist(), produced.tolist())
    assert found.own_cover_wh.shape == (count, 4)
    assert int(found.used_wh.sum()) == int(found.own_cover_wh.sum()) > 0


def test_a_corrected_value_allocates_its_interval_anew_for_all() -> None:
    """B's corrected value of one quarter-hour: A's own cover changes too, as version 2; the other quarter-hour stays version 1."""
    before = dynamic([[1000, 1000], [1000, 1000]], [[1000], [1000]])
    after = dynamic([[1000, 3000], [1000, 1000]], [[1000], [1000]])
    found = corrected(before, after)
    assert found.own_cover_wh.tolist() == [[250, 750], [500, 500]]
    assert found.version.tolist() == [2, 1]
    third = corrected(found, dynamic([[1000, 1000], [1000, 1000]], [[1000], [0]]))
    assert third.version.tolist() == [3, 2]
    assert third.own_cover_wh.tolist() == [[500, 500], [0, 0]]


def test_the_same_again_is_no_correction() -> None:
    """Values delivered twice change no version; a better quality of the same value does."""
    before = dynamic([[1000, 500]], [[800]])
    assert corrected(before, dynamic([[1000, 500]], [[800]])).version.tolist() == [1]
    one = np.array([[1, 2]])
    guessed = Measured(np.array([[1000, 500]]), np.array([[800]]), one, np.array([[1]]))
    factor = np.array([[100, 100]])
    first = allocate(Key.DYNAMIC, guessed, factor, np.array([[100]]))
    assert first.quality.tolist() == [2]
    confirmed = corrected(first, before)
    assert (confirmed.version.tolist(), confirmed.quality.tolist()) == ([2], [1])


def test_an_interval_is_as_good_as_its_worst_value() -> None:
    """One missing value (L3, 0 Wh) makes the interval L3 for all; that of a point that takes no part does not count."""
    quality = np.array([[1, 3], [1, 1]])
    values = Measured(np.array([[100, 0], [100, 100]]), np.array([[50], [50]]), quality, np.array([[1], [2]]))
    both = np.array([[100, 100], [100, 100]])
    assert allocate(Key.DYNAMIC, values, both, both[:, :1]).quality.tolist() == [3, 2]
    without = np.array([[100, 0], [100, 0]])
    assert allocate(Key.DYNAMIC, values, without, both[:, :1]).quality.tolist() == [1, 2]


def test_the_largest_energies_are_still_exact() -> None:
    """Two gigawatt-hours in an interval, the most that is taken: shares to the watt-hour; one more is refused."""
    found = dynamic([[MOST_WH - 1, 1]], [[MOST_WH - 1]])
    assert found.own_cover_wh.tolist() == [[MOST_WH - 2, 0]]
    with pytest.raises(BadInput, match=rf"produced_wh: {MOST_WH + 1} Wh; expected 0 to"):
        dynamic([[1]], [[MOST_WH + 1]])
    with pytest.raises(BadInput, match="energy of all producers: 4000000000 Wh"):
        dynamic([[1]], [[MOST_WH, MOST_WH]])


def test_what_cannot_be_shared_is_told() -> None:
    """Negative energies, other shapes, shares that do not sum, factors beyond 100: a sentence each."""
    one, factor = measured(np.array([[100, 100]]), np.array([[50]])), np.array([[100, 100]])
    plant = np.array([[100]])
    with pytest.raises(BadInput, match="consumed_wh: -1 Wh; expected 0"):
        dynamic([[-1]], [[1]])
    with pytest.raises(BadInput, match="as many of consumption as of feed-in"):
        measured(np.array([[1], [2]]), np.array([[1]]))
    with pytest.raises(BadInput, match=r"consumer_pct: shape \(1, 1\); expected \(1, 2\)"):
        allocate(Key.DYNAMIC, one, plant, plant)
    with pytest.raises(BadInput, match="consumer_pct: 100 to 101; expected whole percentages"):
        allocate(Key.DYNAMIC, one, np.array([[100, 101]]), plant)
    with pytest.raises(BadInput, match="shares: 2 that sum to 999999 millionths; expected 2, none below 0"):
        allocate(Key.STATIC, one, factor, plant, np.array([500_000, 499_999]))
    with pytest.raises(BadInput, match="shares: none"):
        allocate(Key.STATIC, one, factor, plant)
    with pytest.raises(BadInput, match="expected none, since a dynamic key"):
        allocate(Key.DYNAMIC, one, factor, plant, np.array([500_000, 500_000]))
    with pytest.raises(BadInput, match=r"missing value \(L3\) that is not 0"):
        Measured(np.array([[5]]), np.array([[5]]), np.array([[3]]), np.array([[1]]))
    with pytest.raises(BadInput, match="quality of produced_wh: expected 1, 2 or 3"):
        Measured(np.array([[5]]), np.array([[5]]), np.array([[1]]), np.array([[4]]))
    with pytest.raises(BadInput, match="of other intervals or members"):
        corrected(dynamic([[1]], [[1]]), dynamic([[1, 1]], [[1]]))
