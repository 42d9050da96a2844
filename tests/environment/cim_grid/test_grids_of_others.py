"""Grids as other tools write them: switches, taps, windings, limits, and what no feeder of ours can have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import pytest

from cim.codec.rdf.reading import CimModel
from cim.model.cgmes import Cgmes
from cim.model.errors import BadInput
from cim.model.identified import CimValue
from cim.model.quantities import Conductance, CurrentFlow, PerCent, Reactance, Resistance, Seconds, Susceptance, Voltage
from cim.model.topology import BaseVoltage, Terminal
from cim.model.wires import (
    ACLineSegment,
    Breaker,
    CurrentLimit,
    ExternalNetworkInjection,
    OperationalLimitSet,
    OperationalLimitType,
    PowerTransformerEnd,
    RatioTapChanger,
    RegulatingControl,
)
from environment.cim_grid.grid_in import grid_of
from environment.cim_grid.grid_out import Identifiers, grid_objects
from environment.cim_grid.site_in import site_from_cim
from environment.feeder import Line, Network, Node, Transformer

_T = TypeVar("_T", bound=CimValue)
IDS = Identifiers("test")
NETWORK = Network(
    (Node("top", 20_000), Node("low", 400), Node("end", 400)),
    (Line("cable", "low", "end", 0.1, 0.05, 10, 200),),
    (
        Transformer(
            "trafo", "top", "low", 630_000, 20_000, 400, 4, 6_000, 1_200, 0.5, 5, tap_position=-2, tap_step_pct=2.5
        ),
    ),
    "top",
    1.03,
)


def identifier(item: CimValue) -> str:
    """Its mRID."""
    return str(getattr(item, "m_rid", ""))


def model(*more: CimValue, without: Iterable[type[CimValue]] = (), changed: Iterable[CimValue] = ()) -> CimModel:
    """The small grid's model, with objects added, changed or left out."""
    objects = {identifier(item): item for item in grid_objects(NETWORK, IDS, "AT", {}, Cgmes.V3_0)}
    objects |= {identifier(item): item for item in (*more, *changed)}
    return CimModel({k: v for k, v in objects.items() if not isinstance(v, tuple(without))}, {})


def one(kind: type[_T], place: int = 0) -> _T:
    """An object of the small grid."""
    return list(model().all(kind))[place]


def copy(item: _T, **changes: object) -> _T:
    """The object with some attributes changed."""
    return item.model_copy(update=changes)


def test_the_feeder_is_the_same_with_its_tap() -> None:
    """The small grid comes back with its tap's position and step and its slack voltage."""
    network = grid_of(model()).network
    assert network.transformers[0].tap_position == -2
    assert network.transformers[0].tap_step_pct == 2.5
    assert (network.slack_node, network.slack_voltage_pu) == ("top", pytest.approx(1.03))


def test_a_closed_switch_joins_an_open_one_parts() -> None:
    """With a breaker in the line's place, closed, its nodes are one bus; open, the part beyond is left out and named."""
    line, ends = (
        one(ACLineSegment),
        [t for t in model().all(Terminal) if t.conducting_equipment == one(ACLineSegment).m_rid],
    )
    at = [copy(end, conducting_equipment="breaker") for end in ends]
    limits = (ACLineSegment, CurrentLimit, OperationalLimitSet)
    closed = grid_of(model(Breaker(m_rid="breaker", normal_open=False), changed=at, without=limits))
    assert len(closed.network.nodes) == 2
    assert closed.unreached == ()
    for state in ({"normal_open": True}, {"normal_open": False, "open": True}):
        parted = grid_of(model(Breaker.model_validate({"m_rid": "breaker", **state}), changed=at, without=limits))
        assert len(parted.network.nodes) == 2
        assert parted.unreached == ("end",)
    assert line.name == "cable"


def test_switches_in_parallel_join_once() -> None:
    """Two closed switches between the same nodes, and one from a node to itself, make one bus and no endless walk."""
    ends = [t for t in model().all(Terminal) if t.conducting_equipment == one(ACLineSegment).m_rid]
    added: list[CimValue] = [Breaker(m_rid=name, normal_open=False) for name in ("b1", "b2", "loop")]
    for name in ("b1", "b2"):
        added += [copy(end, m_rid=f"{name}-{end.m_rid}", conducting_equipment=name) for end in ends]
    added += [copy(ends[0], m_rid=f"loop-{n}", conducting_equipment="loop") for n in (1, 2)]
    grid = grid_of(model(*added))
    assert len(grid.network.nodes) == 2
    assert grid.network.lines == ()


def test_a_terminal_that_is_not_connected_opens_its_line() -> None:
    """A line with one end not connected carries nothing, and what is behind it is not reached."""
    end = [t for t in model().all(Terminal) if t.conducting_equipment == one(ACLineSegment).m_rid][1]
    grid = grid_of(model(changed=[copy(end, connected=False)]))
    assert grid.network.lines == ()
    assert {node.name for node in grid.network.nodes} == {"top", "low"}


def test_a_tap_on_the_low_side_changes_its_turns() -> None:
    """A tap changer of the low-voltage winding, two steps of 2.5 % up, raises that side's rated voltage by 5 %."""
    tap = copy(one(RatioTapChanger), transformer_end=one(PowerTransformerEnd, 1).m_rid, step=2.0)
    trafo = grid_of(model(changed=[tap])).network.transformers[0]
    assert (trafo.lv_v, trafo.tap_position) == (pytest.approx(420), 0)


def test_impedance_on_the_low_side_counts_by_the_ratio() -> None:
    """The same impedance said at the low-voltage end, by the square of the ratio, is the same transformer."""
    high, low = one(PowerTransformerEnd), one(PowerTransformerEnd, 1)
    ratio = (high.rated_u.value / low.rated_u.value) ** 2
    moved_low = copy(low, r=Resistance.of(high.r.value / ratio), x=Reactance.of(high.x.value / ratio))
    moved_high = copy(high, r=Resistance.of(0), x=Reactance.of(0))
    trafo = grid_of(model(changed=[moved_low, moved_high])).network.transformers[0]
    assert (trafo.uk_pct, trafo.copper_loss_w) == pytest.approx((4, 6000))


def test_the_permanent_limit_counts() -> None:
    """Of several limits of a line the lowest of those without an end counts, not a short-time one, nor one of none."""
    limits = one(OperationalLimitSet).m_rid
    short = OperationalLimitType(m_rid="short", acceptable_duration=Seconds.of(900))
    more = [
        CurrentLimit(m_rid="a", operational_limit_set=limits, operational_limit_type="short", value=CurrentFlow.of(90)),
        CurrentLimit(m_rid="b", operational_limit_set=limits, value=CurrentFlow.of(150)),
        CurrentLimit(m_rid="c", operational_limit_set=limits, value=CurrentFlow.of(0)),
    ]
    assert grid_of(model(short, *more)).network.lines[0].rated_a == 150


def test_a_line_without_a_limit_has_an_assumed_one() -> None:
    """A line whose rating nobody says is named as such, and marked in the site file."""
    bare = model(without=(CurrentLimit,))
    assert grid_of(bare).assumed_ratings == {"cable"}
    site, _, _ = site_from_cim(bare, "small", "small.xml", 2)
    assert site.network.lines[0].rated_a.assumed
    assert site.network.lines[0].length_km.assumed


def test_without_a_control_the_source_holds_its_nominal_voltage() -> None:
    """Where no voltage is said the source's is 1 p.u."""
    assert grid_of(model(without=(RegulatingControl,))).network.slack_voltage_pu == 1.0


def test_homes_stand_at_the_lowest_voltage() -> None:
    """Homes are spread in turn over the low-voltage nodes, behind the transformer's congestion point."""
    site, _, _ = site_from_cim(model(), "small", "small.xml", 3)
    assert [p.node for p in site.prosumers] == ["low", "end", "low"]
    assert {p.congestion_point for p in site.prosumers} == {"ea1.2016-01.example.small:trafo"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (copy(one(ACLineSegment), r=Resistance.of(-1)), "expected r"),
        (copy(one(ACLineSegment), bch=Susceptance.of(-1)), "none < 0"),
        (copy(one(ACLineSegment), gch=Conductance.of(1)), "lines here leak nothing"),
        (copy(one(PowerTransformerEnd), x=Reactance.of(0)), "x > 0"),
        (copy(one(PowerTransformerEnd), b=Susceptance.of(1)), "b <= 0"),
        (copy(one(PowerTransformerEnd), rated_u=Voltage.of(0)), "expected all above 0"),
        (copy(one(PowerTransformerEnd), m_rid="third"), "has 3 windings; expected two"),
        (copy(one(RatioTapChanger), step=99.0), "step 99"),
        (copy(one(RatioTapChanger), step=0.5, step_voltage_increment=PerCent.of(1)), "step 0.5"),
        (copy(one(RegulatingControl), target_value=-1.0), "expected kilovolts above 0"),
        (copy(one(BaseVoltage, 1), nominal_voltage=Voltage.of(0)), "nominal voltage is not said"),
    ],
)
def test_what_no_feeder_has_is_refused(changed: CimValue, said: str) -> None:
    """Impossible lines, windings, taps and voltages are refused in one sentence that names the object."""
    with pytest.raises(BadInput, match=said) as caught:
        grid_of(model(changed=[changed]))
    assert "\n" not in str(caught.value)


def test_no_source_two_sources_and_no_nodes_are_refused() -> None:
    """A grid needs exactly one source, and terminals at nodes."""
    with pytest.raises(BadInput, match="has 0 connected ExternalNetworkInjections"):
        grid_of(model(without=(ExternalNetworkInjection,)))
    second = Terminal(m_rid="t", conducting_equipment="s", connectivity_node=one(Terminal).connectivity_node)
    with pytest.raises(BadInput, match="has 2 connected"):
        grid_of(model(ExternalNetworkInjection(m_rid="s"), second))
    with pytest.raises(BadInput, match="no terminal stands at a node"):
        grid_of(model(without=(Terminal,)))


def test_a_grid_in_which_nothing_happens_is_no_site() -> None:
    """Without loads, devices and homes there is no site to run."""
    with pytest.raises(BadInput, match="nothing in it draws or generates"):
        site_from_cim(model(), "small", "small.xml", 0)
