"""A site's tariffs: dated, each customer has one, and each fault is one sentence at its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from environment.sites import load_site
from tests.environment.test_sites_faults import STREM, faults


def row(start: str, **changes: Any) -> dict[str, Any]:
    """A row of a tariff."""
    kept = {key: item for key, item in STREM["tariffs"]["customers"][0]["rows"][0].items() if key != "from"}
    return {"from": start, **kept, **changes}


def rows(raw: dict[str, Any], found: list[dict[str, Any]]) -> None:
    """Let the first tariff have these rows."""
    raw["tariffs"]["customers"][0]["rows"] = found


def no_tariff_for_farms(raw: dict[str, Any]) -> None:
    """Take the farms' tariff away."""
    raw["tariffs"]["customers"] = [t for t in raw["tariffs"]["customers"] if "farm" not in t["customers"]]


CASES: list[tuple[Callable[[dict[str, Any]], Any], int, str]] = [
    (lambda raw: rows(raw, [row("2017-01-01"), row("2016-01-01")]), 1,
     "expected rows in the order of their days, not 2016-01-01 after 2017-01-01"),
    (lambda raw: rows(raw, [row("2016-01-01"), row("2016-01-01")]), 1,
     "expected rows in the order of their days, not 2016-01-01 after 2016-01-01"),
    (lambda raw: rows(raw, []), 1, "tariffs.customers[0].rows: value []: expected"),
    (lambda raw: rows(raw, [row("soon")]), 1, "tariffs.customers[0].rows[0].from: value 'soon': expected"),
    (lambda raw: rows(raw, [row("2016-01-01", energy_by="guess")]), 1,
     "tariffs.customers[0].rows[0].energy_by: value 'guess': expected"),
    (lambda raw: rows(raw, [row("2016-01-01", feed_in_ct_per_kwh={"value": -1, "assumed": True})]), 1,
     "tariffs.customers[0].rows[0].feed_in_ct_per_kwh: value {"),
    (lambda raw: raw["tariffs"].update(day_ahead="smard-1918"), 1,
     "tariffs.day_ahead: value 'smard-1918': expected a pack of prices: prices: 'smard-1918' is unknown"),
    (lambda raw: raw["tariffs"]["customers"][0]["customers"].append("farm"), 1, "expected one tariff for farm"),
    (no_tariff_for_farms, 10, "kind: value 'farm': expected one of household, estate, care_centre"),
    (lambda raw: raw.pop("tariffs"), 1, "tariffs: value missing: expected this key to be given"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "count", "says"), CASES)
def test_each_fault_of_the_tariffs_is_told(spoil: Callable[[dict[str, Any]], Any], count: int, says: str) -> None:
    """One sentence for each: rows out of order or twice of a day, no row, unknown words, prices or customers."""
    raw = copy.deepcopy(STREM)
    spoil(raw)
    found = faults(raw)
    assert len(found) == count
    assert any(says in fault for fault in found)


def test_every_prosumer_of_strem_has_a_tariff_with_a_retail_price_above_its_feed_in() -> None:
    """Who takes its own energy saves more than it would earn: what self-consumption rests on."""
    site = load_site("strem")
    for prosumer in site.prosumers:
        tariff = site.tariffs.of(prosumer.kind)
        assert tariff is not None
        first = tariff.rows[0]
        parts = first.energy_ct_per_kwh, first.network_ct_per_kwh, first.taxes_ct_per_kwh
        assert sum(part.value for part in parts) > first.feed_in_ct_per_kwh.value
