"""A site's `community`: what it may say, and each fault in one sentence with its place."""

from __future__ import annotations

import copy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from cim.model.errors import BadInput
from environment.energy_sharing import austrian_rules, row_on, spanish_rules
from environment.sites import SiteFaults, load_site
from environment.sites.community import AustrianCommunity, SpanishCommunity
from environment.sites.loader import parse_site
from tests.worlds.communities import SPANISH

STREM = yaml.safe_load((Path(__file__).parents[2] / "environment" / "sites" / "strem.yaml").read_text(encoding="utf-8"))


def faults(community: dict[str, Any], country: str = "AT") -> tuple[str, ...]:
    """What Strem with another community is refused for."""
    raw = copy.deepcopy(STREM) | {"community": community, "country": country}
    try:
        parse_site(yaml.safe_dump(raw), "mine.yaml")
    except SiteFaults as error:
        return error.faults
    return ()


def austrian(**changes: Any) -> dict[str, Any]:
    """Strem's community with some keys changed; None leaves one out."""
    raw = copy.deepcopy(STREM["community"]) | changes
    return {key: value for key, value in raw.items() if value is not None}


def spanish(**changes: Any) -> dict[str, Any]:
    """A Spanish community of Strem's homes with some keys changed."""
    raw = copy.deepcopy(SPANISH) | changes
    return {key: value for key, value in raw.items() if value is not None}


def assumed(value: float) -> dict[str, Any]:
    """An assumed value."""
    return {"value": value, "assumed": True}


def test_strems_community_is_the_homes_below_its_transformer() -> None:
    """All thirteen prosumers at the low-voltage point, by Austria's law; all that it says is marked as assumed."""
    site = load_site("strem")
    community = site.community
    assert isinstance(community, AustrianCommunity)
    assert {member.prosumer for member in community.members} == set(site.below("ea1.2016-01.at.strem:lv-rural1"))
    assert community.as_in_year.assumed
    assert all(member.factor_pct.assumed for member in community.members)


def test_a_spanish_community_is_taken_at_a_spanish_site() -> None:
    """Plants, members, modality and coefficients as the file has them."""
    raw = copy.deepcopy(STREM) | {"community": spanish(), "country": "ES"}
    community = parse_site(yaml.safe_dump(raw), "mine.yaml").community
    assert isinstance(community, SpanishCommunity)
    assert (community.modality, community.coefficient_mode, community.plants) == ("sale", "fixed", ("pv-field",))


MEMBER = {"prosumer": "farm-1", "factor_pct": assumed(100)}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"law": "ES"}, "community.law: value 'ES': expected one of AT"),
        (
            {"kind": "local"},
            "community.kind: value 'local': expected 'eeg-local', 'eeg-regional', 'citizens' or 'peer-to-peer'",
        ),
        ({"key": "fair"}, "community.key: value 'fair': expected 'static' or 'dynamic'"),
        ({"as_in_year": None}, "community.as_in_year: value missing"),
        (
            {"as_in_year": assumed(2026.5)},
            "community.as_in_year: value {'assumed': True, 'value': 2026.5}: expected a year",
        ),
        ({"price_ct_per_kwh": assumed(-1)}, "{'assumed': True, 'value': -1}: expected a value >= 0"),
        ({"members": []}, "community.members: value []: expected"),
        ({"members": [MEMBER, MEMBER]}, "community: members and plants: value 'farm-1': expected every name once"),
        (
            {"members": [{"prosumer": "farm-77", "factor_pct": assumed(100)}]},
            "community.members[0].prosumer: value 'farm-77': expected one of",
        ),
        ({"members": [MEMBER | {"factor_pct": assumed(0)}]}, "expected a whole percentage from 1 to 100"),
        ({"members": [MEMBER | {"factor_pct": assumed(50.5)}]}, "expected a whole percentage from 1 to 100"),
        ({"members": [MEMBER | {"factor_pct": {"value": 100}}]}, "expected exactly one of 'source"),
        ({"members": [MEMBER | {"from": "2016-05-10", "until": "2016-05-09"}]}, "expected until on or after from"),
        ({"members": [MEMBER | {"levels": "5"}]}, "community.members[0].levels: value '5': expected '6-7' or '4-5'"),
        (
            {"members": [MEMBER, {"prosumer": "estate", "factor_pct": assumed(100)}]},
            "expected members at one congestion point, not",
        ),
        (
            {"members": [MEMBER | {"share": assumed(1)}]},
            "expected no share of a member: a dynamic key goes by consumption",
        ),
        ({"key": "static"}, "expected a share of each member, 1 together, not 0 of 0"),
        ({"key": "static", "members": [MEMBER | {"share": assumed(0.999999)}]}, "1 together, not 0.999999 of 1"),
        ({"key": "static", "members": [MEMBER | {"share": assumed(0.12345678)}]}, "expected at most six decimals"),
        ({"modality": "sale"}, "community.modality: value 'sale': expected no such key"),
    ],
)
def test_an_austrian_community_that_cannot_be_is_told_why(changes: dict[str, Any], sentence: str) -> None:
    """One sentence with the place, the value and what was expected."""
    told = faults(austrian(**changes))
    assert any(sentence in fault for fault in told), told
    assert all("\n" not in fault for fault in told)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"law": "FR"}, "community: value"),
        ({"modality": "free"}, "community.modality: value 'free': expected 'compensation' or 'sale'"),
        ({"coefficient_mode": "dynamic"}, "expected 'fixed', 'hourly_ex_ante' or 'ex_post'"),
        ({"plants": []}, "community.plants: value []"),
        ({"plants": ["sun"]}, "community.plants[0]: value 'sun': expected one of"),
        ({"plants": ["farm-1"]}, "community: members and plants: value 'farm-1': expected every name once"),
        ({"members": [{"prosumer": "farm-1"}]}, "community.members[0].contracted_w: value missing"),
        ({"members": [{"prosumer": "farm-1", "contracted_w": assumed(0)}]}, "expected a value > 0"),
        (
            {"members": [{"prosumer": "farm-1", "contracted_w": assumed(5000), "coefficient": assumed(0.5)}]},
            "1 together, or of none; not 0.5 of 1",
        ),
        ({"agreements": [{"from": "2016-05-01", "coefficients": {"farm-1": assumed(0.5)}}]}, "1 together, not 0.5"),
        (
            {"agreements": [{"from": "2016-05-01", "coefficients": {"farm-9": assumed(1)}}]},
            "expected agreements between members, not with farm-9",
        ),
        (
            {
                "coefficient_mode": "hourly_ex_ante",
                "agreements": [{"from": "2016-05-01", "coefficients": {"farm-1": assumed(1)}}],
            },
            "expected agreements of fixed coefficients only",
        ),
    ],
)
def test_a_spanish_community_that_cannot_be_is_told_why(changes: dict[str, Any], sentence: str) -> None:
    """The same at a Spanish site."""
    told = faults(spanish(**changes), "ES")
    assert any(sentence in fault for fault in told), told


def test_a_country_without_a_law_of_ours_has_no_community() -> None:
    """An Austrian community at a German site is refused by its law."""
    assert any("community.law: value 'AT': expected one of DE" in fault for fault in faults(austrian(), "DE"))


def test_dated_values_say_where_they_are_from_and_until_when_they_hold() -> None:
    """Reductions of 57, 28 and 64 % to the end of 2026; five communities; 100 kW; four months; nothing after the fact yet."""
    austria, spain = austrian_rules(), spanish_rules()
    (row,) = austria.grid_fee_reductions
    assert (row.from_, row.to) == (date(2021, 11, 1), date(2026, 12, 31))
    assert row.pct == {"eeg-local": {"6-7": 57}, "eeg-regional": {"6-7": 28, "4-5": 64}}
    assert [row.count for row in austria.most_communities] == [5]
    (limits,) = spain.limits
    assert (limits.compensation_up_to_w, limits.months_between_agreements) == (100_000, 4)
    assert spain.ex_post_coefficients.lawful_from is None
    rows = (*austria.grid_fee_reductions, *austria.most_communities, *spain.limits, *spain.distances)
    assert all(len(row.source) > 20 for row in rows)


def test_a_value_before_its_first_day_is_not_assumed() -> None:
    """The row that holds is the last that has begun; before the first it is refused."""
    rows = austrian_rules().most_communities
    assert row_on(rows, date(2030, 1, 1), "communities").count == 5
    with pytest.raises(BadInput, match="communities on 2025-12-31: not known; expected a day from 2026-01-01 on"):
        row_on(rows, date(2025, 12, 31), "communities")
