"""How much of what members claim is paid: all of it, or pro rata where the share of a day's payments does not reach."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.settlement.make_whole import SHARE_PCT, granted

CLAIMS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 100_000), max_size=6)


def test_claims_within_the_share_are_paid_in_full_to_its_edge() -> None:
    """2 % of 10 EUR are 20 ct: claims of 15 and 5 ct are paid, and a ten-thousandth more is not."""
    assert granted({"a": 1500, "b": 500}, 100_000) == {"a": 1500, "b": 500}
    assert sum(granted({"a": 1500, "b": 501}, 100_000).values()) <= 2000


def test_beyond_the_share_each_gets_its_part_of_it_rounded_down() -> None:
    """30 and 10 ct are claimed where 20 are there: 15 and 5; of an uneven share the rest stays with the payer."""
    assert granted({"a": 3000, "b": 1000}, 100_000) == {"a": 1500, "b": 500}
    assert granted({"a": 1, "b": 1, "c": 1}, 100) == {"a": 0, "b": 0, "c": 0}


def test_what_was_granted_before_is_not_granted_again() -> None:
    """A claim that comes late finds what the earlier ones left."""
    assert granted({"b": 500}, 100_000, before_e4=1800) == {"b": 200}
    assert granted({"b": 500}, 100_000, before_e4=2500) == {"b": 0}


def test_where_nothing_moved_nothing_is_paid() -> None:
    """A day without payments has no share."""
    assert granted({"a": 10}, 0) == {"a": 0}


@given(claims=CLAIMS, moved=st.integers(0, 10_000_000), before=st.integers(0, 100_000))
def test_together_never_more_than_the_share_and_nobody_more_than_claimed(
    claims: dict[str, int], moved: int, before: int
) -> None:
    """Whatever is claimed; and where all have room, all are paid in full."""
    found = granted(claims, moved, before)
    room = SHARE_PCT * moved // 100 - before
    assert found.keys() == claims.keys()
    assert all(0 <= found[name] <= claims[name] for name in claims)
    assert sum(found.values()) <= max(room, 0)
    assert sum(claims.values()) > room or found == claims
