"""Judging the trade: orders and the offers behind them, what was recorded first, how far an asset was sold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np

from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.effects import Compute, Send
from agents.roles.element_messages import OrderReleased
from agents.roles.events import Received
from agents.roles.iles_manager import AssetRegistration
from agents.roles.messages import Filed, OrderSplit, Receipt
from experiments.faults.probes import ProbedRole
from experiments.faults.simulation_run import SimulationRun
from market.uftp import DPrognosis, FlexOffer, FlexOrder


def orders_stand_on_offers(simulation: SimulationRun) -> Iterator[str]:
    """No order without an offer, each offer ordered at most once, powers and price the offered ones times the factor."""
    offers = {
        (agent.name, sent.message.header.message_id): sent.message
        for agent in simulation.of_role("aggregator")
        for _, sent in agent.sent(FlexOffer)
    }
    times = Counter(order.flex_offer_message_id for order in simulation.book.of("flex-order"))
    for order in simulation.book.of("flex-order"):
        seller = simulation.scenario.rules.name_of(order.header.recipient_domain) or order.header.recipient_domain
        where = f"{seller}, order {order.order_reference}"
        offer = offers.get((seller, order.flex_offer_message_id))
        if offer is None:
            yield f"{where}: it names offer {order.flex_offer_message_id}; expected one that {seller} has sent"
            continue
        if times[order.flex_offer_message_id] > 1:
            ordered = times[order.flex_offer_message_id]
            yield f"{where}: offer {order.flex_offer_message_id} is ordered {ordered} times; expected once"
        option = next((o for o in offer.options if o.option_reference == order.option_reference), None)
        if option is None:
            yield f"{where}: option {order.option_reference} is not in the offer"
            continue
        price, isps = option.activated(order.activation_factor_pct)
        if order.price != price:
            yield f"{where}: price {order.price}; expected {price}"
        for row, expected in zip(order.isps, isps, strict=False):
            if row != expected:
                factor = f"{order.activation_factor_pct} % of the offer"
                yield f"{where}, ISP {row.start}: {row.power_w} W; expected {expected.power_w} W ({factor})"
        if len(order.isps) != len(isps):
            yield f"{where}: {len(order.isps)} ISPs; expected {len(isps)}, those of the offer"


def offers_stand_on_the_newest_prognosis(simulation: SimulationRun) -> Iterator[str]:
    """An offer names the last D-Prognosis that its seller has sent for that congestion point and day."""
    for agent in simulation.of_role("aggregator"):
        newest: dict[tuple[str, Any], DPrognosis] = {}
        for _, sent in agent.sent((DPrognosis, FlexOffer)):
            message = sent.message
            key = (message.congestion_point, message.period)
            if isinstance(message, DPrognosis):
                newest[key] = message
                continue
            last = newest[key].header.message_id if key in newest else None
            if message.d_prognosis_message_id != last:
                yield (
                    f"{agent.name}, offer {message.header.message_id}: it stands on prognosis "
                    f"{message.d_prognosis_message_id}; expected the newest, {last}"
                )


def prognoses_are_renewed(simulation: SimulationRun) -> Iterator[str]:
    """The DSO's safety analysis uses the newest prognoses it was sent: outside what is ordered, on their sum."""
    for dso in simulation.of_role("dso"):
        newest: dict[tuple[str, str], DPrognosis] = {}
        config = next(spec.config for spec in simulation.scenario.specs if spec.name == dso.name)
        pairs = config.pairs(simulation.scenario.rules.first_day)
        ordered: set[int] = set()
        for now, event, effects in dso.log:
            if isinstance(event, Received) and isinstance(event.message, DPrognosis):
                key = (event.sender, event.message.congestion_point)
                if key not in newest or newest[key].revision < event.message.revision:
                    newest[key] = event.message
            for effect in effects:
                if isinstance(effect, Send) and isinstance(effect.message, FlexOrder):
                    ordered |= {row.start for row in effect.message.isps}
                if not isinstance(effect, Compute) or effect.job != "safety" or len(newest) < len(pairs):
                    continue
                found = np.sum(effect.arguments[5], axis=0)
                told = np.sum([prognosis.power_w for prognosis in newest.values()], axis=0)
                for isp in np.flatnonzero(np.abs(found - told) > 1.0) + 1:
                    if int(isp) not in ordered:
                        yield (
                            f"{dso.name}, analysis of {now.isoformat()}, ISP {isp}: {found[isp - 1]:.0f} W; "
                            f"expected {told[isp - 1]:.0f} W, the newest prognoses"
                        )


def orders_are_recorded_first(simulation: SimulationRun) -> Iterator[str]:
    """An order leaves only on the ledger's receipt for the record of that very order, and every record leads to one."""
    recorded = {
        order.order_reference: order for kind in ("flex-order", "member-order") for order in simulation.book.of(kind)
    }
    sent_references: set[str] = set()
    for agent in [*simulation.of_role("dso"), *simulation.of_role("aggregator")]:
        filed = _filed(agent)
        for seen, sent in agent.sent(FlexOrder):
            order = sent.message
            sent_references.add(order.order_reference)
            where = f"{agent.name}, order {order.order_reference} to {sent.to}"
            cause = seen.event.message if isinstance(seen.event, Received) else None
            if not isinstance(cause, Receipt) or order.order_reference not in filed.get(cause.reference, ()):
                yield f"{where}: sent at {seen.now.isoformat()} before the ledger had it; expected after its receipt"
            if recorded.get(order.order_reference) != order:
                yield f"{where}: it is not what the ledger holds; expected the same order"
    for reference in sorted(set(recorded) - sent_references):
        yield f"order {reference}: it is in the ledger but was never sent; expected it to be sent"


def _filed(agent: ProbedRole) -> dict[object, tuple[str, ...]]:
    return {
        sent.message.reference: tuple(record.key for record in sent.message.records) for _, sent in agent.sent(Filed)
    }


def assets_are_not_oversold(simulation: SimulationRun) -> Iterator[str]:
    """Per asset and ISP: baseline and all orders together stay within what the asset can do.

    A generator cannot be asked for less than nothing made; the bounds are those it published.
    """
    assets = simulation.cast["iles"].inner.part(AssetRegistration).state.assets
    moved: dict[tuple[str, date, int], int] = {}
    baselines: dict[tuple[str, date, int], int] = {}
    for agent in simulation.of_role("aggregator"):
        for part in agent.inner.part(MemberOrders).state.parts:
            for isp, baseline, power in part.isps:
                key = (part.element, part.period, isp)
                moved[key] = moved.get(key, 0) + power
                baselines.setdefault(key, baseline)
    for (element, period, isp), power in sorted(moved.items()):
        asset, baseline = assets.get(element), baselines[element, period, isp]
        if asset is None:
            yield f"{element}, {period} ISP {isp}: ordered {power} W of an asset nobody published; expected a published one"
            continue
        reached = baseline + power
        # Watts are rounded once in the baseline and once in each order.
        if not asset.max_generation_w - 2 <= reached <= asset.max_consumption_w + 2:
            yield (
                f"{element}, {period} ISP {isp}: baseline {baseline} W and orders {power:+d} W make {reached} W; "
                f"expected {asset.max_generation_w}..{asset.max_consumption_w} W"
            )


def portfolios_are_not_oversold(simulation: SimulationRun) -> Iterator[str]:
    """Per congestion point, seller and ISP: all the DSO's orders together stay within what its members' assets can do."""
    rules = simulation.scenario.rules
    low: Counter[str] = Counter()
    high: Counter[str] = Counter()
    for contract in simulation.book.of("contract"):
        if contract.buyer != rules.domains["dso"]:
            low[contract.buyer] += sum(element.max_decrease_w for element in contract.flex_elements)
            high[contract.buyer] += sum(element.max_increase_w for element in contract.flex_elements)
    total: Counter[tuple[str, str, str, int]] = Counter()
    for order in simulation.book.of("flex-order"):
        for row in order.isps:
            key = (order.header.recipient_domain, order.congestion_point, order.period.isoformat(), row.start)
            total[key] += row.power_w
    for (seller, point, period, isp), power in sorted(total.items()):
        if not low[seller] <= power <= high[seller]:
            yield (
                f"{seller} at {point}, {period} ISP {isp}: ordered {power} W; expected {low[seller]}..{high[seller]} W, "
                "what its members' assets can do"
            )


def splits_are_known_to_both(simulation: SimulationRun) -> Iterator[str]:
    """What a member says an order moves, element by element, is what its aggregator will settle, but for what it releases."""
    for agent in simulation.of_role("aggregator"):
        known = {(part.order_reference, part.element): part.isps for part in agent.inner.part(MemberOrders).state.parts}
        for member in simulation.of_role("prosumer"):
            freed = {
                (sent.message.order_reference, sent.message.element, isp)
                for _, sent in member.sent(OrderReleased)
                for isp in sent.message.isps
            }
            for _, sent in member.sent(OrderSplit):
                if sent.to != agent.name:
                    continue
                for element, isps in sent.message.parts:
                    place = (sent.message.order_reference, element)
                    made = [(row.start, row.power_w) for row in isps if (*place, row.start) not in freed]
                    if made != [(isp, power) for isp, _, power in known.get(place, ())]:
                        yield (
                            f"{agent.name}, order {sent.message.order_reference}, {element}: it settles other moves than "
                            f"{member.name} made; expected the same"
                        )
