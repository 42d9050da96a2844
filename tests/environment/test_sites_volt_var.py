"""What a site file may say of tie switches and of its inverters' own rule, and what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from environment.feeder import Line
from environment.sites import SiteFaults, build_network, load_site
from environment.sites.loader import parse_site
from environment.sites.network import build_inverters, build_ties
from environment.sites.schema import Site

FOLDER = Path(load_site.__code__.co_filename).parent
TIE: dict[str, Any] = {
    "name": "tie", "from_node": "busbar", "to_node": "mv-4", "length_km": {"value": 2.0, "assumed": True},
    "r_ohm_per_km": {"value": 0.2, "assumed": True}, "x_ohm_per_km": {"value": 0.1, "assumed": True},
    "c_nf_per_km": {"value": 250, "assumed": True}, "rated_a": {"value": 319, "assumed": True},
}  # fmt: skip


def strem(**changes: Any) -> Site:
    """Strem with more in its file."""
    raw = yaml.safe_load((FOLDER / "strem.yaml").read_text(encoding="utf-8"))
    network = changes.pop("network", {})
    raw["network"] |= network
    return parse_site(yaml.safe_dump(raw | changes), "mine.yaml")


def rule(curve: str = "vde-ar-n-4105", oversize: float = 1.1) -> dict[str, Any]:
    """The inverters' rule."""
    return {"curve": curve, "oversize": {"value": oversize, "assumed": True}}


@pytest.mark.parametrize("name", ["strem", "el_realengo"])
def test_the_pilot_sites_have_neither(name: str) -> None:
    """Nothing changes for a site that says nothing of them."""
    site = load_site(name)
    assert build_inverters(site) == ()
    assert build_ties(site) == ()


def test_a_tie_is_open_in_normal_operation() -> None:
    """It is told, with its impedance over its length, and no part of the network."""
    site = strem(network={"ties": [TIE]})
    assert build_ties(site) == (Line("tie", "busbar", "mv-4", 0.4, 0.2, 500.0, 319),)
    assert build_network(site) == build_network(load_site("strem"))


def test_every_inverter_of_pv_and_batteries_follows_the_rule() -> None:
    """Where it stands, with 1.1 times its active power; a CHP plant and a charging station are none."""
    site = strem(volt_var=rule())
    found = build_inverters(site)
    expected = [
        (p.node, 1.1 * d.rated_w.value)
        for p in site.prosumers
        for d in p.devices
        if d.kind in ("pv", "battery", "wind")
    ]
    assert [one.node for one in found] == [node for node, _ in expected]
    assert [one.rated_va for one in found] == pytest.approx([rated_va for _, rated_va in expected])
    assert len(found) > 8
    assert {one.curve for one in found} == {"vde-ar-n-4105"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": {"ties": [TIE | {"to_node": "mv-9"}]}}, "network.ties[0].to_node: value 'mv-9': expected one of"),
        ({"network": {"ties": [TIE | {"name": "line-1"}]}}, "value 'line-1': expected every name once"),
        ({"volt_var": rule(curve="mine")}, "volt_var.curve"),
        ({"volt_var": rule(oversize=0.9)}, "expected oversize of at least 1"),
    ],
)
def test_what_cannot_be_is_told(changes: dict[str, Any], words: str) -> None:
    """One sentence with the place and what was expected."""
    with pytest.raises(SiteFaults) as told:
        strem(**changes)
    assert any(words in fault for fault in told.value.faults), told.value.faults
