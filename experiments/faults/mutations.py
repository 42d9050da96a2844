"""Known bugs, planted from outside into a sound market: `--break NAME` must be caught by the invariants.

Each comes in between an agent and its host (see `watching`), or does something to a host, the world or the ledger's
file; no product code has a switch for them.
"""

# ruff: noqa: ARG001 - every change has one signature, whether it needs all of it or not

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from agents.planning.dispatch.flexibility import Curtailable
from agents.roles.dso.ordering import Ordering
from agents.roles.effects import Command, Effect, Send
from agents.roles.events import Event, Received
from agents.roles.messages import Filed, Receipt, VppInvitation
from agents.roles.parts.contracts import Contracts
from agents.roles.prosumer.asset_publishing import AssetPublishing
from agents.roles.prosumer.vpp_member import VppMember
from agents.roles.role import Role
from agents.runtime.host.host import Host
from agents.runtime.host.rounds import Round, Step
from cim.codec.codec import decode
from cim.model.errors import BadInput
from experiments.faults.local_cluster import Faults
from experiments.faults.scenario import Scenario
from experiments.faults.simulation_run import Planted
from market.ledger.records import Record
from market.settlement.payments import Payment
from market.uftp import DPrognosis, FlexOrder, FlexSettlement


@dataclass(frozen=True)
class Mutation:
    """A bug: what it is, and the invariants of which at least one must catch it."""

    about: str
    caught_by: tuple[str, ...]
    plant: Callable[[], Planted]


Change = Callable[[Role, Event, datetime, list[Effect]], list[Effect]]


def _changing(role: str, change: Change) -> Planted:
    """Every agent of a role wants something else than it should."""

    def step(inner: Role, event: Event, now: datetime) -> tuple[list[list[Effect]], list[Effect]]:
        effects = change(inner, event, now, inner.handle(event, now))
        return [effects], effects

    return Planted(step=lambda spec: step if spec.kind == role else None)


def _filing(kind: str, rewrite: Callable[[Any], Any]) -> Change:
    """Records of a kind are filed with another body, signed all the same."""

    def change(inner: Role, event: Event, now: datetime, effects: list[Effect]) -> list[Effect]:
        def refiled(record: Record) -> Record:
            if record.kind != kind:
                return record
            return inner.me.record(kind, record.key, rewrite(decode(record.body)), now)

        return [
            Send(e.to, Filed(e.message.reference, tuple(refiled(r) for r in e.message.records)))
            if isinstance(e, Send) and isinstance(e.message, Filed)
            else e
            for e in effects
        ]

    return change


def _no_dedup(host: Host) -> None:
    """No mailbox knows any more what it has seen."""
    for hosted_agent in host.hosted_agents.values():
        hosted_agent.accepts = lambda *_: True  # type: ignore[method-assign]


def _no_outbox(host: Host) -> None:
    """What a step sends is not in its journal entry: a host that crashes before the receivers have it has lost it."""
    log = host._step_log
    append = log.append

    async def forgetting(current: Round, step: Step, done: bool) -> None:
        outbox, step.outbox = step.outbox, []
        await append(current, step, done)
        step.outbox = outbox
        current.outbox += outbox

    log.append = forgetting  # type: ignore[method-assign]


def _doubled_order(inner: Role, event: Event, now: datetime, effects: list[Effect]) -> list[Effect]:
    """The DSO orders the same offer twice, under two references, and remembers both."""
    ordering, more = inner.part(Ordering), list[Effect]()
    for effect in effects:
        if isinstance(effect, Send) and isinstance(effect.message, FlexOrder):
            again = replace(effect.message, order_reference=f"{effect.message.order_reference}-2")
            for key, orders in ordering.state.orders.items():
                if effect.message in orders:
                    ordering.state.orders[key] = (*orders, again)
            record = inner.me.record("flex-order", again.order_reference, again, now)
            more += [Send("ledger", Filed(f"again {again.order_reference}", (record,))), Send(effect.to, again)]
    return [*effects, *more]


def _missing_expiry(inner: Role, event: Event, now: datetime, effects: list[Effect]) -> list[Effect]:
    """A setpoint that would be held for ever."""
    for_ever = datetime.max.replace(tzinfo=UTC)
    return [replace(e, valid_until=for_ever) if isinstance(e, Command) else e for e in effects]


def _oversold_asset(inner: Role, event: Event, now: datetime, effects: list[Effect]) -> list[Effect]:
    """A home sells its PV's nameplate, whatever the sun does, and for nothing, so that it is taken first.

    Not more than the nameplate: its contract is about that much, and neither side takes an order beyond a contract. Nor does
    the home look whether an order moves the plant beyond its envelope, as it would refuse it then.
    """
    inner.part(AssetPublishing).beyond_envelope = lambda *_: None  # type: ignore[method-assign]
    sessions = inner.part(VppMember).state.sessions
    if isinstance(event, Received) and isinstance(event.message, VppInvitation):
        session = sessions.get(event.message.session)
        contract = inner.part(Contracts).contract_on(event.sender, event.message.period)
        if session is not None and contract is not None:
            nameplate_kw = {element.name: element.max_increase_w / 1000 for element in contract.flex_elements}
            models = tuple(
                replace(m, up_kw=m.up_kw * 0 + nameplate_kw[m.element], price_up=m.price_up * 0 - 20.0, weight=1e-3)
                if isinstance(m, Curtailable)
                else m
                for m in session.models
            )
            sessions[event.message.session] = replace(session, models=models)
    return effects


def _order_before_record(inner: Role, event: Event, now: datetime, effects: list[Effect]) -> list[Effect]:
    """The DSO sends its orders with the filing, not on the receipt."""
    if isinstance(event, Received) and isinstance(event.message, Receipt):
        return [e for e in effects if not (isinstance(e, Send) and isinstance(e.message, FlexOrder))]
    filed = inner.part(Ordering).state.filed
    early: list[Effect] = []
    for effect in effects:
        if isinstance(effect, Send) and isinstance(effect.message, Filed):
            for order in filed.get(effect.message.reference, ()):  # type: ignore[call-overload]  # any wire value
                early.append(Send(inner.me.rules.name_of(order.header.recipient_domain) or "", order))
    return [*early, *effects]


def _stale_prognosis() -> Planted:
    """The DSO answers a newer prognosis, but goes on with the powers of the first it was sent."""
    first: dict[tuple[str, str], DPrognosis] = {}

    def step(inner: Role, event: Event, now: datetime) -> tuple[list[list[Effect]], list[Effect]]:
        if isinstance(event, Received) and isinstance(event.message, DPrognosis):
            old = first.setdefault((event.sender, event.message.congestion_point), event.message)
            event = replace(event, message=replace(event.message, power_w=old.power_w))
        effects = inner.handle(event, now)
        return [effects], effects

    return Planted(step=lambda spec: step if spec.kind == "dso" else None)


def _dearer(payments: tuple[Payment, ...]) -> tuple[Payment, ...]:
    first, *rest = payments
    return (replace(first, amount=first.amount + 1), *rest)


def _twice(settlement: FlexSettlement) -> FlexSettlement:
    return replace(settlement, order_settlements=settlement.order_settlements * 2)


def _leaky_meter(scenario: Scenario) -> None:
    """A meter that misses a percent of what flows through it."""
    meter = next(iter(scenario.world.meters.values()))
    run = meter.run

    def leaky(hours: float, isp: int) -> None:
        run(hours, isp)
        missed = meter.power_w * hours * 0.01
        meter.energy_wh[isp] -= missed

    meter.run = leaky  # type: ignore[method-assign]


def _rewritten(ledger: bytes) -> bytes:
    """A payment in the closed ledger gets another date."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.deserialize(ledger)
        database.execute("UPDATE records SET at = at + 1 WHERE kind = 'remuneration'")
        return database.serialize()


MUTATIONS: Mapping[str, Mutation] = MappingProxyType(
    {
        "lost-dedup": Mutation(
            "a repeated message is handled again",
            ("handled-once",),
            lambda: Planted(host=_no_dedup, rougher=Faults(duplicate=0.1)),
        ),
        "lost-outbox": Mutation(
            "a crash forgets what was to be sent",
            ("nothing-lost",),
            lambda: Planted(host=_no_outbox, rougher=Faults(crash=0.02)),
        ),
        "doubled-order": Mutation(
            "an offer is ordered twice", ("orders-offered",), lambda: _changing("dso", _doubled_order)
        ),
        "order-before-record": Mutation(
            "an order leaves before the ledger has it",
            ("recorded-first",),
            lambda: _changing("dso", _order_before_record),
        ),
        "stale-prognosis": Mutation(
            "newer prognoses do not replace older ones",
            ("prognosis-renewed",),
            _stale_prognosis,
        ),
        "missing-expiry": Mutation(
            "a setpoint never expires", ("setpoints-end",), lambda: _changing("generator", _missing_expiry)
        ),
        "oversold-asset": Mutation(
            "an asset's nameplate is sold", ("asset-envelope",), lambda: _changing("prosumer", _oversold_asset)
        ),
        "unbalanced-money": Mutation(
            "a buyer pays more than is due",
            ("money-zero",),
            lambda: _changing("aggregator", _filing("remuneration", _dearer)),
        ),
        "settled-twice": Mutation(
            "orders stand twice in a settlement",
            ("settled-once",),
            lambda: _changing("dso", _filing("flex-settlement", _twice)),
        ),
        "leaky-meter": Mutation(
            "a meter misses a percent", ("energy-conserved",), lambda: Planted(before=_leaky_meter)
        ),
        "rewritten-ledger": Mutation(
            "a closed record is changed in the file", ("ledger-extends",), lambda: Planted(after=_rewritten)
        ),
    }
)


def planted(name: str) -> Planted:
    """The bug of that name, ready for one run.

    Raises:
        BadInput: no such bug.
    """
    if name not in MUTATIONS:
        raise BadInput(f"break: {name!r} is unknown; expected one of {', '.join(MUTATIONS)}")
    return MUTATIONS[name].plant()
