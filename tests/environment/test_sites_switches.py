"""A site file's `switches`: who goes over to whom, and when; what cannot be is refused with its place."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.assembly.grid_of_site import site_dso_config
from agents.assembly.providers import aggregator_of, connection_of, member_days
from cim.platform.access.principals import Handover
from environment.sites import SiteFaults, load_site
from environment.sites.connections import site_facts
from environment.sites.loader import parse_site
from environment.sites.schema import Site
from market.register.providers import ProviderSwitch, ServedDays

STREM = yaml.safe_load((Path(__file__).parents[2] / "environment/sites/strem.yaml").read_text(encoding="utf-8"))
DAY = date(2016, 5, 21)


def site(*switches: Any) -> Site:
    """Strem with these switches."""
    return parse_site(yaml.safe_dump(copy.deepcopy(STREM) | {"switches": list(switches)}), "mine.yaml")


def switch(prosumer: str = "farm-1", to: str = "agr-west", day: Any = DAY, **more: Any) -> dict[str, Any]:
    """One, of a farm that begins with `agr-east`."""
    return {"prosumer": prosumer, "day": day, "to": to} | more


def test_a_switch_is_the_same_to_everybody() -> None:
    """The DSO's register and both aggregators' portfolios say the same of every day; others' connections stay."""
    switched = site(switch())
    assert [aggregator_of(switched, "farm-1", date(2016, 5, day)) for day in (20, 21)] == ["agr-east", "agr-west"]
    assert member_days(switched, "farm-1", "agr-east") == (ServedDays(None, date(2016, 5, 20)),)
    assert member_days(switched, "farm-1", "agr-west") == (ServedDays(DAY, None),)
    connections = site_dso_config(switched, lambda _: ()).connections
    assert [c.switches for c in connections if c.switches] == [(ProviderSwitch(DAY, "agr-west"),)]


def test_switches_count_by_their_day_whatever_their_order_in_the_file() -> None:
    """Back to the first, written before the first change: two switches of one farm on two days."""
    switched = site(switch(to="agr-east", day=date(2016, 5, 25)), switch())
    assert [one.day.day for one in connection_of(switched, "farm-1").switches] == [21, 25]
    assert [aggregator_of(switched, "farm-1", date(2016, 5, day)) for day in (20, 22, 26)] == [
        "agr-east",
        "agr-west",
        "agr-east",
    ]


def test_the_data_platform_is_told_the_local_midnight() -> None:
    """In summer 22:00 UTC of the day before; who does not change has no handover."""
    facts = site_facts(site(switch()))
    told = {one.usage_point: one.handovers for one in facts.connections if one.handovers}
    assert told == {"farm-1": (Handover(datetime(2016, 5, 20, 22, tzinfo=UTC), "agr-west"),)}


def test_two_may_switch_on_one_day() -> None:
    """Once a day is a rule for each, not for all."""
    assert len(site(switch(), switch("farm-3")).switches) == 2


def test_sites_that_ship_have_none() -> None:
    """So their days are what they were before there were switches."""
    assert load_site("strem").switches == load_site("el_realengo").switches == ()


@pytest.mark.parametrize(
    ("switches", "sentence"),
    [
        ([switch(to="agr-north")], "switches[0].to: value 'agr-north': expected one of agr-east, agr-west"),
        ([switch(to="dso")], "switches[0].to: value 'dso': expected one of agr-east, agr-west"),
        ([switch("farm-99")], "switches[0].prosumer: value 'farm-99': expected one of farm-1, farm-2"),
        ([switch(to="agr-east")], "switches[0].to: value 'agr-east': expected another aggregator than it has then"),
        (
            [switch(), switch(day=date(2016, 5, 23))],
            "switches[1].to: value 'agr-west': expected another aggregator than it has then",
        ),
        ([switch(), switch(to="agr-east")], "switches: days of farm-1: value '2016-05-21': expected every name once"),
        ([switch(day="tomorrow")], "switches[0].day: value 'tomorrow': expected"),
        ([{"prosumer": "farm-1", "to": "agr-west"}], "switches[0].day: value missing"),
        ([switch(hour=3)], "switches[0].hour: value 3: expected no such key"),
    ],
)
def test_a_switch_that_cannot_be_is_told(switches: list[Any], sentence: str) -> None:
    """Where, which value, what was expected."""
    with pytest.raises(SiteFaults) as error:
        site(*switches)
    assert any(sentence in fault for fault in error.value.faults), error.value.faults
