"""What a site file says of connections: EANs, caps, flexible connection agreements, limits on call; and what it refuses."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.assembly.grid_of_site import connection_terms, plant_connections, site_dso_config, usage_point
from agents.roles.dso.config import PlannedRestriction
from environment.sites import SiteFaults, load_site
from environment.sites.loader import parse_site
from environment.sites.schema import Site
from market.contracts.connection_terms import NOTHING_AGREED, ConnectionTerms, FlexibleConnection, LimitOnCall
from market.register.units import UnitLimit

STREM: dict[str, Any] = yaml.safe_load(
    (Path(load_site.__code__.co_filename).parent / "strem.yaml").read_text(encoding="utf-8")
)
EAN = "376104250021234569"  # GS1's own example


def assumed(**values: float) -> dict[str, Any]:
    """Numbers with their provenance."""
    return {name: {"value": value, "assumed": True} for name, value in values.items()}


AGREED: dict[str, Any] = {
    "max_usage": assumed(import_w=30_000, export_w=25_000),
    "flexible": assumed(
        firm_import_w=20_000,
        firm_export_w=10_000,
        non_firm_import_w=5_000,
        non_firm_export_w=8_000,
        first_month=4,
        last_month=9,
        from_hour=10,
        to_hour=16,
        notice_minutes=30,
    ),
    "limit_on_call": assumed(least_export_w=3_000, expires_minutes=30, fail_safe_export_w=5_000),
}


def site(ean: str | None = None, connection: dict[str, Any] | None = None, second: str | None = None) -> Site:
    """Strem, with something said of its first connection."""
    raw = copy.deepcopy(STREM)
    for prosumer in raw["prosumers"]:
        prosumer.pop("ean", None)
        prosumer.pop("connection", None)
    if ean is not None:
        raw["prosumers"][0]["ean"] = ean
    if second is not None:
        raw["prosumers"][1]["ean"] = second
    if connection is not None:
        raw["prosumers"][0]["connection"] = connection
    return parse_site(yaml.safe_dump(raw), "mine.yaml")


def test_what_is_agreed_of_a_connection_is_told_to_its_agents() -> None:
    """Every field, in watts and minutes; the DSO knows it of the plants that it may limit, too."""
    made = site(connection=AGREED)
    wanted = ConnectionTerms(
        30_000,
        25_000,
        FlexibleConnection(20_000, 10_000, 5_000, 8_000, 4, 9, 600, 960, 30),
        LimitOnCall(3_000, 30, 5_000),
    )
    assert connection_terms(made.prosumers[0]) == wanted
    assert [plant.terms for plant in plant_connections(made) if plant.owner == made.prosumers[0].name] == [wanted]
    assert connection_terms(made.prosumers[1]) == NOTHING_AGREED


def test_a_connection_goes_by_its_ean_where_it_has_one() -> None:
    """As UFTP writes it; without one, by an entity address of the site's own."""
    made = site(EAN)
    assert usage_point(made, made.prosumers[0].name) == f"ean.{EAN}"
    assert usage_point(made, made.prosumers[1].name).startswith("ea1.")


def _changed(part: str, **values: float) -> dict[str, Any]:
    return AGREED | {part: AGREED[part] | assumed(**values)}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"ean": EAN[:-1] + "8"}, "prosumers[0].ean: value '376104250021234568': expected 9 as its last digit"),
        ({"ean": "AT0012345678"}, "prosumers[0].ean: value 'AT0012345678': expected an EAN of 18 digits"),
        ({"ean": EAN, "second": EAN}, f"EANs of connections: value '{EAN}': expected every name once"),
        ({"connection": _changed("max_usage", export_w=-1)}, "prosumers[0].connection.max_usage.export_w: value"),
        ({"connection": _changed("flexible", last_month=13)}, "expected first_month and last_month within 1 to 12"),
        ({"connection": _changed("flexible", from_hour=16)}, "expected from_hour before to_hour within 0 to 24"),
        ({"connection": _changed("flexible", firm_export_w=0.5)}, "expected a whole number"),
        (
            {"connection": _changed("limit_on_call", fail_safe_export_w=2_999)},
            "expected fail_safe_export_w to be least",
        ),
        ({"connection": {"cap": 1}}, "prosumers[0].connection.cap: value 1: expected no such key"),
    ],
)
def test_what_cannot_be_agreed_is_told_with_its_place(said: dict[str, Any], sentence: str) -> None:
    """One sentence: where, which value, what was expected."""
    with pytest.raises(SiteFaults) as error:
        site(**said)
    assert any(sentence in fault for fault in error.value.faults), error.value.faults


def restricted(**changes: Any) -> Site:
    """Strem with one unit restricted on its day."""
    raw = copy.deepcopy(STREM)
    said = {"unit": "farm-1.battery", "day": "2016-05-20", "from_hour": 11, "to_hour": 24, "reason": "works"}
    raw["restrictions"] = [said | assumed(up_w=0, down_w=500) | changes]
    return parse_site(yaml.safe_dump(raw), "mine.yaml")


def test_a_restriction_is_told_to_the_dso_with_its_local_hours() -> None:
    """From 11:00 to midnight of a summer's day in Vienna: 09:00 to 22:00 UTC; downwards counts below zero."""
    (planned,) = site_dso_config(restricted(), lambda _: ()).restrictions
    day = datetime(2016, 5, 20, tzinfo=UTC)
    limit = UnitLimit(0, -500, day.replace(hour=22), day.replace(hour=9))
    assert planned == PlannedRestriction("farm-1.battery", limit, "works")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"unit": "farm-1.reactor"}, "restrictions[0].unit: value 'farm-1.reactor': expected one of farm-1.pv"),
        ({"from_hour": 24}, "restrictions[0].from_hour: value 24: expected"),
        ({"to_hour": 11}, "expected from_hour before to_hour"),
        ({"reason": ""}, "restrictions[0].reason: value ''"),
        (assumed(up_w=-1), "restrictions[0].up_w: value"),
    ],
)
def test_a_restriction_that_cannot_be_is_told(changes: dict[str, Any], sentence: str) -> None:
    """Where, which value, what was expected."""
    with pytest.raises(SiteFaults) as error:
        restricted(**changes)
    assert any(sentence in fault for fault in error.value.faults), error.value.faults
