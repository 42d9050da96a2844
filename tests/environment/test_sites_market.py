"""A site's market terms and flexibility costs: each rule broken alone is one fault at its place, and nothing is let through."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from environment.sites import SiteFaults
from environment.sites.loader import parse_site
from environment.sites.market import FlexibilityCosts, MarketTerms, Prices
from tests.environment.test_sites_faults import STREM

TERMS, COSTS = STREM["market"], STREM["flexibility_costs"]


def told(changes: dict[str, Any]) -> tuple[str, ...]:
    """The faults of Strem's file with these values replaced (dots lead inwards); None takes one away."""
    raw = copy.deepcopy(STREM)
    for name, to in changes.items():
        inner = raw
        *way, last = name.split(".")
        for step in way:
            inner = inner[step]
        if to is None:
            del inner[last]
        else:
            inner[last] = to
    try:
        parse_site(yaml.safe_dump(raw), "mine.yaml")
    except SiteFaults as error:
        return error.faults
    return ()


def rating(value: float) -> dict[str, float | bool]:
    """A number with its provenance."""
    return {"value": value, "assumed": True}


COUNTS = (
    "concession_rounds", "gate_closure_isps", "order_lookahead_isps", "member_contract.max_activations_per_day",
    "member_contract.max_runtime_isps", "dso_option.max_activations_per_day", "dso_option.max_runtime_isps",
    "dso_option_season.first_month", "dso_option_season.last_month", "dso_option_season.to_hour",
    "outside_options.last_resort_pct", "negotiation.deadline_minutes",
)  # fmt: skip
WHOLE = (
    "offer_margin_pct", "member_contract.recovery_isps", "dso_option.recovery_isps", "dso_buying.minimum_bid_w",
    "dso_buying.minimum_bid_wh", "dso_option_season.from_hour",
)  # fmt: skip
POSITIVE = (
    "plant_contract_from_w", "shortage_ct_per_kwh", "smallest_connection_w", "outside_options.reinforcement_per_year",
    "outside_options.over_limit_kwh_per_year",
)  # fmt: skip
SHARES = ("dso_option_share_up", "dso_option_share_down")
ERRORS = tuple(f"dso_buying.forecast_errors.{lead}" for lead in TERMS["dso_buying"]["forecast_errors"])
PERCENTS = (
    "loading_reserve_pct", "unmetered_pct", "feed_in_limits.watch_pct", "feed_in_limits.reserve_pct", "feed_in_limits.relax_pct",
    "dso_buying.sure_pct", "dso_buying.last_pct", "dso_option_release.below_pct", "keeping_share_pct", *ERRORS,
)  # fmt: skip
PRICES = tuple(
    f"{party}.{end}.{price}"
    for party in ("prosumers_sell", "aggregators_buy", "aggregators_sell", "dso_buys")
    for end in ("aspiration", "reservation")
    for price in ("volume_ct_per_kwh", "capacity_ct_per_kw_day")
)
ABOVE, AT_LEAST, ENTIRE = "expected a value > 0", "expected a value >= 0", "expected a whole number"
HOUR = "expected a whole hour from 0 to 23"
SHARE, PERCENT = "expected a value from 0 to 1", "expected a value from 0 to below 100"
# For each number the first values outside its range, and the words that tell what was expected.
REFUSED: dict[str, list[tuple[float, str]]] = {
    **{f"market.{name}": [(0, ABOVE), (-1, ABOVE), (1.5, ENTIRE)] for name in COUNTS},
    **{f"market.{name}": [(-1, AT_LEAST), (0.5, ENTIRE)] for name in WHOLE},
    **{f"market.{name}": [(0, ABOVE), (-0.01, ABOVE)] for name in POSITIVE},
    **{f"market.{name}": [(-0.01, SHARE), (1.01, SHARE)] for name in SHARES},
    **{f"market.{name}": [(-0.01, PERCENT), (100, PERCENT)] for name in PERCENTS},
    "market.dso_option_release.hour": [(24, HOUR), (-1, HOUR), (7.5, HOUR)],
    **{f"market.{name}": [(-0.01, AT_LEAST)] for name in PRICES},
    **{f"flexibility_costs.{name}": [(0, ABOVE)] for name in COSTS if "weight" in name},
    **{f"flexibility_costs.{name}": [(-0.01, SHARE), (1.01, SHARE)] for name in COSTS if name.endswith("_share")},
    **{
        f"flexibility_costs.{name}": [(-0.01, AT_LEAST)]
        for name in COSTS
        if "weight" not in name and name[-6:] != "_share"
    },
}


@pytest.mark.parametrize("turn", range(3))
def test_a_number_outside_its_range_is_one_fault_at_its_place(turn: int) -> None:
    """All numbers out of range at once: as many faults, each with place, value and what was expected of that number."""
    broken = {name: values[turn] for name, values in REFUSED.items() if turn < len(values)}
    found = told({name: rating(value) for name, (value, _) in broken.items()})
    assert len(found) == len(broken)
    by_place = {fault.partition(": value ")[0]: fault for fault in found}
    for name, (value, words) in broken.items():
        assert str(value) in by_place[name]
        assert by_place[name].endswith(words)


@pytest.mark.parametrize(
    "name", ["market.gate_closure_isps", "market.dso_option_share_up", "flexibility_costs.wear_ct_per_kwh"]
)
def test_one_broken_number_blames_nothing_else(name: str) -> None:
    """A fault in one term is told once, and no other term is suspected with it."""
    value, words = REFUSED[name][0]
    (fault,) = told({name: rating(value)})
    assert fault.startswith(f"{name}: value ")
    assert fault.endswith(words)


def test_a_number_at_the_edge_of_its_range_is_taken() -> None:
    """The last numbers inside are no faults."""
    lowest = {
        **{f"market.{name}": 1 for name in COUNTS},
        **{f"market.{name}": 0 for name in (*WHOLE, *SHARES, "loading_reserve_pct")},
        **{f"market.{name}": 0.001 for name in POSITIVE},
        **{f"flexibility_costs.{name}": 0.001 if "weight" in name else 0 for name in COSTS},
        "market.prosumers_sell.reservation.volume_ct_per_kwh": 0,
        "market.dso_option_release.hour": 0,
    }
    highest = {**{f"market.{name}": 1 for name in SHARES}, "market.loading_reserve_pct": 99.9}
    highest["market.dso_option_release.hour"] = 23
    for values in (lowest, highest):
        assert told({name: rating(value) for name, value in values.items()}) == ()


def leaves(raw: dict[str, Any], at: str) -> list[str]:
    """Dotted names of the numbers of a section."""
    found: list[str] = []
    for key, item in raw.items():
        if not isinstance(item, dict):
            continue  # a word, not a number: pydantic checks it against those there are
        found += [f"{at}.{key}"] if "value" in item else leaves(item, f"{at}.{key}")
    return found


def test_no_number_of_the_two_sections_is_without_a_case() -> None:
    """Every rating of market and flexibility_costs is broken above; a new one must be added here, too."""
    assert set(REFUSED) == {*leaves(TERMS, "market"), *leaves(COSTS, "flexibility_costs")}


@pytest.mark.parametrize(("value", "words"), [(-1, AT_LEAST), (4_200.5, ENTIRE), (4_200, None), (0, None)])
def test_what_each_device_is_left_is_whole_watts(value: float, words: str | None) -> None:
    """A site that states it (Strem does not) says watts from 0 on."""
    found = told({"market.least_device_w": rating(value)})
    if words is None:
        assert found == ()
    else:
        (fault,) = found
        assert fault.startswith("market.least_device_w: value ")
        assert str(value) in fault
        assert fault.endswith(words)


def test_each_missing_key_is_told_by_name() -> None:
    """Three habits, a share and a minimum may be left out: all else left out is as many faults, none hiding another."""
    # Giving back what is reserved; offering without a request; sellers by rounds; what keeping costs, until it is learned.
    habits = {"dso_option_release", "standing_offers", "seller_coordination", "keeping_share_pct", "least_device_w"}
    names = [f"market.{name}" for name in MarketTerms.model_fields if name not in habits]
    names += [f"flexibility_costs.{name}" for name in FlexibilityCosts.model_fields]
    found = told(dict.fromkeys([*names, "market.dso_option_release"]))
    assert sorted(found) == sorted(f"{name}: value missing: expected this key to be given" for name in names)


@pytest.mark.parametrize("section", ["market", "flexibility_costs"])
def test_a_key_nobody_knows_is_told(section: str) -> None:
    """A misspelt key is not passed over in silence."""
    (fault,) = told({f"{section}.gate_closure_ips": rating(3)})
    assert fault.startswith(f"{section}.gate_closure_ips: ")


@pytest.mark.parametrize(
    ("name", "better"),
    [("prosumers_sell", "more"), ("aggregators_sell", "more"), ("aggregators_buy", "less"), ("dso_buys", "less")],
)
def test_who_opens_beyond_the_worst_it_will_take_is_told(name: str, better: str) -> None:
    """Aspiration and reservation exchanged: sellers must aspire to more, buyers to less; equal ones are fine."""
    best, worst = TERMS[name]["aspiration"], TERMS[name]["reservation"]
    (fault,) = told({f"market.{name}": {"aspiration": worst, "reservation": best}})
    assert fault.startswith("market: value ")
    assert fault.endswith(f"expected {name}.aspiration to be {better} than {name}.reservation, or the same")
    assert told({f"market.{name}": {"aspiration": best, "reservation": best}}) == ()


CENTS = st.integers(0, 100).map(float)


@given(ends=st.tuples(CENTS, CENTS, CENTS, CENTS), name=st.sampled_from(["prosumers_sell", "dso_buys"]))
def test_the_two_prices_are_weighed_together(ends: tuple[float, float, float, float], name: str) -> None:
    """A range is sound exactly when a kWh a day and a kW together gain on the way, whichever of the two gives way."""
    a, b, c, d = ends
    prices = [{"volume_ct_per_kwh": rating(v), "capacity_ct_per_kw_day": rating(k)} for v, k in ((a, b), (c, d))]
    raw = {**TERMS, name: {"aspiration": prices[0], "reservation": prices[1]}}
    assert Prices.model_validate(prices[0]).ct_per_kw_day == a + b
    gained = (a + b) - (c + d) if name == "prosumers_sell" else (c + d) - (a + b)
    if gained >= 0:
        assert MarketTerms.model_validate(raw)
    else:
        with pytest.raises(ValueError, match=f"expected {name}.aspiration to be"):
            MarketTerms.model_validate(raw)
