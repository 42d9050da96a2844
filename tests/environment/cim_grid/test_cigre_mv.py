"""CIGRE MV as cimpy ships it (CGMES by NEPLAN): read, calculated, and made a site."""

from __future__ import annotations

import importlib.util
import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cim.codec.rdf.reading import CimModel, read_rdf
from cim.model.errors import BadInput
from environment.cim_grid.grid_in import CimGrid, grid_of
from environment.cim_grid.site_in import site_from_cim
from environment.feeder import Feeder
from environment.feeder.flow import FlowFailed
from environment.sites import build_network
from environment.sites.loader import parse_site
from tests.cim.rdf.test_rdf_documents import damage
from tests.environment.zbus import solve


def files() -> dict[str, bytes]:
    """The model's files, from the installed package; nothing of the package is run."""
    found = importlib.util.find_spec("cimpy")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "examples" / "sampledata" / "CIGRE_MV"
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.xml"))}


@cache
def model() -> CimModel:
    """The model of all its files."""
    return read_rdf(files())


@cache
def grid() -> CimGrid:
    """Its grid."""
    return grid_of(model())


def test_the_grid_is_the_one_of_the_benchmark() -> None:
    """Fifteen buses at 110 and 20 kV, twelve lines, two transformers of 40 MVA and 18 loads of 44.9 MW are found."""
    network = grid().network
    assert (len(network.nodes), len(network.lines), len(network.transformers)) == (15, 12, 2)
    assert {node.nominal_v for node in network.nodes} == {110_000.0, 20_000.0}
    assert {trafo.rated_va for trafo in network.transformers} == {40e6}
    assert (len(grid().injections), sum(grid().totals()[0])) == (18, pytest.approx(44_891_000))
    assert (grid().assumed_ratings, grid().unreached) == (frozenset(), ())


def test_the_power_flow_is_that_of_the_tool_that_wrote_the_file() -> None:
    """Every voltage is that of the file's own SV profile, NEPLAN's answer, within what it rounds (1 mV of 20 kV)."""
    p_w, q_var = grid().totals()
    flow = Feeder(grid().network).flow(np.array([p_w]), np.array([q_var]))
    assert grid().voltage_pu.keys() == set(flow.node_names)
    for name, volts in zip(flow.node_names, flow.voltage_pu[0], strict=True):
        assert volts == pytest.approx(grid().voltage_pu[name], abs=5e-8), name


def test_a_second_method_finds_the_same() -> None:
    """An implicit Z-bus solution of our feeder agrees with power-grid-model in voltages, losses and the source's power."""
    p_w, q_var = (np.array(row) for row in grid().totals())
    flow = Feeder(grid().network).flow(p_w[None], q_var[None])
    answer = solve(grid().network, p_w, q_var)
    np.testing.assert_allclose(flow.voltage_pu[0], answer.voltage_pu, atol=1e-7)
    assert flow.slack_p_w[0] == pytest.approx(answer.slack_p_w, rel=1e-6)


def test_without_its_state_the_loads_draw_nothing() -> None:
    """Where no file says what loads draw they are at nothing, and the voltages of the file are not invented."""
    equipment = {name: content for name, content in files().items() if not name.endswith("SV.xml")}
    bare = grid_of(read_rdf(equipment))
    assert sum(bare.totals()[0]) == 0
    assert bare.voltage_pu == {}


def test_the_site_stands_on_the_same_grid() -> None:
    """A site file made of it has the same impedances, ratings and voltages, one congestion point a transformer, homes."""
    site, text, _ = site_from_cim(model(), "cigre-mv", "CIGRE MV", 4)
    ours, theirs = build_network(site), grid().network
    for one, other in zip(ours.lines, theirs.lines, strict=True):
        assert (one.r_ohm, one.x_ohm, one.c_nf) == pytest.approx((other.r_ohm, other.x_ohm, other.c_nf), rel=1e-12)
        assert one.rated_a == other.rated_a
    assert [t.uk_pct for t in ours.transformers] == [t.uk_pct for t in theirs.transformers]
    assert [point.branch for point in site.congestion_points] == ["tr1", "tr2"]
    assert sum(p.kind == "household" for p in site.prosumers) == 4
    assert parse_site(text, "cigre-mv.yaml") == site


def test_the_sites_loads_at_their_peaks_are_the_files() -> None:
    """All base loads at their peaks give the file's own voltages again."""
    site, _, _ = site_from_cim(model(), "cigre-mv", "CIGRE MV", 0)
    feeder = Feeder(build_network(site))
    p_w, q_var = np.zeros((1, 15)), np.zeros((1, 15))
    for prosumer in site.prosumers:
        assert prosumer.base_load is not None
        p_w[0, feeder.node_index[prosumer.node]] += prosumer.base_load.peak_w.value
        q_var[0, feeder.node_index[prosumer.node]] += prosumer.base_load.peak_var.value
    flow = feeder.flow(p_w, q_var)
    said = [grid().voltage_pu[name] for name in grid().network.node_names]
    np.testing.assert_allclose(flow.voltage_pu[0], said, atol=5e-8)


def test_what_the_file_does_not_say_is_marked() -> None:
    """Numbers of the grid are the file's; market terms, limits and homes are assumed."""
    site, text, _ = site_from_cim(model(), "cigre-mv", "CIGRE MV", 1)
    assert {line.r_ohm_per_km.source for line in site.network.lines} == {"cim"}
    assert site.market.offer_margin_pct.assumed
    assert site.limits.max_voltage_pu.assumed
    home = next(p for p in site.prosumers if p.kind == "household")
    assert all(device.rated_w.assumed for device in home.devices)
    assert "source: simbench" not in text


@pytest.mark.parametrize("seed", range(25))
def test_damaged_files_are_a_grid_or_refused(seed: int) -> None:
    """With one file damaged the model is a grid that can be calculated or refused in one line; never anything else."""
    draw = random.Random(seed)
    damaged = files()
    name = draw.choice([name for name in damaged if not name.endswith("DI.xml")])
    damaged[name] = damage(damaged[name], draw)
    try:
        found = grid_of(read_rdf(damaged))
        p_w, q_var = found.totals()
        flow = Feeder(found.network).flow(np.array([p_w]), np.array([q_var]))
    except (BadInput, FlowFailed) as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - either way is right
    else:
        assert np.isfinite(flow.voltage_pu).all()
