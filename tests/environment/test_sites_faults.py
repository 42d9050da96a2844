"""Broken site files: every kind of fault, alone and all at once, each told with its place, its value and what was expected."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from environment.sites import SiteFaults, known_sites, load_site
from environment.sites.loader import parse_site
from environment.sites.ratings import Rating

FOLDER = Path(load_site.__code__.co_filename).parent
STREM: dict[str, Any] = yaml.safe_load((FOLDER / "strem.yaml").read_text(encoding="utf-8"))
Place = tuple[str | int, ...]


def ratings(raw: Any, at: Place = ()) -> Iterator[Place]:
    """Where in a raw site file the numbers with provenance stand."""
    if isinstance(raw, dict) and "value" in raw:
        yield at
    elif isinstance(raw, dict):
        for key, item in raw.items():
            yield from ratings(item, (*at, key))
    elif isinstance(raw, list):
        for index, item in enumerate(raw):
            yield from ratings(item, (*at, index))


def place(at: Place) -> str:
    """As a fault names it: `prosumers[3].devices[0].rated_w`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")


def look(raw: Any, at: Place) -> Any:
    """What stands there."""
    for part in at:
        raw = raw[part]
    return raw


def faults(raw: Any) -> tuple[str, ...]:
    """What is told about a file that says `raw`; nothing if it is whole."""
    try:
        parse_site(yaml.safe_dump(raw), "mine.yaml")
    except SiteFaults as error:
        return error.faults
    return ()


RATINGS = tuple(ratings(STREM))


def test_the_shipped_file_is_whole_and_full_of_ratings() -> None:
    """What the other tests break is not broken before, and there is much to break."""
    assert faults(STREM) == ()
    assert len(RATINGS) >= 100


def _no_provenance(rating: dict[str, Any]) -> None:
    rating.pop("source", None)
    rating.pop("assumed", None)


def _both(rating: dict[str, Any]) -> None:
    rating |= {"source": "pilot", "assumed": True}


def _not_assumed(rating: dict[str, Any]) -> None:
    rating.pop("source", None)
    rating["assumed"] = False


def _hearsay(rating: dict[str, Any]) -> None:
    rating.pop("assumed", None)
    rating["source"] = "hearsay"


def _text(rating: dict[str, Any]) -> None:
    rating["value"] = "plenty"


def _no_value(rating: dict[str, Any]) -> None:
    rating["value"] = None


def _infinite(rating: dict[str, Any]) -> None:
    rating["value"] = float("inf")


def _extra(rating: dict[str, Any]) -> None:
    rating["unit"] = "W"


BREAKS: dict[str, tuple[Callable[[dict[str, Any]], None], str, str]] = {
    "no provenance": (_no_provenance, "", "expected exactly one of 'source: <key of sources>' and 'assumed: true'"),
    "both": (_both, "", "expected exactly one of 'source: <key of sources>' and 'assumed: true'"),
    "assumed: false": (_not_assumed, ".assumed", "value False: expected"),
    "unknown source": (_hearsay, ".source", "value 'hearsay': expected one of "),
    "no number": (_text, ".value", "value 'plenty': expected a valid number"),
    "nothing": (_no_value, ".value", "value None: expected a valid number"),
    "infinite": (_infinite, ".value", "value inf: expected a finite number"),
    "a unit of its own": (_extra, ".unit", "value 'W': expected no such key"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_every_rating_of_a_site_keeps_the_provenance_rule(name: str) -> None:
    """All ratings broken in one way at once: as many faults as ratings, each at its own place; no number escapes the rule."""
    change, below, says = BREAKS[name]
    raw = copy.deepcopy(STREM)
    for at in RATINGS:
        change(look(raw, at))
    told = {fault.partition(": ")[0]: fault for fault in faults(raw)}
    missing = [place(at) + below for at in RATINGS if place(at) + below not in told]
    assert missing == []
    assert all(says in told[place(at) + below] for at in RATINGS)


@settings(max_examples=8)
@given(
    st.lists(
        st.tuples(st.sampled_from(RATINGS), st.sampled_from(sorted(BREAKS))),
        min_size=1,
        max_size=6,
        unique_by=lambda one: one[0],
    )
)
def test_any_mixture_of_faults_is_told_whole(broken: list[tuple[Place, str]]) -> None:
    """Each broken place is told once, whatever else is broken, and no sound place is blamed."""
    raw = copy.deepcopy(STREM)
    for at, name in broken:
        BREAKS[name][0](look(raw, at))
    told = [fault.partition(": ")[0] for fault in faults(raw)]
    assert sorted(told) == sorted(place(at) + BREAKS[name][1] for at, name in broken)


@pytest.mark.parametrize("site", known_sites())
def test_a_source_is_named_for_each_value_of_a_shipped_site(site: str) -> None:
    """Of the sites that ship, every source that is named exists, and every source is used."""
    text = (FOLDER / f"{site}.yaml").read_text(encoding="utf-8")
    raw = yaml.safe_load(text)
    used = {look(raw, at).get("source") for at in ratings(raw)} - {None}
    assert used <= set(raw["sources"])
    assert set(raw["sources"]) - used <= {"pilot", *_mentioned(raw, text)}


def _mentioned(raw: dict[str, Any], text: str) -> set[str]:
    """Sources that only a comment uses: those that it names as code."""
    return {name for name in raw["sources"] if f"`{name}`" in text}


def _set(*at: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        look(raw, at[:-1])[at[-1]] = to

    return change


def _gone(*at: str | int) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        del look(raw, at[:-1])[at[-1]]

    return change


def _twice(*at: str | int) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        items = look(raw, at)
        items.append(copy.deepcopy(items[0]))

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_set("name", to="Strem!"), "name: value 'Strem!': expected text that matches"),
        (_set("country", to="Austria"), "country: value 'Austria': expected text that matches"),
        (_set("timezone", to="CEST"), "timezone: value 'CEST': expected an IANA time zone, for example Europe/Vienna"),
        (_set("currency", to="eur"), "currency: value 'eur': expected text that matches"),
        (_set("isp_minutes", to=20), "isp_minutes: value 20: expected 15, 30 or 60"),
        (_set("control_interval_s", to=901), "control_interval_s: value 901: expected less than or equal to 900"),
        (_set("default_day", to="2016-02-30"), "default_day: value '2016-02-30': expected"),
        (
            _set("profiles", to="simbench-urban9"),
            "profiles: value 'simbench-urban9': profiles: 'simbench-urban9' is unknown",
        ),
        (_gone("sources", "en50160"), "limits.min_voltage_pu.source: value 'en50160': expected one of"),
        (_gone("limits"), "limits: value missing: expected this key to be given"),
        (_set("aggregators", to=[]), "aggregators: value []: expected"),
        (_set("prosumers", to=[]), "prosumers: value []: expected"),
        (_set("dso", "domain", to="not a domain"), "dso.domain: value 'not a domain': expected text that matches"),
        (_set("network", "slack_node", to="moon"), "network.slack_node: value 'moon': expected one of busbar, mv-1"),
        (_set("network", "lines", 1, "to_node", to="mv-9"), "network.lines[1].to_node: value 'mv-9': expected one of"),
        (_set("network", "low_voltage", "at", to="mv-9"), "network.low_voltage.at: value 'mv-9': expected one of"),
        (
            _set("network", "low_voltage", "pack", to="x"),
            "network.low_voltage.pack: value 'x': profiles: 'x' is unknown",
        ),
        (_twice("network", "nodes"), "network.nodes: value 'busbar': expected every name once"),
        (_twice("network", "lines"), "network: lines and transformers: value 'line-1': expected every name once"),
        (
            _twice("congestion_points"),
            "congestion_points: value 'ea1.2016-01.at.strem:mv-feeder': expected every name once",
        ),
        (_twice("prosumers", 0, "devices"), "prosumers[0].devices: value 'pv': expected every name once"),
        (_set("congestion_points", 1, "parent", to="ea1.2016-01.at.strem:sun"), "congestion_points[1].parent: value"),
        (
            _set("congestion_points", 1, "parent", to="ea1.2016-01.at.strem:lv-rural1"),
            "congestion_points[1].parent: value 'ea1.2016-01.at.strem:lv-rural1': expected another point",
        ),
        (_set("prosumers", 0, "kind", to="castle"), "prosumers[0].kind: value 'castle': expected"),
        (
            _set("prosumers", 0, "devices", 0, "name", to="meter"),
            "prosumers[0].devices: value 'meter': expected every name once",
        ),
        (_set("prosumers", 0, "devices", 0, "kind", to="reactor"), "prosumers[0].devices[0]: value"),
        (
            _set("prosumers", 0, "devices", 0, "column", to="PV99"),
            "prosumers[0].devices[0].column: value 'PV99': expected one of",
        ),
        (
            _set("prosumers", 0, "devices", 0, "sunspec", to="999"),
            "prosumers[0].devices[0].sunspec: value '999': expected",
        ),
        (_set("buildings", "set_c", "value", to=25.0), "buildings: value {'cop'"),
        (
            _set("batteries", "one_way_efficiency", "value", to=1.2),
            "batteries.one_way_efficiency: value {'source': 'simbench', 'value': 1.2}: expected a value above 0",
        ),
    ],
)
def test_one_fault_is_one_sentence(change: Callable[[dict[str, Any]], None], sentence: str) -> None:
    """Each rule of the schema broken alone: the fault is told at its place, and what cannot follow from it is not blamed."""
    raw = copy.deepcopy(STREM)
    change(raw)
    told = faults(raw)
    assert any(fault.startswith(sentence) for fault in told), told
    roots = {re.split(r"[.:\[]", fault)[0] for fault in told}
    assert len(roots) <= 2, told


def test_the_message_counts_and_names_the_file() -> None:
    """The first line says which file and how many faults, the rest are the faults, one a line."""
    raw = copy.deepcopy(STREM)
    raw["isp_minutes"], raw["currency"] = 7, 8
    with pytest.raises(SiteFaults) as caught:
        parse_site(yaml.safe_dump(raw), "mine.yaml")
    first, *rest = str(caught.value).splitlines()
    assert first == "site file mine.yaml has 2 faults:"
    assert tuple(rest) == caught.value.faults
    del raw["currency"]
    raw["currency"], raw["isp_minutes"] = "EUR", 7
    with pytest.raises(SiteFaults, match=r"^site file mine.yaml has 1 fault:\n"):
        parse_site(yaml.safe_dump(raw), "mine.yaml")


@given(st.floats(allow_nan=False, allow_infinity=False), st.one_of(st.none(), st.text(min_size=1)), st.booleans())
def test_a_rating_has_exactly_one_origin(value: float, source: str | None, assumed: bool) -> None:
    """A source or the admission that it is assumed: neither and both are refused, each alone is kept."""
    given_ = {"value": value, "source": source, "assumed": True if assumed else None}
    if (source is None) == assumed:
        rating = Rating.model_validate(given_)
        assert (rating.value, rating.source, rating.assumed) == (value, source, True if assumed else None)
    else:
        with pytest.raises(ValidationError, match="exactly one of"):
            Rating.model_validate(given_)
