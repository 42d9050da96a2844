"""A site as CIM RDF/XML: read back by ours, by `triplets` and by `cimpy` to the same values."""

from __future__ import annotations

import logging
from dataclasses import astuple
from enum import StrEnum
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from cim.codec.rdf.attributes import Shape, attributes
from cim.codec.rdf.reading import CimModel, read_rdf
from cim.model.cgmes import Cgmes
from cim.model.generation import BatteryUnit, GeneratingUnit, PhotoVoltaicUnit
from cim.model.identified import CimValue
from cim.model.metering import EndDevice, Meter, UsagePoint
from cim.model.quantities import Quantity
from cim.model.wires import EnergyConsumer, RatioTapChanger
from environment.cim_grid.grid_in import grid_of
from environment.cim_grid.site_in import site_from_cim
from environment.cim_grid.site_out import site_document, site_objects
from environment.sites import Site, build_network, load_site


@cache
def strem() -> Site:
    """The shipped site."""
    return load_site("strem")


@cache
def document(version: Cgmes) -> bytes:
    """Its document."""
    return site_document(strem(), version)


@cache
def own(version: Cgmes) -> CimModel:
    """Read back by ours."""
    return read_rdf({"strem.xml": document(version)})


@pytest.mark.parametrize("version", list(Cgmes))
def test_ours_reads_the_same_objects(version: Cgmes) -> None:
    """What was written is read back object by object, none left out."""
    assert list(own(version).objects.values()) == list(site_objects(strem(), version))
    assert own(version).left_out == {}


@pytest.mark.parametrize("version", list(Cgmes))
def test_the_feeder_comes_back(version: Cgmes) -> None:
    """Every number of every node, line and transformer of the feeder is the same after the way through the file."""
    before, after = build_network(strem()), grid_of(own(version)).network
    for kind in ("nodes", "lines", "transformers"):
        ours = {item.name: astuple(item) for item in getattr(before, kind)}
        theirs = {item.name: astuple(item) for item in getattr(after, kind)}
        assert ours.keys() == theirs.keys()
        for name, row in ours.items():
            assert [v for v in theirs[name] if isinstance(v, str)] == [v for v in row if isinstance(v, str)]
            numbers = [v for v in theirs[name] if not isinstance(v, str)]
            assert numbers == pytest.approx([v for v in row if not isinstance(v, str)], rel=1e-12)
    assert (after.slack_node, after.slack_voltage_pu) == (before.slack_node, before.slack_voltage_pu)


def test_the_tap_changer_is_in_the_file() -> None:
    """The low-voltage transformer's tap is written as a RatioTapChanger, on the step that the feeder is on."""
    tap = next(own(Cgmes.V3_0).all(RatioTapChanger))
    trafo = build_network(strem()).transformers[0]
    assert (tap.step, tap.step_voltage_increment.value) == (trafo.tap_position, trafo.tap_step_pct)


def test_every_device_is_in_the_file() -> None:
    """Each connection is a UsagePoint with its Meter, each device an EndDevice, PV and batteries with their ratings."""
    model = own(Cgmes.V3_0)
    devices = {p.device_name(d): d for p in strem().prosumers for d in p.devices}
    assert {item.name for item in model.all(UsagePoint)} == {p.name for p in strem().prosumers}
    assert {item.name for item in model.all(Meter)} == {p.meter for p in strem().prosumers}
    assert {i.name for i in model.all(EndDevice) if not isinstance(i, Meter)} == devices.keys()
    for unit in model.all(PhotoVoltaicUnit):
        assert unit.max_p is not None
        assert unit.max_p.value == devices[str(unit.name)].rated_w.value
    held = {unit.name: unit.rated_e.value for unit in model.all(BatteryUnit) if unit.rated_e}
    assert held == {name: d.capacity_wh.value for name, d in devices.items() if d.kind == "battery"}


def test_2_4_15_has_machines_for_converters() -> None:
    """In CGMES 2.4.15 each generator and battery is a generating unit with the same powers; a battery also takes power."""
    units = {unit.name: unit for unit in own(Cgmes.V2_4_15).all(GeneratingUnit)}
    assert units["pv-field.pv"].max_operating_p.value == 1_340_000
    bess = units["care-centre.bess"]
    assert (bess.min_operating_p.value, bess.max_operating_p.value) == (-250_000, 250_000)
    assert units["biogas.chp"].min_operating_p.value == pytest.approx(200_000)


def test_triplets_reads_the_same_values(tmp_path: Path) -> None:
    """`triplets`, a reader that is not ours, finds every object with every value and reference, and nothing else."""
    import pandas as pd
    import triplets  # noqa: F401 - gives pandas its reader

    path = tmp_path / "strem.xml"
    path.write_bytes(document(Cgmes.V3_0))
    frame = pd.read_RDF([str(path)])
    rows: dict[tuple[str, str], list[str]] = {}
    for identifier, key, value in frame[["ID", "KEY", "VALUE"]].itertuples(index=False):
        rows.setdefault((identifier, key), []).append(value)
    ours: set[tuple[str, str]] = set()
    for item in site_objects(strem(), Cgmes.V3_0):
        assert rows[item.m_rid, "Type"] == [type(item).__name__]
        ours |= {(item.m_rid, "Type"), (item.m_rid, "IdentifiedObject.mRID")}
        for attribute in attributes(type(item)):
            value = getattr(item, attribute.field)
            values = value if attribute.many else () if value is None else (value,)
            if values:
                ours.add((item.m_rid, attribute.path))
                said = rows[item.m_rid, attribute.path]
                assert len(said) == len(values)
                assert all(_same(*pair) for pair in zip(values, said, strict=True)), (item, attribute.path)
    mine = {identifier for identifier, _ in ours}
    assert {key for key in rows if key[0] in mine} <= ours


def _same(value: object, text: str) -> bool:
    if isinstance(value, Quantity):
        return type(value).from_file(text) == value
    if isinstance(value, StrEnum):
        return text.rpartition("#")[2] == f"{type(value).__name__}.{value.value}"
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, float | int):
        return float(text) == value
    return text.removeprefix("#_").removeprefix("_") == value


def test_cimpy_reads_the_same_values(caplog: pytest.LogCaptureFixture) -> None:
    """`cimpy`, another reader, makes an object of each of ours in CGMES 2.4.15, with the same numbers, and misses no class."""
    import cimpy

    with caplog.at_level(logging.WARNING):
        theirs = cimpy.cim_import([BytesIO(document(Cgmes.V2_4_15))], "cgmes_v2_4_15")["topology"]
    assert [record.getMessage() for record in caplog.records] == []
    ours: dict[str, CimValue] = {f"_{item.m_rid}": item for item in site_objects(strem(), Cgmes.V2_4_15)}
    assert theirs.keys() == ours.keys()
    for identifier, item in ours.items():
        their = theirs[identifier]
        assert type(their).__name__ == type(item).__name__
        for attribute in attributes(type(item)):
            value = getattr(item, attribute.field)
            if isinstance(value, Quantity):
                assert getattr(their, attribute.local) == float(value.to_file()), (item, attribute.path)
            elif attribute.shape is Shape.REFERENCE and value is not None:
                assert getattr(their, attribute.local) is theirs[f"_{value}"], (item, attribute.path)
            elif attribute.shape in (Shape.TEXT, Shape.WHOLE, Shape.FLAG, Shape.NUMBER) and value is not None:
                assert getattr(their, attribute.local) == value, (item, attribute.path)


def test_an_export_is_a_site_again() -> None:
    """Read as a grid of others, the export has the same connections, loads, PV and batteries, grouped by usage point."""
    site, _, _ = site_from_cim(own(Cgmes.V3_0), "strem-again", "strem.xml", 0)
    again = {p.title: p for p in site.prosumers}
    for before in strem().prosumers:
        devices = {d.name: d for d in before.devices if d.kind in ("pv", "battery", "chp")}
        if before.base_load is None and not devices:
            continue  # stations alone draw nothing in the file's state
        after = again[before.name]
        assert (after.base_load and after.base_load.peak_w.value) == (
            before.base_load and before.base_load.peak_w.value
        )
        assert sorted(d.rated_w.value for d in after.devices) == sorted(d.rated_w.value for d in devices.values())


def test_the_state_of_the_file_can_be_calculated() -> None:
    """The powers in the file are all base loads at their peaks, every device at rest."""
    p_w, q_var = grid_of(own(Cgmes.V3_0)).totals()
    loads = [p.base_load for p in strem().prosumers if p.base_load]
    assert sum(p_w) == pytest.approx(sum(load.peak_w.value for load in loads))
    assert np.sum(q_var) == pytest.approx(sum(load.peak_var.value for load in loads))
    resting = [item for item in own(Cgmes.V3_0).all(EnergyConsumer) if item.p and item.p.value == 0]
    assert all(item.pfixed and item.pfixed.value > 0 for item in resting)
