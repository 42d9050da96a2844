"""One issue of a negotiation: what is asked for on the way from best to worst, what an answer loses, what is not taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from market.contracts.contract import CountedPer, FlexContract, FlexElement
from market.contracts.templates import from_template
from market.negotiation.concession import Move, NegotiationPreferences, Side, Terms
from market.negotiation.issues import NEGOTIABLE, Issue, Value, of_contract, with_value
from market.negotiation.strategies import STRATEGIES
from market.negotiation.strategy import Heard, taken_or_countered, taken_or_refused

ELEMENTS = (FlexElement("bat", "battery", 9000, -9000, volume_price_e4_per_kwh=1500), FlexElement("pv", "pv", 5000, 0))
DRAFT = from_template(
    "household-daily", contract_id="c-1", buyer="agr.example", seller="farm.example", start_date=date(2026, 5, 20),
    end_date=date(2027, 5, 19), timezone="Europe/Vienna", flex_elements=ELEMENTS,
)  # fmt: skip
RECOVERY = Issue("recovery_isps", (0, 8), 100, step=2)
DAYS = Issue("days_of_week", ((1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5), (6, 7)), 60)


@pytest.mark.parametrize(
    ("issue", "share", "value"),
    [
        (RECOVERY, 0.0, 0), (RECOVERY, 0.2499, 0), (RECOVERY, 0.25, 2), (RECOVERY, 0.74, 4), (RECOVERY, 0.75, 6),
        (RECOVERY, 0.9999, 6), (RECOVERY, 1.0, 8),
        (replace(RECOVERY, values=(8, 0)), 0.25, 6), (replace(RECOVERY, values=(8, 0)), 1.0, 0),
        (replace(RECOVERY, step=3), 0.999, 6), (replace(RECOVERY, step=3), 1.0, 8),  # the last is reached, grid or not
        (replace(RECOVERY, step=9), 0.999, 0), (replace(RECOVERY, step=9), 1.0, 8),
        (replace(RECOVERY, values=(5, 5)), 0.5, 5),
        (DAYS, 0.0, (1, 2, 3, 4, 5, 6, 7)), (DAYS, 0.49, (1, 2, 3, 4, 5, 6, 7)), (DAYS, 0.5, (1, 2, 3, 4, 5)),
        (DAYS, 0.99, (1, 2, 3, 4, 5)), (DAYS, 1.0, (6, 7)),
        (Issue("counted_per", (CountedPer.TERM,), 1), 1.0, CountedPer.TERM),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_rounded_to_ones_own_advantage(issue: Issue, share: float, value: Value) -> None:
    """A step, or a value in a list, is given up when all of it is conceded, never before; the worst at the very end."""
    assert issue.at(share) == value


@pytest.mark.parametrize(
    ("issue", "value", "loss"),
    [
        (RECOVERY, 0, 0.0), (RECOVERY, 8, 1.0), (RECOVERY, 2, 0.25), (RECOVERY, 9, None), (RECOVERY, -1, 0.0),
        (replace(RECOVERY, values=(8, 0)), 6, 0.25), (replace(RECOVERY, values=(8, 0)), 9, 0.0),
        (replace(RECOVERY, values=(8, 0)), -1, None),
        (replace(RECOVERY, values=(5, 5)), 5, 0.0), (replace(RECOVERY, values=(5, 5)), 4, None),
        (replace(RECOVERY, values=(5, 5)), 6, None),
        (DAYS, (1, 2, 3, 4, 5), 0.5), (DAYS, (6, 7), 1.0), (DAYS, (1,), None),
        (Issue("counted_per", (CountedPer.TERM,), 1), CountedPer.TERM, 0.0),
        (Issue("counted_per", (CountedPer.TERM,), 1), CountedPer.DAY, None),
    ],
)  # fmt: skip
def test_an_answer_loses_its_part_of_the_way(issue: Issue, value: Value, loss: float | None) -> None:
    """0 at best and better, 1 at worst; beyond that, and outside a list, it is not taken."""
    assert issue.loss(value) == loss


@given(
    ends=st.tuples(st.integers(-50, 50), st.integers(-50, 50)), step=st.integers(1, 30),
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=6),
)  # fmt: skip
def test_whatever_is_asked_for_is_taken_by_oneself_and_never_takes_back(
    ends: tuple[int, int], step: int, shares: list[float]
) -> None:
    """Along growing shares the loss grows from 0 to 1 at most; it never exceeds the share that was given up."""
    issue = Issue("recovery_isps", ends, 1, step)
    losses = [issue.loss(issue.at(share)) for share in sorted(shares)]
    assert None not in losses
    assert all(before <= after for before, after in pairwise(loss or 0.0 for loss in losses))
    for share, loss in zip(sorted(shares), losses, strict=True):
        assert (loss or 0.0) <= share + 1e-9
    assert issue.at(1.0) == ends[1]
    assert issue.at(0.0) == ends[0]


@given(count=st.integers(1, 7), share=st.floats(0, 1))
def test_of_a_list_the_value_asked_for_is_one_of_it(count: int, share: float) -> None:
    """Of any number of values, at any share: its loss is at most the share, and the ends are the first and the last."""
    issue = Issue("days_of_week", tuple((day,) for day in range(1, count + 1)), 1)
    value = issue.at(share)
    assert value in issue.values
    assert (issue.loss(value) or 0.0) <= share + 1e-9
    assert (issue.at(0.0), issue.at(1.0)) == (issue.values[0], issue.values[-1])


@pytest.mark.parametrize("parameter", sorted(NEGOTIABLE - {"flex_elements"}))
def test_a_parameter_is_read_and_written_in_the_contract(parameter: str) -> None:
    """What stands there is what is read; written back the contract is the same, and another value changes it alone."""
    value = of_contract(DRAFT, Issue(parameter, (1,), 0))
    issue = Issue(parameter, (value,), 0)
    assert value == getattr(DRAFT, parameter)
    assert with_value(DRAFT, issue, value) == DRAFT
    assert issue.loss(value) == 0.0


def test_what_is_left_out_of_the_elements_stays_out() -> None:
    """Fewer elements, in the contract's order, and no more than they can move; names that are none leave it as it is."""
    issue = Issue("flex_elements", (("pv", "bat"), ("bat",)), 0)
    assert of_contract(DRAFT, issue) == ("bat", "pv")
    only = with_value(DRAFT, issue, ("bat",))
    assert only.flex_elements == ELEMENTS[:1]
    assert (only.amount_up_w, only.amount_down_w) == (9000, -9000)
    assert with_value(only, issue, ("bat", "pv")) == only
    assert with_value(DRAFT, issue, ("heat",)).flex_elements == ELEMENTS
    assert with_value(DRAFT, issue, ("pv", "bat")) == DRAFT
    sun = with_value(DRAFT, issue, ("pv",))
    assert (sun.amount_up_w, sun.amount_down_w, sun.faults) == (5000, 0, ())


@pytest.mark.parametrize(
    ("parameter", "values", "worth", "step", "why"),
    [
        ("seller", ("x",), 0, 0, "issue: seller is not negotiable; expected one of activation_price, amount_down_w"),
        ("currency", ("EUR",), 0, 0, "currency is not negotiable"),
        ("recovery_isps", (0, 8), 0, -1, "expected a value at least, a worth and a step of 0 or more"),
        ("recovery_isps", (0, 8), -0.5, 0, "expected a value at least"),
        ("recovery_isps", (0,), 0, 1, "expected two numbers where there is a step"),
        ("days_of_week", ((1,), (2,)), 0, 1, "expected two numbers where there is a step"),
    ],
)
def test_an_issue_that_cannot_be_negotiated_is_refused(
    parameter: str, values: tuple[Value, ...], worth: float, step: int, why: str
) -> None:
    """By the name of the parameter, and what was expected of it."""
    with pytest.raises(BadInput, match=why):
        Issue(parameter, values, worth, step)


def wants(side: Side, issues: tuple[Issue, ...], rounds: int = 5) -> NegotiationPreferences:
    """A side with 1000 to 2000 for the kWh."""
    ends = (Terms(2000, 0), Terms(1000, 0)) if side is Side.SELLER else (Terms(1000, 0), Terms(2000, 0))
    return NegotiationPreferences(side, *ends, rounds, issues=issues)


def at(price: int, recovery: int, days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)) -> FlexContract:
    """The draft at a price, without capacity, with a recovery and days."""
    return replace(Terms(price, 0).into(DRAFT), recovery_isps=recovery, days_of_week=days)


def test_a_contract_is_worth_its_price_less_what_its_issues_lose() -> None:
    """Seller: 1500 less a quarter of 100 and half of 60; the least is its reservation less all of both."""
    own = wants(Side.SELLER, (RECOVERY, DAYS))
    assert own.worth(at(1500, 2, (1, 2, 3, 4, 5))) == 1500 - 25 - 30
    assert own.worth(at(1500, 0)) == 1500
    assert own.worth(at(1500, 9)) is None
    assert own.least() == 1000 - 160
    buyer = wants(Side.BUYER, (RECOVERY, DAYS))
    assert buyer.worth(at(1500, 2, (1, 2, 3, 4, 5))) == -1500 - 55
    assert buyer.least() == -2000 - 160
    assert wants(Side.BUYER, ()).worth(at(1500, 9)) == -1500


def test_what_is_offered_gives_up_price_and_issues_together() -> None:
    """Half-way: half the price, half the steps, half the list."""
    half = wants(Side.SELLER, (RECOVERY, DAYS)).at_share(DRAFT, 0.5)
    assert (half.volume_price_e4_per_kwh, half.recovery_isps, half.days_of_week) == (1500, 4, (1, 2, 3, 4, 5))
    whole = wants(Side.BUYER, (RECOVERY, DAYS)).at_share(DRAFT, 1.0)
    assert (whole.volume_price_e4_per_kwh, whole.recovery_isps, whole.days_of_week) == (2000, 8, (6, 7))


def test_of_a_framework_no_capacity_is_negotiated() -> None:
    """It reserves nothing: both ends of the range lose their capacity price, a reserved contract's keep it."""
    own = NegotiationPreferences(Side.SELLER, Terms(2000, 300), Terms(1000, 100), 5)
    framework = replace(DRAFT, reserved=False, capacity_price_e4_per_kw_day=0)
    assert own.for_contract(DRAFT) is own
    found = own.for_contract(framework)
    assert (found.aspiration, found.reservation) == (Terms(2000, 0), Terms(1000, 0))
    dearer = own.dearer_by(50)
    assert (dearer.aspiration, dearer.reservation) == (Terms(2050, 300), Terms(1050, 100))


def test_the_last_word_is_yes_from_the_reservation_on() -> None:
    """At the reservation itself yes, one ten-thousandth below no; what an issue does not take is no at any price."""
    own = wants(Side.SELLER, (RECOVERY,))
    # All of the issue is lost at recovery 8: the least is 1000 - 100.
    assert taken_or_refused(own, at(1000, 8)).move is Move.ACCEPT
    assert taken_or_refused(own, at(999, 8)).move is Move.REJECT
    assert taken_or_refused(own, at(9999, 10)).move is Move.REJECT
    refused = at(999, 8)
    assert taken_or_refused(own, refused).contract is refused


def test_an_offer_as_good_as_ones_own_next_is_taken() -> None:
    """Equal is enough; a ten-thousandth less is answered by one's own."""
    own = wants(Side.SELLER, ())
    mine = at(1500, 0)
    assert taken_or_countered(own, at(1500, 4), mine).move is Move.ACCEPT
    answer = taken_or_countered(own, at(1499, 0), mine)
    assert (answer.move, answer.contract) == (Move.COUNTER, mine)
    strict = wants(Side.SELLER, (RECOVERY,))
    assert taken_or_countered(strict, at(9999, 10), mine).move is Move.COUNTER


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("side", list(Side))
@given(price=st.integers(0, 3000), recovery=st.integers(0, 10), number=st.integers(1, 7), rounds=st.integers(1, 6))
def test_no_strategy_takes_or_offers_what_it_does_not_want(
    name: str, side: Side, price: int, recovery: int, number: int, rounds: int
) -> None:
    """Individually rational, whatever is heard: what is taken or offered is worth at least the least, and within the issue."""
    own = replace(wants(side, (RECOVERY,), rounds), strategy=name)
    answer = STRATEGIES[name].answer(own, Heard(at(price, recovery), number))
    if answer.move is not Move.REJECT:
        worth = own.worth(answer.contract)
        assert worth is not None
        assert worth >= own.least() - 1e-9
    opening = own.worth(STRATEGIES[name].opening(own, DRAFT))
    assert opening is not None
    assert opening >= own.least() - 1e-9


def test_preferences_with_issues_travel() -> None:
    """A party's wishes go to its agent unchanged, values of every type among them."""
    issues = (RECOVERY, DAYS, Issue("start_date", (date(2026, 5, 20),), 5), Issue("counted_per", tuple(CountedPer), 1))
    own = wants(Side.BUYER, issues)
    assert decode(encode(own)) == own
