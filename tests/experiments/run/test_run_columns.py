"""The columns of a run: what each measures, and what it may be compared with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.model.readings import Kind, Quality, Reading
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.publications.settlement import SettledIsp, SettledOrder, SettlementTold
from environment.feeder import Line, Network, Node, Transformer, rated_va
from environment.physics.device_truth import DeviceTruth
from environment.sites import build_network, load_site
from experiments.run.columns.beside import ColumnsBeside
from experiments.run.columns.bills import compensated, made_whole_of
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.figures import figures_of, paid_by
from experiments.run.columns.lost import HeldBack, accounted_by_unit, held_back, lost_w
from experiments.run.columns.models import ColumnFigures, MadeWhole, SettledAndTrue
from experiments.run.columns.peak import peak_loading_pct
from experiments.run.columns.relief import _causes, relief_of
from experiments.run.columns.settled import settled_and_true
from experiments.run.columns.with_agents import run_agents
from experiments.run.columns.without_agents import run_idle
from experiments.run.grid import evaluate, needed_va, over_limit_va
from experiments.run.settings import RunSettings
from market.billing.bill import BillKind, bill_of
from market.rules import Control
from market.settlement.payments import Payment

SITE = load_site("strem")
DAY = date(2016, 5, 20)
AT = datetime(2016, 5, 21, 4, 5, tzinfo=UTC)
DAYS = (LocalDay(DAY, SITE.timezone),)
DSO, EAST = "dso.strem.example", "east.strem.example"


def settings(day: date = DAY) -> RunSettings:
    """A run of one day."""
    return RunSettings("strem", day, 1, 1, "local", "direct", 1, Path("unused"))


@pytest.fixture(scope="module")
def idle() -> Column:
    """The default day when nobody controls anything."""
    return run_idle(settings())


def column(power_w: dict[str, list[float]], payments: tuple[Payment, ...] = ()) -> Column:
    """Units of one connection, four ISPs or as many as there are."""
    rows = {name: np.array(row, dtype=np.float64) for name, row in power_w.items()}
    kinds = {name: name.partition(".")[2] for name in rows}
    net = np.sum(list(rows.values()), axis=0).astype(np.int64)
    by_kind = {kind: rows[name] for name, kind in kinds.items()}
    devices = DeviceTruth(
        kinds, rows, {name: row * 0 - 1000 for name, row in rows.items() if name.endswith(".pv")}, 12.4, 0.256
    )
    return Column({"farm": (net, net * 0)}, by_kind, devices, payments)


def test_a_branchs_rating_is_apparent_power() -> None:
    """A line of 100 A at 400 V may carry 69.3 kVA, a transformer its rating (by hand)."""
    line = Line("line", "a", "b", 0.1, 0.1, 0.0, 100.0)
    trafo = Transformer("trafo", "h", "a", 160_000.0, 20_000.0, 400.0, 4.0, 2350.0, 460.0, 0.3, 5)
    nodes = (Node("a", 400.0), Node("b", 400.0), Node("h", 20_000.0))
    rated = rated_va(Network(nodes, (line,), (trafo,), "h", 1.0))
    assert rated == {"line": pytest.approx(69_282, abs=1), "trafo": 160_000.0}


def test_the_idle_day_is_above_its_limits_as_its_loading_says(idle: Column) -> None:
    """Over limit is, ISP by ISP, the share above 100 % of the rating: of nested points the larger, and both added beside it."""
    grid = evaluate(SITE, idle.truth)
    trafo = grid.flow.loading_pct[:, grid.flow.branch_names.index("MV1.101-LV1.101-Trafo 1")]
    line = grid.flow.loading_pct[:, grid.flow.branch_names.index("line-1")]
    rated_line = 3**0.5 * 33 * 20_000
    below = [max(x - 100, 0) / 100 * 160_000 / 4 for x in trafo]
    above = [max(x - 100, 0) / 100 * rated_line / 4 for x in line]
    assert grid.over_limit_at_points_wh == pytest.approx(sum(below) + sum(above))
    assert grid.over_limit_wh == pytest.approx(sum(map(max, below, above)))
    assert 100_000 < grid.over_limit_wh < grid.over_limit_at_points_wh
    feeder = over_limit_va(SITE, build_network(SITE), grid.flow, 200.0)
    assert not feeder.any()


def test_energy_above_nested_limits_counts_once() -> None:
    """Below 30 and above 50 VA too much the same way: 50 have to be moved; 30 and 20: 30; opposite ways: both."""
    feeder, low = SITE.congestion_points
    assert (low.parent, feeder.parent) == (feeder.id, None)
    over = np.array([[50.0, 30.0], [20.0, 30.0], [50.0, 30.0], [0.0, 30.0], [0.0, 0.0]])
    power = np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, -1.0], [0.0, -1.0], [1.0, 1.0]])
    assert needed_va(SITE, over, power).tolist() == [50.0, 30.0, 80.0, 30.0, 0.0]


def test_idle_batteries_rest_and_nobody_is_paid(idle: Column) -> None:
    """Without control no battery moves, no sun is lost, vehicles get all they want, and no money flows."""
    batteries = [name for name, kind in idle.devices.kinds.items() if kind == "battery"]
    assert len(batteries) >= 5
    assert not any(idle.devices.power_w[name].any() for name in batteries)
    figures = figures_of(SITE, idle, evaluate(SITE, idle.truth), (), DAYS, idle)
    assert (figures.dso_cost, figures.generation_lost_wh, figures.unserved_ev_wh) == (0, 0, 0)
    assert figures.violations >= 10
    assert figures.import_wh > 0
    assert figures.co2_kg == pytest.approx(figures.import_wh / 1e6 * 154.62, abs=0.05)


def test_figures_by_hand(idle: Column) -> None:
    """Import, export, self-consumption and lost sun of four ISPs, worked out by hand."""
    paid = (Payment(DSO, EAST, 700, "utilisation", "o"), Payment(EAST, DSO, 200, "penalty", "o"))
    power = {"farm-1.load": [400.0] * 96, "farm-1.pv": [-1000.0, -600.0, -200.0, 0.0] * 24, "farm-1.chp": [0.0] * 96}
    mine = replace(column(power, paid), accounted_wh={"farm-1": 1200}, peak_loading_pct=101.5)
    local = column({"farm-1.load": [0.0] * 96, "farm-1.chp": [-50.0] * 96})
    bills = (bill_of({BillKind.ENERGY: 30, BillKind.FEED_IN: -12}),)
    figures = figures_of(SITE, mine, evaluate(SITE, idle.truth), bills, DAYS, local)
    assert figures.bills_sum == 18
    assert (figures.import_wh, figures.export_wh) == (
        24 * 150,
        24 * 200,
    )  # nets -600, -200, +200, +400 W for a quarter each
    assert figures.self_consumed_pct == pytest.approx(100 * (1 - 200 / 450), abs=0.01)
    assert figures.generation_lost_wh == 24 * (0 + 400 + 800 + 1000) / 4
    assert lost_w(mine)["farm-1.pv"].tolist() == [0, 400, 800, 1000] * 24
    assert (figures.curtailed_wh, figures.held_back_wh) == (1200, 13_200 - 1200)
    assert figures.held_back_worth > 0
    assert (figures.chp_not_made_wh, figures.peak_loading_pct) == (1200, 101.5)
    assert (figures.unserved_ev_wh, figures.comfort_kh) == (12, 0.26)
    assert figures.dso_cost == paid_by(mine, DSO) == 500 == -paid_by(mine, EAST)


def test_settled_beside_true() -> None:
    """Each order counts for itself, also against another; true change is against the local column, element by element."""
    local = column({"farm.battery": [0, 0, 0, 0], "farm.pv": [-1000, -1000, -1000, -1000], "farm.load": [5, 5, 5, 5]})
    market = column({"farm.battery": [800, -400, 0, 0], "farm.pv": [-1000, -1000, -900, -1000], "farm.load": [5] * 4})
    isps = (SettledIsp(1, 0, 800, 800, 800, 0), SettledIsp(3, 0, 100, 0, 100, 0))
    against = (SettledIsp(1, 0, -200, 0, -200, 0),)
    orders = (
        SettledOrder("a", "farm.battery", DAY, 1, 0, 1, isps),
        SettledOrder("b", "farm.battery", DAY, 1, 0, 1, against),
    )
    told = [
        SettlementTold(AT, "m", EAST, "farm.example", DAY, DAY, 1, "EUR", orders),
        SettlementTold(AT, "n", DSO, EAST, DAY, DAY, 1, "EUR", (SettledOrder("c", "point", DAY, 1, 0, 1, isps),)),
    ]
    found = settled_and_true(told, frozenset({EAST}), market, local, 0.25)
    assert found == {
        "battery": SettledAndTrue(ordered_wh=275, settled_wh=275, true_wh=300, more_wh=200),
        "pv": SettledAndTrue(ordered_wh=0, settled_wh=0, true_wh=25, more_wh=25),
    }


def test_foresight_pays_whoever_it_makes_worse_off() -> None:
    """The DSO's cost of foresight is what bills are above those of the local column; who gains, keeps it."""
    local = {"a.example": bill_of({BillKind.ENERGY: 100}), "b.example": bill_of({BillKind.FEED_IN: -50})}
    bills = {"a.example": bill_of({BillKind.ENERGY: 80}), "b.example": bill_of({BillKind.FEED_IN: -20})}
    empty = column({"farm.pv": [0, 0, 0, 0]})
    assert compensated(empty, bills, local, DSO, "EUR").payments == (
        Payment(DSO, "b.example", 30, "make-whole", "foresight", "EUR"),
    )


def test_what_made_members_whole_is_a_share_of_all_payments() -> None:
    """By hand: 5 of 100 that parties paid each other, and of 250 with 150 for energy; where nothing moves it is none."""
    paid = (Payment(DSO, EAST, 95, "utilisation", "o"), Payment(EAST, "a.example", 5, "make-whole", "d/a.example"))
    bills = {
        "a.example": bill_of({BillKind.ENERGY: 80, BillKind.NETWORK: 20, BillKind.MAKE_WHOLE: -5}),
        "b.example": bill_of({BillKind.FEED_IN: -50}),
    }
    assert made_whole_of(paid, bills) == MadeWhole(
        paid=5, payments=100, energy=150, share_of_payments=0.05, share_of_all=0.02
    )
    assert made_whole_of((), {}).share_of_all == 0.0


def test_sun_is_held_back_where_neither_the_dso_nor_an_order_took_it() -> None:
    """By hand: 550 Wh are lost, 300 of them delivered to orders, 50 accounted by the DSO: 200 are left, at 8 and 4 ct.

    A delivery counts up to what was lost in its ISP, consumption ordered counts for nothing, and never less than 0 is left.
    """
    mine = column({"farm.load": [0, 0, 0, 0], "farm.pv": [-1000, -600, -200, 0]})
    prices = {"farm.pv": np.array([8.0, 8.0, 8.0, 4.0])}
    assert held_back(mine, prices, 0.25) == HeldBack(550.0, (400 * 8 + 800 * 8 + 1000 * 4) / 4 / 10)
    delivered = {"farm.pv": np.array([100.0, 400.0, 900.0, -500.0])}
    steered = replace(mine, delivered_w=delivered, accounted_wh={"farm": 50})
    assert held_back(steered, prices, 0.25) == HeldBack(200.0, 1000 * 4 / 4 / 10 * 200 / 250)
    assert held_back(replace(steered, accounted_wh={"farm": 300}), prices, 0.25) == HeldBack(0.0, 0.0)


def test_what_the_dso_took_is_shared_among_the_plants_that_it_limited() -> None:
    """An account of 60 Wh goes to two plants as they lost in the limited ISP alone, 400 and 800 W; another's is not touched."""
    mine = column({"farm.pv": [-1000, -600, 0, 0], "farm.roof.pv": [-1000, -200, -1000, 0], "mill.pv": [0, 0, 0, 0]})
    limited = replace(mine, limited=frozenset({("farm", 1)}), accounted_wh={"farm": 60})
    assert accounted_by_unit(limited) == {"farm.pv": 20.0, "farm.roof.pv": 40.0}


def test_what_the_dso_took_by_its_own_right_is_no_change_that_was_settled() -> None:
    """PV gives 400 and 100 W less for a quarter of an hour; what the DSO took of it, 75 Wh, no order is credited with."""
    local = column({"farm.pv": [-1000, -1000, -1000, -1000]})
    market = replace(
        column({"farm.pv": [-600, -900, -1000, -1000]}), limited=frozenset({("farm", 0)}), accounted_wh={"farm": 75}
    )
    found = settled_and_true([], frozenset({EAST}), market, local, 0.25)
    assert found == {"pv": SettledAndTrue(ordered_wh=0, settled_wh=0, true_wh=50, more_wh=50)}


def test_the_peak_is_the_highest_control_interval_by_a_congestion_points_counters() -> None:
    """By hand: 10 kWh given in 5 minutes are 120 kW, with 160 kvar 125 % of 160 kVA; power read at an instant says nothing.

    A counter that was not read well is passed over: the mean is then that of ten minutes. Before the day nothing counts.
    """
    store, meter, start = MemoryStore(), "lv-rural1.meter", DAYS[0].start
    assert peak_loading_pct(SITE, store, start, DAYS[0].end) is None
    bad = Quality.INVALID
    for minutes, given_wh, quality in ((-5, 0, Quality.GOOD), (0, 90e3, Quality.GOOD), (5, 100e3, Quality.GOOD),
                                       (10, 900e3, bad), (15, 100e3, Quality.GOOD)):  # fmt: skip
        at = start + timedelta(minutes=minutes)
        told = (
            Reading(meter, Kind.POWER, 9e5, at),
            Reading(meter, Kind.ENERGY_IMPORT, 7e3, at),
            Reading(meter, Kind.ENERGY_EXPORT, given_wh, at, quality),
            Reading(meter, Kind.REACTIVE_POWER, 160e3, at),
        )
        store.put(meter, ReadingsTaken(at, told))
    assert peak_loading_pct(SITE, store, start, DAYS[0].end) == 125.0


@pytest.mark.slow
def test_every_column_says_its_peak_and_no_mean_of_an_isp_lies_above_it(idle: Column) -> None:
    """Where nobody reads the meters, the world is moved on in control intervals: the peak is at least each ISP's mean.

    The mean of an ISP without losses, by hand from the truth of the connections below each point.
    """
    means = [
        100 * np.hypot(*(sum(idle.truth[name][k] for name in SITE.below(point.id)) for k in (0, 1)))
        / rated_va(build_network(SITE))[point.branch]
        for point in SITE.congestion_points
    ]  # fmt: skip
    assert idle.peak_loading_pct is not None
    assert np.max(means) - 0.5 <= idle.peak_loading_pct < 2 * np.max(means)


@pytest.mark.slow
def test_local_serves_its_own_consumption_and_pays_nobody(idle: Column) -> None:
    """Under local rules less is taken from the grid and less is fed in than where all rests; nobody trades or is short."""
    local = run_agents(settings(), Control.LOCAL)
    assert (local.payments, local.limited) == ((), frozenset())
    resting, own = (figures_of(SITE, c, evaluate(SITE, c.truth), (), DAYS, local) for c in (idle, local))
    assert own.import_wh < resting.import_wh
    assert own.export_wh < resting.export_wh
    assert own.self_consumed_pct > resting.self_consumed_pct
    assert (own.generation_lost_wh, own.unserved_ev_wh) == (0, 0)


def test_what_makes_the_market_dearer_than_curtailing_adds_up() -> None:
    """By hand: 100 kWh ordered, 80 relieved, at 50 EUR + 10 EUR capacity - 2 EUR penalty; curtailing costs 4 ct.

    20 kWh beyond the relief cost 10 EUR, the price of the other 80 is 40 EUR where curtailing costs 3.20, and what is paid
    in all (58 EUR) is that and the causes.
    """
    paid = (
        Payment(DSO, EAST, 500_000, "utilisation", "o"),
        Payment(DSO, EAST, 100_000, "capacity", "c"),
        Payment(EAST, DSO, 20_000, "penalty", "o"),
    )
    market = column({"farm.load": [0, 0, 0, 0], "farm.pv": [0, 0, 0, 0]}, paid)
    figures = {
        ColumnName.LOCAL: over(100_000, 0),
        ColumnName.CURTAILMENT: over(0, 0),
        ColumnName.MARKET: over(20_000, paid_by(market, DSO)),
    }
    bills = {
        ColumnName.LOCAL: {"a": bill_of({BillKind.ENERGY: 5_000, BillKind.FEED_IN: -100_000})},
        ColumnName.CURTAILMENT: {"a": bill_of({BillKind.FEED_IN: -55_000, BillKind.CURTAILMENT: -40_000})},
    }
    found = relief_of(figures, market, bills, 100_000, DSO, [EAST])
    assert (found.relieved_wh, found.market_ct_per_kwh, found.curtailment_ct_per_kwh) == (80_000, 72.5, 4.0)
    assert found.times_curtailment == 18.125
    assert [cause.amount for cause in found.causes] == [368_000, 100_000, 100_000]
    everything = _causes(market, DSO, 100_000, 80_000, 4.0)
    assert sum(cause.amount for cause in everything) == 580_000 - 32_000


def test_relief_with_what_aggregators_lost() -> None:
    """By hand: 48 EUR from the DSO, 57 to members: 9 lost, so 57 EUR for 100 kWh; the other's gain is not taken off.

    45 EUR of it bought 150 kWh (30 ct); 3 EUR paid for 40 kWh of its own right (7.5 ct, in the column curtailment 6).
    """
    west, member = "west.strem.example", "farm-1.strem.example"
    paid = (
        Payment(DSO, EAST, 400_000, "utilisation", "o"),
        Payment(DSO, west, 50_000, "utilisation", "p"),
        Payment(DSO, member, 30_000, "curtailment", "e"),
        Payment(EAST, member, 490_000, "utilisation", "q"),
        Payment(west, member, 20_000, "utilisation", "r"),
    )
    market = column({"farm.pv": [0, 0, 0, 0]}, paid)
    figures = {
        ColumnName.LOCAL: over(100_000, 0),
        ColumnName.CURTAILMENT: over(0, 60_000).model_copy(update={"curtailed_wh": 100_000}),
        ColumnName.MARKET: over(0, paid_by(market, DSO)).model_copy(update={"curtailed_wh": 40_000}),
    }
    bills = {name: {"a": bill_of({BillKind.FEED_IN: -100_000})} for name in (ColumnName.LOCAL, ColumnName.CURTAILMENT)}
    found = relief_of(figures, market, bills, 150_000, DSO, [EAST, west])
    assert found.sellers == {EAST: -90_000, west: 30_000}
    assert (found.market_ct_per_kwh, found.with_losses_ct_per_kwh) == (48.0, 57.0)
    assert (found.order_ct_per_kwh, found.own_right_ct_per_kwh) == (30.0, 7.5)
    unused = figures | {ColumnName.MARKET: over(0, 450_000)}
    assert relief_of(unused, column({"farm.pv": [0] * 4}), bills, 0, DSO, []).own_right_ct_per_kwh == 6.0


def test_a_market_that_is_cheap_enough_needs_no_causes() -> None:
    """At three times curtailment's cost nothing is explained; where nothing was relieved there is no cost of it."""
    market = column({"farm.pv": [0, 0, 0, 0]}, (Payment(DSO, EAST, 120_000, "utilisation", "o"),))
    figures = {
        ColumnName.LOCAL: over(100_000, 0),
        ColumnName.CURTAILMENT: over(0, 0),
        ColumnName.MARKET: over(0, 120_000),
    }
    bills = {
        ColumnName.LOCAL: {"a": bill_of({BillKind.FEED_IN: -100_000})},
        ColumnName.CURTAILMENT: {"a": bill_of({BillKind.FEED_IN: -60_000})},
    }
    found = relief_of(figures, market, bills, 100_000, DSO, [EAST])
    assert (found.times_curtailment, found.causes) == (3.0, [])
    none = relief_of(figures | {ColumnName.MARKET: over(100_000, 5)}, market, bills, 1, DSO, [])
    assert (none.market_ct_per_kwh, none.times_curtailment, none.causes) == (None, None, [])


def over(over_limit_wh: int, dso_cost: int) -> ColumnFigures:
    """A column's figures."""
    return ColumnFigures(
        violations=0, over_limit_wh=over_limit_wh, max_loading_pct=100.0, dso_cost=dso_cost, bills_sum=0, welfare=0,
        stored_change_wh=0, curtailed_wh=0, held_back_wh=0, held_back_worth=0, chp_not_made_wh=0,
        generation_lost_wh=0, unserved_ev_wh=0, comfort_kh=0.0, import_wh=0, export_wh=0, self_consumed_pct=0.0, co2_kg=None,
    )  # fmt: skip


def test_welfare_is_energy_and_wear_whoever_pays_whom() -> None:
    """By hand: a battery takes 4 kWh and gives 1; 2.5 kWh of wear at 2 ct, what stays at 8.24 ct, a bill without payments."""
    mine = column({"household-3.battery": [8000, 8000, -4000, 0]})
    bill = bill_of({BillKind.ENERGY: 7_000, BillKind.FEED_IN: -1_000, BillKind.FLEXIBILITY: -90_000})
    figures = figures_of(SITE, mine, evaluate(SITE, idle_truth()), (bill,), DAYS, mine)
    stays_kwh = 4 * 0.95 - 1 / 0.95
    assert figures.stored_change_wh == round(stays_kwh * 1000)
    assert figures.welfare == round(-6_000 - 500 + stays_kwh * 0.95 * 824)
    assert figures.bills_sum == -84_000


def test_warmth_at_the_end_is_worth_what_it_saves() -> None:
    """Half a kWh that a farm's heat pump will not draw, at 15.2 ct from the grid; a cold house costs as much."""
    plain, grid = column({"farm-5.load": [100.0] * 4}), evaluate(SITE, idle_truth())
    for saved_wh, worth_e4 in ((500.0, 760), (-500.0, -760)):
        warm = replace(plain, devices=replace(plain.devices, warmth_saves_wh={"farm-5.gateway": saved_wh}))
        found, none = (figures_of(SITE, one, grid, (), DAYS, plain) for one in (warm, plain))
        assert (found.warmth_saves_wh, found.welfare - none.welfare) == (saved_wh, worth_e4)


def idle_truth() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Nothing flows."""
    return {prosumer.name: (np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64)) for prosumer in SITE.prosumers}


def test_columns_run_beside_in_processes_of_their_own(idle: Column) -> None:
    """What comes back from another process is the column to the last watt; a column that fails says why."""
    with ColumnsBeside(settings(), (ColumnName.IDLE,)) as beside:
        (found,) = beside.results().values()
    for name, power in idle.devices.power_w.items():
        np.testing.assert_array_equal(found.devices.power_w[name], power)
    with ColumnsBeside(settings(date(2030, 1, 1)), (ColumnName.IDLE,)) as beside, pytest.raises(BadInput):
        beside.results()
