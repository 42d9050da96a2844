"""A site's congestion points, meters and names: who is below what, and what the data platform files under whom."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from environment.sites import Site, load_site
from environment.sites.connections import prosumer_domain, site_facts
from environment.sites.loader import strict_yaml
from environment.sites.network import build_limits
from environment.sites.schema import CongestionPoint

STREM = load_site("strem")
NUMBERS = st.lists(st.integers(-1, 6), min_size=1, max_size=7)


def identifier(number: int) -> str:
    """The entity address of point `number`."""
    return f"ea1.2016-01.at.x:p{number}"


def with_points(parents: list[int]) -> Site:
    """Strem with these congestion points, each with the number of the one above it (-1: none), and its prosumers in turn
    below them."""
    points = tuple(
        CongestionPoint(
            id=identifier(number), title="", branch="b", parent=identifier(above) if 0 <= above < number else None
        )
        for number, above in enumerate(parents)
    )
    prosumers = tuple(
        prosumer.model_copy(update={"congestion_point": identifier(number % len(points))})
        for number, prosumer in enumerate(STREM.prosumers)
    )
    return STREM.model_copy(update={"congestion_points": points, "prosumers": prosumers})


@settings(max_examples=40)
@given(NUMBERS)
def test_who_is_below_a_point_is_below_all_above_it(parents: list[int]) -> None:
    """Each prosumer is below its own point and each above that; the uppermost points share all of them among themselves."""
    site = with_points(parents)
    for prosumer in site.prosumers:
        above = site.points_above(prosumer.congestion_point)
        assert above[0] == prosumer.congestion_point
        for point in site.congestion_points:
            assert (prosumer.name in site.below(point.id)) == (point.id in above)
    uppermost = [site.below(point.id) for point in site.congestion_points if point.parent is None]
    assert sorted(name for names in uppermost for name in names) == sorted(p.name for p in site.prosumers)


@settings(max_examples=40)
@given(NUMBERS)
def test_the_way_up_ends_at_a_point_without_one_above(parents: list[int]) -> None:
    """From below: each next is the parent of the one before, no point twice, the last has none."""
    site = with_points(parents)
    known = {point.id: point.parent for point in site.congestion_points}
    for point in site.congestion_points:
        way = site.points_above(point.id)
        assert len(set(way)) == len(way)
        assert [known[one] for one in way] == [*way[1:], None]


def test_points_above_each_other_do_not_end_in_a_circle() -> None:
    """Two points that name each other as the one above are gone through once."""
    one, other = (
        CongestionPoint(id=identifier(number), title="", branch="b", parent=identifier(1 - number)) for number in (0, 1)
    )
    site = STREM.model_copy(update={"congestion_points": (one, other)})
    assert site.points_above(one.id) == (one.id, other.id)
    assert site.points_above(other.id) == (other.id, one.id)


def test_strems_village_is_below_its_feeder() -> None:
    """The low-voltage point has thirteen prosumers, the feeder above it all nineteen."""
    feeder, village = (point.id for point in STREM.congestion_points)
    assert STREM.points_above(village) == (village, feeder)
    assert (len(STREM.below(village)), len(STREM.below(feeder))) == (13, 19)


def test_every_meter_is_named_once() -> None:
    """Smart meters first, in the order of prosumers, then those of the congestion points; none twice."""
    meters = STREM.meters
    assert len(set(meters)) == len(meters) == len(STREM.prosumers) + len(STREM.congestion_points)
    assert meters[: len(STREM.prosumers)] == tuple(f"{p.name}.meter" for p in STREM.prosumers)
    assert meters[-1] == STREM.congestion_points[-1].meter == "lv-rural1.meter"


def test_a_prosumer_is_found_by_name_or_not_at_all() -> None:
    """Each by its own name; another name is a KeyError that says it."""
    assert all(STREM.prosumer(prosumer.name) is prosumer for prosumer in STREM.prosumers)
    with pytest.raises(KeyError, match="nobody"):
        STREM.prosumer("nobody")


def test_the_data_platform_knows_every_device_and_meter_once() -> None:
    """All that measures stands under one connection, of its own kind; points of the grid belong to no aggregator."""
    facts = site_facts(STREM)
    sources = [source for connection in facts.connections for source in connection.meters]
    devices = [p.device_name(device) for p in STREM.prosumers for device in p.devices]
    assert sorted(sources) == sorted([*STREM.meters, *devices])
    by_kind = {source: kind for c in facts.connections for source, kind in c.meters.items()}
    assert {by_kind[meter] for meter in STREM.meters} == {"meter"}
    assert all(by_kind[p.device_name(device)] == device.kind for p in STREM.prosumers for device in p.devices)
    grid = [c for c in facts.connections if c.kind == "grid"]
    assert [(c.usage_point, c.aggregator) for c in grid] == [(point.id, "") for point in STREM.congestion_points]


def test_parties_are_known_by_their_domains() -> None:
    """The DSO, each aggregator and each prosumer by one domain, and no two share one."""
    facts = site_facts(STREM)
    assert len(facts.parties) == 1 + len(STREM.aggregators) + len(STREM.prosumers)
    assert facts.parties[STREM.dso.domain] == STREM.dso.name == facts.dso
    assert facts.parties[prosumer_domain(STREM, "biogas")] == "biogas"


def test_the_limits_are_the_files() -> None:
    """The safety analysis has the band that the file says, to the digit."""
    limits, band = build_limits(STREM), STREM.limits
    assert (limits.min_voltage_pu, limits.max_voltage_pu) == (band.min_voltage_pu.value, band.max_voltage_pu.value)
    assert limits.max_loading_pct == band.max_loading_pct.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "line 2, column 1: key 'a' twice: expected valid YAML"),
        ("a:\n  b: 1\n  c: {d: 1, d: 2}\n", "line 3, column 13: key 'd' twice: expected valid YAML"),
        ("a: [1, 2\n", "expected valid YAML"),
        ("a: !!python/object:os.system {}\n", "could not determine a constructor"),
        ("a: b: c\n", "line 1, column 5: mapping values are not allowed here"),
        ("\x00", "expected valid YAML"),
        ("a: \t- 1\n\t- 2", "expected valid YAML"),
    ],
)
def test_yaml_that_is_none_is_one_sentence_with_its_place(text: str, said: str) -> None:
    """A key twice at any depth, broken brackets, objects of Python and control characters: refused in one line."""
    with pytest.raises(BadInput) as caught:
        strict_yaml(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("abc: -#é", max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
@settings(max_examples=40)
def test_any_plain_value_is_read_as_it_was_written(value: object) -> None:
    """Mappings, lists, texts, numbers and nothing are read as what a YAML writer was given."""
    assert strict_yaml(yaml.safe_dump(value, allow_unicode=True)) == value
