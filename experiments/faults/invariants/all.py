"""What must hold after every run, whatever went wrong in it: pure functions over what the run left.

Each yields its violations as sentences that name the agent, the ISP or message, the value and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from experiments.faults.invariants import made_whole, messages, money, trade, world
from experiments.faults.simulation_run import SimulationRun

Invariant = Callable[[SimulationRun], Iterable[str]]

INVARIANTS: Mapping[str, Invariant] = MappingProxyType(
    {
        "comes-to-rest": messages.agents_come_to_rest,
        "energy-conserved": world.energy_is_conserved,
        "meter-booked-once": world.meters_are_booked_once,
        "metering-true": world.metering_is_what_was_booked,
        "setpoints-end": world.setpoints_end,
        "money-zero": money.money_sums_to_zero,
        "made-whole": made_whole.made_whole_as_claimed,
        "settled-once": money.isps_are_settled_once,
        "sums-agree": money.both_sides_agree,
        "orders-offered": trade.orders_stand_on_offers,
        "newest-prognosis": trade.offers_stand_on_the_newest_prognosis,
        "prognosis-renewed": trade.prognoses_are_renewed,
        "recorded-first": trade.orders_are_recorded_first,
        "asset-envelope": trade.assets_are_not_oversold,
        "portfolio-envelope": trade.portfolios_are_not_oversold,
        "splits-known": trade.splits_are_known_to_both,
        "ledger-extends": messages.heads_extend_each_other,
        "handled-once": messages.nothing_is_handled_twice,
        "nothing-lost": messages.nothing_is_lost,
        "nobody-fails": messages.nobody_fails,
    }
)


def violations(simulation: SimulationRun) -> tuple[str, ...]:
    """Every violation of every invariant, each after its invariant's name."""
    return tuple(f"{name}: {sentence}" for name, holds in INVARIANTS.items() for sentence in holds(simulation))
