"""What stands at the buses of a CIM grid of others: which loads, plants and batteries a site file then has."""

from __future__ import annotations

import pytest
import yaml

from cim.codec.rdf.reading import CimModel
from cim.model.errors import BadInput
from cim.model.generation import (
    BatteryUnit,
    GeneratingUnit,
    PhotoVoltaicUnit,
    PowerElectronicsConnection,
    PowerElectronicsWindUnit,
    SolarGeneratingUnit,
    SynchronousMachine,
    ThermalGeneratingUnit,
    WindGeneratingUnit,
)
from cim.model.identified import CimValue
from cim.model.metering import UsagePoint
from cim.model.quantities import ActivePower, CurrentFlow, Length, PerCent, Reactance, ReactivePower, RealEnergy
from cim.model.topology import ConductingEquipment, ConnectivityNode, SvPowerFlow, Terminal
from cim.model.wires import ACLineSegment, CurrentLimit, EnergyConsumer, NonConformLoad, RatioTapChanger
from environment.cim_grid.connections_in import Slugs, connections, homes
from environment.cim_grid.grid_in import grid_of
from environment.cim_grid.site_in import site_from_cim
from environment.sites import SiteFaults
from environment.sites.schema import Prosumer, Site
from tests.environment.cim_grid.test_grids_of_others import IDS, copy, model, one


def at(equipment: ConductingEquipment, node: str = "end") -> list[CimValue]:
    """An equipment and its terminal."""
    terminal = Terminal(
        m_rid=f"{equipment.m_rid}-t",
        conducting_equipment=equipment.m_rid,
        connectivity_node=IDS.of(ConnectivityNode, node),
    )
    return [equipment, terminal]


def load(name: str, p_w: float, q_var: float = 0.0, kind: type[EnergyConsumer] = EnergyConsumer) -> list[CimValue]:
    """A load at the small grid's end."""
    return at(kind(m_rid=name, name=name, p=ActivePower.of(p_w), q=ReactivePower.of(q_var)))


def converter(*units: CimValue) -> list[CimValue]:
    """A converter called `c` with what is behind it."""
    return [*at(PowerElectronicsConnection(m_rid="c", name="c")), *units]


def machine(unit: GeneratingUnit) -> list[CimValue]:
    """A machine called `m` and the unit that drives it."""
    return [*at(SynchronousMachine(m_rid="m", name="m", generating_unit=unit.m_rid)), unit]


def pv(name: str, most_w: float) -> PhotoVoltaicUnit:
    """PV behind the converter."""
    return PhotoVoltaicUnit(m_rid=name, power_electronics_connection="c", max_p=ActivePower.of(most_w))


def battery(most_w: float, held_wh: float | None) -> BatteryUnit:
    """A battery behind the converter."""
    held = None if held_wh is None else RealEnergy.of(held_wh)
    return BatteryUnit(m_rid="b", power_electronics_connection="c", max_p=ActivePower.of(most_w), rated_e=held)


def thermal(most_w: float, least_w: float, plan_w: float | None = None) -> ThermalGeneratingUnit:
    """A thermal unit behind the machine."""
    return ThermalGeneratingUnit(
        m_rid="u",
        max_operating_p=ActivePower.of(most_w),
        min_operating_p=ActivePower.of(least_w),
        initial_p=None if plan_w is None else ActivePower.of(plan_w),
    )


def site(*items: CimValue, home_count: int = 0) -> Site:
    """The site made of the small grid with these objects."""
    return site_from_cim(model(*items), "small", "small.xml", home_count)[0]


def standing(*items: CimValue) -> list[Prosumer]:
    """The prosumers of that site, without the rest of its file."""
    small = model(*items)
    rest = {"congestion_point": "ea1.2016-01.x:y", "aggregator": "agr-1"}
    slugs = Slugs()
    return [
        Prosumer.model_validate({"name": slugs.of(title), "node": node, **rest, **row})
        for title, node, row in connections(small, grid_of(small))
    ]


def only(*items: CimValue) -> Prosumer:
    """The one of them."""
    (prosumer,) = standing(*items)
    return prosumer


def peaks(prosumer: Prosumer) -> tuple[float, float]:
    """Its base load's peaks, watts and vars."""
    assert prosumer.base_load is not None
    return prosumer.base_load.peak_w.value, prosumer.base_load.peak_var.value


def test_loads_of_a_usage_point_are_one_connection() -> None:
    """Two loads at one usage point are one connection that draws their sum; a third, at none, is one of its own."""
    point = UsagePoint(m_rid="p", name="Mill", equipments=("a", "b"))
    found = standing(*load("a", 2000, 300), *load("b", 1000, 100), *load("c", 500, 50), point)
    assert [(p.title, *peaks(p)) for p in found] == [("Mill", 3000, 400), ("c", 500, 50)]


def test_a_usage_point_with_loads_at_two_nodes_is_two_connections() -> None:
    """A connection stands at one node: what a usage point has elsewhere is a connection there, with a name of its own."""
    point = UsagePoint(m_rid="p", name="Mill", equipments=("a", "b"))
    elsewhere = at(EnergyConsumer(m_rid="b", p=ActivePower.of(1000)), "low")
    found = standing(*load("a", 2000), *elsewhere, point)
    assert [(p.name, p.node) for p in found] == [("mill", "end"), ("mill-2", "low")]


def test_what_neither_draws_nor_is_a_device_is_left_out() -> None:
    """A load at rest, one that gives, and a converter with nothing behind it are no connections."""
    assert [p.title for p in standing(*load("a", 10), *load("rest", 0), *load("gives", -5), *converter())] == ["a"]


def test_reactive_power_that_a_load_gives_counts_as_none() -> None:
    """A capacitive load draws its watts and no vars: a base load cannot give any."""
    assert peaks(only(*load("a", 1000, -300))) == (1000, 0)


def test_a_load_that_conforms_to_no_pattern_is_industry() -> None:
    """A NonConformLoad follows the profile of a business, any other load the mean of several homes."""
    plain, other = only(*load("a", 1000)), only(*load("a", 1000, kind=NonConformLoad))
    assert (plain.kind, other.kind) == ("estate", "industry")
    assert plain.base_load is not None
    assert other.base_load is not None
    assert (len(plain.base_load.strands), other.base_load.strands) == (4, (("G3-A", 0),))


@pytest.mark.parametrize(
    ("state", "drawn"),
    [("own", (1000.0, 100.0)), ("flow", (2000.0, 200.0)), ("fixed", (3000.0, 300.0)), ("none", None)],
)
def test_a_loads_state_is_its_own_else_the_results_else_what_is_fixed(
    state: str, drawn: tuple[float, float] | None
) -> None:
    """SSH before SV before EQ: the nearest to the state of the grid counts; where none says anything it draws nothing."""
    stages = ["own", "flow", "fixed", "none"]
    said = stages[stages.index(state) :]
    consumer = EnergyConsumer(
        m_rid="a",
        p=ActivePower.of(1000) if "own" in said else None,
        q=ReactivePower.of(100) if "own" in said else None,
        pfixed=ActivePower.of(3000) if "fixed" in said else None,
        qfixed=ReactivePower.of(300) if "fixed" in said else None,
    )
    items = at(consumer)
    if "flow" in said:
        items.append(SvPowerFlow(m_rid="s", p=ActivePower.of(2000), q=ReactivePower.of(200), terminal="a-t"))
    (injection,) = grid_of(model(*items)).injections
    assert (injection.p_w, injection.q_var) == (drawn or (0, 0))
    assert injection.name == "a"


def test_a_battery_is_one_with_its_energy() -> None:
    """A battery has the file's power and energy; one whose energy nobody says, or is nought, is no device."""
    (device,) = only(*converter(battery(5000, 12_000))).devices
    assert device.kind == "battery"
    assert (device.rated_w.value, device.capacity_wh.value, device.capacity_wh.source) == (5000, 12_000, "cim")
    for held_wh in (None, 0.0):
        assert standing(*converter(battery(5000, held_wh))) == []


@pytest.mark.parametrize(("most_w", "sunspec"), [(100_000, "124"), (100_001, "704")])
def test_a_large_battery_is_a_der_storage(most_w: float, sunspec: str) -> None:
    """Up to 100 kW a battery is a home's (model 124), above it a DER storage (704)."""
    (device,) = only(*converter(battery(most_w, 200_000))).devices
    assert device.kind == "battery"
    assert device.sunspec == sunspec


def test_every_unit_behind_a_converter_has_a_name_of_its_own() -> None:
    """Two PV strings and a battery behind one converter are three devices, told apart by number."""
    devices = only(*converter(pv("s1", 3000), pv("s2", 4000), battery(2000, 4000))).devices
    assert [(d.name, d.rated_w.value) for d in devices] == [("pv", 3000), ("pv-2", 4000), ("battery-3", 2000)]


def test_pv_alone_is_a_plant_and_with_a_load_it_is_not() -> None:
    """PV without a load is a PV plant; beside a load at the same usage point the connection stays what it was."""
    point = UsagePoint(m_rid="p", name="Home", equipments=("c", "a"))
    assert only(*converter(pv("s", 3000))).kind == "pv_plant"
    assert only(*converter(pv("s", 3000)), *load("a", 1000), point).kind == "estate"


def test_a_solar_machine_is_pv_too() -> None:
    """What CGMES 2.4.15 writes as a machine with a SolarGeneratingUnit is PV of its greatest power."""
    unit = SolarGeneratingUnit(m_rid="u", max_operating_p=ActivePower.of(9000), min_operating_p=ActivePower.of(0))
    (device,) = only(*machine(unit)).devices
    assert (device.kind, device.rated_w.value) == ("pv", 9000)


@pytest.mark.parametrize(
    ("least_w", "plan_w", "minimum", "plan"),
    [
        (200e3, 450e3, (0.4, None), (0.9, None)),
        (500e3, 500e3, (1.0, None), (1.0, None)),
        (0.0, None, (0.4, True), (1.0, True)),
        (600e3, 600e3, (0.4, True), (1.0, True)),
        (200e3, 0.0, (0.4, None), (1.0, True)),
    ],
)
def test_a_thermal_unit_is_a_chp(
    least_w: float, plan_w: float | None, minimum: tuple[float, bool | None], plan: tuple[float, bool | None]
) -> None:
    """Its least power and plan are shares of its greatest; what lies outside 0 to 1, or is not said, is assumed."""
    prosumer = only(*machine(thermal(500e3, least_w, plan_w)))
    (device,) = prosumer.devices
    assert prosumer.kind == "chp_plant"
    assert device.kind == "chp"
    assert (device.minimum.value, device.minimum.assumed) == minimum
    assert (device.plan.value, device.plan.assumed) == plan


@pytest.mark.parametrize(
    "items",
    [
        converter(pv("s", 0)),
        converter(PhotoVoltaicUnit(m_rid="s", power_electronics_connection="c")),
        converter(PowerElectronicsWindUnit(m_rid="w", power_electronics_connection="c", max_p=ActivePower.of(1e6))),
        machine(thermal(0, 0)),
        machine(WindGeneratingUnit(m_rid="u", max_operating_p=ActivePower.of(1e6), min_operating_p=ActivePower.of(0))),
        at(SynchronousMachine(m_rid="m", generating_unit="gone")),
    ],
)
def test_units_without_power_or_with_too_little_said_are_no_devices(items: list[CimValue]) -> None:
    """No power, wind without its wind, and a machine whose unit is not in the files make no device."""
    assert [p.title for p in standing(*load("a", 1), *items)] == ["a"]


def test_what_stands_at_the_source_is_refused() -> None:
    """A load at the source's own node is behind no branch, so it can have no congestion point: refused by name."""
    with pytest.raises(BadInput, match="CIM equipment 'a': stands at the source's node; expected it below a branch"):
        site(*at(EnergyConsumer(m_rid="a", p=ActivePower.of(5)), "top"))


def test_a_grid_without_anything_is_refused() -> None:
    """A grid at which nothing stands is no site, and the sentence says what would make it one."""
    with pytest.raises(BadInput, match="expected EnergyConsumers, or --homes above 0"):
        site()


def test_homes_take_turns_and_differ() -> None:
    """Five homes over two nodes: three and two; their loads follow three profiles in turn, and the two assumed
    aggregators have them in turn."""
    found = homes(5, ["n1", "n2"], str.upper)
    assert [(name, node) for name, node, _ in found] == [
        ("HOME-1", "n1"), ("HOME-2", "n2"), ("HOME-3", "n1"), ("HOME-4", "n2"), ("HOME-5", "n1"),
    ]  # fmt: skip
    built = site(home_count=5).prosumers
    columns = [p.base_load.column for p in built if p.base_load]
    assert columns == ["H0-A", "H0-B", "H0-C", "H0-A", "H0-B"]
    assert [p.aggregator for p in built] == ["agr-1", "agr-2", "agr-1", "agr-2", "agr-1"]
    assert [d.kind for d in built[0].devices] == ["pv", "battery", "gateway"]
    assert homes(0, [], str) == []


def test_names_are_those_of_a_site_file_and_none_stands_twice() -> None:
    """Umlauts, blanks and capitals become hyphens and small letters; a second of the same has a number; none is empty."""
    slugs = Slugs()
    said = ["Trafo 1", "trafo-1", "TRAFO_1", "Straße", "---", "", "x" * 80]
    assert [slugs.of(text) for text in said] == [
        "trafo-1", "trafo-1-2", "trafo-1-3", "stra-e", "unnamed", "unnamed-2", "x" * 60,
    ]  # fmt: skip


def test_a_connection_is_never_called_as_a_party_or_a_congestion_point() -> None:
    """Loads called `dso`, `agr-1` and as the transformer have names beside those of the parties and the point's meter."""
    found = site(*load("dso", 1), *load("agr-1", 1), *load("Trafo", 1)).prosumers
    assert [(p.title, p.name) for p in found] == [("dso", "dso-2"), ("agr-1", "agr-1-2"), ("Trafo", "trafo-2")]


def test_the_text_is_the_site_and_says_where_it_is_from() -> None:
    """The file's head names the CIM files; the grid's own numbers have them as their source, every other is assumed."""
    found, text, _ = site_from_cim(model(*load("a", 1000, 100)), "small", "grid.xml, state.xml", 1)
    assert text.startswith("# Made by `iles cim import` from grid.xml, state.xml.\n")
    assert found.sources == {"cim": "CIM RDF/XML: grid.xml, state.xml"}
    raw = yaml.safe_load(text)
    assert raw["network"]["lines"][0]["rated_a"] == {"value": 200.0, "source": "cim"}
    assert raw["limits"]["max_voltage_pu"]["assumed"] is True
    assert raw["prosumers"][0]["base_load"]["peak_w"] == {"value": 1000.0, "source": "cim"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            copy(one(ACLineSegment), x=Reactance.of(0)),
            r"network.lines\[0\].x_ohm_per_km: value .*: expected a value > 0",
        ),
        (
            copy(one(ACLineSegment), length=Length.of(-3)),
            r"network.lines\[0\].length_km: value .*: expected a value > 0",
        ),
        (
            copy(one(RatioTapChanger), step_voltage_increment=PerCent.of(-1)),
            r"network.transformers\[0\].tap_step_pct: value .*: expected a value >= 0",
        ),
        (
            copy(one(RatioTapChanger), step=500.0, high_step=500),
            r"network.transformers\[0\].tap_position: value 500: expected less than or equal to 100",
        ),
    ],
)
def test_a_grid_that_no_site_file_can_hold_is_one_sentence(changed: CimValue, said: str) -> None:
    """What a feeder can have and a site file cannot is told at its place, with its value, in one line, never as a list."""
    broken: CimModel = model(*load("a", 1000), changed=[changed])
    assert grid_of(broken).network.branch_names == ("cable", "trafo")
    with pytest.raises(BadInput, match=f"^CIM model: no site file can be made of it: {said}") as caught:
        site_from_cim(broken, "small", "small.xml", 0)
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, SiteFaults)


def test_several_faults_are_counted_in_the_one_sentence() -> None:
    """Of several faults the first is told and the others are counted; a name that no site can have is one of them."""
    with pytest.raises(BadInput, match=r"name: value 'My Grid': expected text .* \(\d+ more faults\)$") as caught:
        site_from_cim(model(*load("a", 1000)), "My Grid", "x.xml", 0)
    assert "\n" not in str(caught.value)


def test_a_limit_of_others_than_lines_rates_no_line() -> None:
    """A current limit whose set belongs to nothing, or is not in the files, leaves the line's own rating as it is."""
    lost = CurrentLimit(m_rid="x", operational_limit_set="gone", value=CurrentFlow.of(1))
    assert connections(model(lost), grid_of(model(lost))) == []
    assert grid_of(model(lost)).network.lines[0].rated_a == 200
