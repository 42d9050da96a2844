"""What must hold after every run, whatever went wrong in it: pure functions over what the run left.

Each yields its violations as sentences that name the agent, the ISP or message, the value and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from experiments.faults import judging_mail, judging_money, judging_trade, judging_world
from experiments.faults.story import Story

Invariant = Callable[[Story], Iterable[str]]

INVARIANTS: Mapping[str, Invariant] = MappingProxyType(
    {
        "energy-conserved": judging_world.energy_is_conserved,
        "meter-booked-once": judging_world.meters_are_booked_once,
        "metering-true": judging_world.metering_is_what_was_booked,
        "setpoints-end": judging_world.setpoints_end,
        "money-zero": judging_money.money_sums_to_zero,
        "settled-once": judging_money.isps_are_settled_once,
        "sums-agree": judging_money.both_sides_agree,
        "orders-offered": judging_trade.orders_stand_on_offers,
        "newest-prognosis": judging_trade.offers_stand_on_the_newest_prognosis,
        "prognosis-renewed": judging_trade.prognoses_are_renewed,
        "recorded-first": judging_trade.orders_are_recorded_first,
        "asset-envelope": judging_trade.assets_are_not_oversold,
        "portfolio-envelope": judging_trade.portfolios_are_not_oversold,
        "splits-known": judging_trade.splits_are_known_to_both,
        "ledger-extends": judging_mail.heads_extend_each_other,
        "handled-once": judging_mail.nothing_is_handled_twice,
        "nothing-lost": judging_mail.nothing_is_lost,
        "nobody-fails": judging_mail.nobody_fails,
    }
)


def violations(story: Story) -> tuple[str, ...]:
    """Every violation of every invariant, each after its invariant's name."""
    return tuple(f"{name}: {sentence}" for name, holds in INVARIANTS.items() for sentence in holds(story))
