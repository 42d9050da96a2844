"""Windings and lines as other tools write them: which end is which, where impedance and losses stand, which limit counts."""

from __future__ import annotations

import pytest

from cim.model.quantities import Conductance, CurrentFlow, Length, Reactance, Resistance, Susceptance, Voltage
from cim.model.topology import ConnectivityNode, SvVoltage, Terminal, TopologicalNode
from cim.model.wires import ACLineSegment, CurrentLimit, OperationalLimitSet, PowerTransformerEnd, RatioTapChanger
from environment.cim_grid.grid_in import grid_of
from environment.feeder import Transformer
from tests.environment.cim_grid.test_grids_of_others import copy, model, one

HIGH, LOW = one(PowerTransformerEnd), one(PowerTransformerEnd, 1)
RATIO = (HIGH.rated_u.value / LOW.rated_u.value) ** 2


def transformer(*changed: PowerTransformerEnd | RatioTapChanger) -> Transformer:
    """The small grid's transformer with some of its parts changed."""
    return grid_of(model(changed=changed)).network.transformers[0]


@pytest.mark.parametrize(("high", "low", "clock"), [(0, 5, 5), (7, 0, 5), (11, 4, 5), (0, 0, 0), (5, 5, 0), (1, 0, 11)])
def test_a_vector_group_is_how_far_the_low_side_lags(high: int, low: int, clock: int) -> None:
    """The clock number is the low side's minus the high side's, on a face of twelve hours: files may turn either."""
    assert transformer(copy(HIGH, phase_angle_clock=high), copy(LOW, phase_angle_clock=low)).clock == clock


def test_losses_without_load_on_the_low_side_count_by_the_ratio() -> None:
    """The same magnetising admittance said at the low-voltage end, times the square of the ratio, is the same iron."""
    moved_low = copy(LOW, g=Conductance.of(HIGH.g.value * RATIO), b=Susceptance.of(HIGH.b.value * RATIO))
    moved_high = copy(HIGH, g=Conductance.of(0), b=Susceptance.of(0))
    found = transformer(moved_high, moved_low)
    assert (found.iron_loss_w, found.i0_pct) == pytest.approx((1200, 0.5))


def test_impedance_halved_between_the_ends_is_the_same() -> None:
    """Half of the short-circuit impedance at each end, as textbooks draw it, gives the same uk and losses."""
    half_high = copy(HIGH, r=Resistance.of(HIGH.r.value / 2), x=Reactance.of(HIGH.x.value / 2))
    half_low = copy(LOW, r=Resistance.of(HIGH.r.value / 2 / RATIO), x=Reactance.of(HIGH.x.value / 2 / RATIO))
    found = transformer(half_high, half_low)
    assert (found.uk_pct, found.copper_loss_w) == pytest.approx((4, 6000))


def test_the_high_side_is_the_one_of_the_higher_voltage_whatever_its_number() -> None:
    """Ends numbered the other way round are the same transformer."""
    found = transformer(copy(HIGH, end_number=2), copy(LOW, end_number=1))
    assert (found.hv_node, found.lv_node, found.hv_v, found.lv_v) == ("top", "low", 20_000, 400)


def test_at_equal_voltages_the_first_end_is_the_high_side() -> None:
    """A regulator of one to one has no higher voltage: then the numbers of its ends decide."""
    same = (copy(HIGH, rated_u=Voltage.of(400)), copy(LOW, rated_u=Voltage.of(400)))
    assert transformer(*same).hv_node == "top"
    turned = (copy(same[0], end_number=2), copy(same[1], end_number=1, x=Reactance.of(0.01)))
    assert transformer(*turned).hv_node == "low"


@pytest.mark.parametrize(
    ("said", "position"),
    [
        ({"step": 3.0, "normal_step": 1}, 3),
        ({"step": None, "normal_step": 1}, 1),
        ({"step": None, "normal_step": None}, 0),
        ({"step": 0.0, "normal_step": 1}, 0),
        ({"step": 3.0, "neutral_step": 5}, -2),
        ({"step": 16.0}, 16),
        ({"step": -16.0}, -16),
    ],
)
def test_a_tap_stands_where_its_state_says_counted_from_neutral(said: dict[str, object], position: int) -> None:
    """The state's step (SSH), else the normal one, else neutral; both ends of its range included."""
    assert transformer(copy(one(RatioTapChanger), **said)).tap_position == position


def test_a_limits_value_counts_before_its_normal_value() -> None:
    """What holds in the state (CGMES 3.0's SSH, 2.4.15's only one) before what holds normally; either alone is enough."""
    limit = one(CurrentLimit)
    for value, normal, expected in ((90.0, 100.0, 90.0), (None, 100.0, 100.0), (90.0, None, 90.0)):
        said = [None if amperes is None else CurrentFlow.of(amperes) for amperes in (value, normal)]
        changed = copy(limit, value=said[0], normal_value=said[1])
        assert grid_of(model(changed=[changed])).network.lines[0].rated_a == expected


def test_a_limit_at_a_terminal_is_that_of_its_equipment() -> None:
    """Tools that set limits at a line's terminals, one at each end, rate the line by the lower."""
    ends = [end for end in grid_terminals() if end[1] == one(ACLineSegment).m_rid]
    sets = [OperationalLimitSet(m_rid=f"set-{end}", terminal=end) for end, _ in ends]
    limits = [
        CurrentLimit(
            m_rid=f"limit-{item.m_rid}", operational_limit_set=item.m_rid, value=CurrentFlow.of(150.0 - number)
        )
        for number, item in enumerate(sets)
    ]
    assert grid_of(model(*sets, *limits)).network.lines[0].rated_a == 149


def grid_terminals() -> list[tuple[str, str]]:
    """(terminal, equipment) of the small grid."""
    return [(item.m_rid, item.conducting_equipment) for item in model().all(Terminal)]


def test_a_length_is_told_in_kilometres() -> None:
    """A line of 2,500 metres is one of 2.5 km."""
    said = copy(one(ACLineSegment), length=Length.of(2500))
    assert grid_of(model(changed=[said])).length_km == {"cable": 2.5}


def test_a_results_voltage_is_told_per_unit_of_the_nodes_own() -> None:
    """410 V at a node of 400 V are 1.025; nought volts, as tools write for what is off, is no result."""
    node = grid_nodes()["end"]
    known = TopologicalNode(m_rid="elsewhere", name="elsewhere")
    said = [SvVoltage(m_rid="s", v=Voltage.of(410), topological_node=node)]
    said += [SvVoltage(m_rid="o", v=Voltage.of(0), topological_node=grid_nodes()["low"])]
    said += [SvVoltage(m_rid="e", v=Voltage.of(5), topological_node="elsewhere")]
    assert grid_of(model(known, *said)).voltage_pu == {"end": pytest.approx(1.025)}


def grid_nodes() -> dict[str, str]:
    """The mRID of each node of the small grid, by its name."""
    return {str(item.name): item.m_rid for item in model().all(ConnectivityNode)}
