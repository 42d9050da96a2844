"""The portal's view of a living site: made from the hosts' own accounts and from what the DSO remembers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from agents.assembly.site_agents import SiteAgents
from agents.roles.dso.state import DsoConfig
from agents.runtime.scheduler import RoundScheduler
from cim.codec.codec import decode, tag_of
from cim.platform.publications import (
    CommandRefused,
    DeviceBack,
    DeviceLost,
    FlexOffered,
    Publication,
    SafetyAnalysed,
    SettlementTold,
)
from market.uftp import FlexOrder
from portal.models import (
    AgentHealth,
    AskedIsp,
    DsoState,
    FailedEvent,
    GridPoint,
    Health,
    IspPower,
    JournalHealth,
    Mode,
    Offer,
    OfferedOption,
    Order,
    OrderStatus,
    Prognosis,
    Request,
    SettledOrder,
    Settlement,
    Status,
)


class LivingView:
    """A `portal.views.SiteView` of a running scheduler.

    Args:
        runtime: where the agents live.
        lookout: what was published and matters here.
        speed: of the site's time; None on the wall clock.
        trouble: why the journal's server is not there, or None.
    """

    def __init__(
        self,
        site_agents: SiteAgents,
        runtime: Any,
        scheduler: RoundScheduler,
        lookout: Lookout,
        speed: float | None,
        trouble: Callable[[], str | None],
    ) -> None:
        self._site_agents, self._runtime, self._conductor = site_agents, runtime, scheduler
        self._lookout, self._speed, self._trouble = lookout, speed, trouble

    async def health(self) -> Health:
        """How everybody is; a host that does not answer counts as dead until it is back."""
        accounts = await self._runtime.health()
        restarts = Counter(revival.host for revival in getattr(self._runtime, "revivals", ()))
        known = {agent.name: agent for account in accounts.values() for agent in account.agents}
        agents = []
        for spec in self._site_agents.agents:
            host, agent = self._runtime.host_of[spec.name], known.get(spec.name)
            agents.append(
                AgentHealth(
                    name=spec.name,
                    role=spec.role,
                    host=host,
                    alive=agent is not None,
                    handled=agent.handled if agent else 0,
                    waiting=agent.waiting if agent else 0,
                    failed_events=len(agent.failed_events) if agent else 0,
                    last_at=agent.last_at if agent else None,
                    restarts=restarts[host],
                    device=spec.device,
                    device_fault=self._lookout.faults.get(spec.device or ""),
                    forgotten=agent.forgotten if agent else (),
                )
            )
        trouble = self._trouble() or next((a.trouble for a in accounts.values() if a.trouble), None)
        failed_events = tuple(
            FailedEvent(agent=p.agent, at=p.at, kind=_kind(p.event), error=p.error)
            for agent in known.values()
            for p in agent.failed_events
        )
        alive = sum(agent.alive for agent in agents)
        amiss = alive < len(agents) or trouble or failed_events or any(a.device_fault for a in agents)
        return Health(
            status=Status.DOWN if not alive else Status.DEGRADED if amiss else Status.OK,
            site=self._site_agents.ledger_meta["site"],
            now=self._conductor.now,
            mode=Mode.WALL_CLOCK if self._speed is None else Mode.SIMULATED,
            speed=1.0 if self._speed is None else self._speed,
            agents=tuple(agents),
            journal=JournalHealth(
                state="away" if trouble else "synced",
                detail=trouble or f"{sum(a.entries for a in accounts.values())} entries are durable",
                lag=0,
            ),
            failed_events=failed_events,
        )

    async def dso_state(self) -> DsoState:
        """What the DSO remembers, in the portal's words."""
        spec = next(spec for spec in self._site_agents.agents if spec.role == "dso")
        _, state = decode(await self._runtime.snapshot(spec.name))
        config: DsoConfig = spec.config
        names = {domain: name for name, domain in self._site_agents.rules.domains.items()}
        now = self._conductor.now
        settled = {row.order_reference for s in self._lookout.settlements for row in s.orders}
        orders = sorted((o for each in state.orders.values() for o in each), key=lambda o: o.header.time_stamp)
        prognoses = sorted(state.prognoses.values(), key=lambda p: (p.header.time_stamp, p.congestion_point))
        requests = sorted(state.requests.values(), key=lambda r: r.header.time_stamp)
        return DsoState(
            now=now,
            points=tuple(self._point(point.identity, point.branch, config) for point in config.points),
            prognoses=tuple(
                Prognosis(
                    reference=p.header.message_id,
                    seller=names[p.header.sender_domain],
                    point=p.congestion_point,
                    period=p.period,
                    revision=p.revision,
                    at=p.header.time_stamp,
                    power_w=tuple(p.power_w),
                )
                for p in prognoses
            ),
            requests=tuple(
                Request(
                    reference=r.header.message_id,
                    point=r.congestion_point,
                    period=r.period,
                    revision=r.revision,
                    at=r.header.time_stamp,
                    expires=r.expiration,
                    isps=tuple(
                        AskedIsp(
                            start=i.start,
                            disposition=i.disposition.value,
                            min_power_w=i.min_power_w,
                            max_power_w=i.max_power_w,
                            duration=i.duration,
                        )
                        for i in r.isps
                    ),
                )
                for r in requests
            ),
            offers=tuple(self._offer(offer, names) for offer in self._lookout.offers),
            orders=tuple(self._order(order, names, now, settled) for order in orders),
            settlements=tuple(
                Settlement(
                    reference=s.reference,
                    seller=names[s.seller],
                    period_start=s.period_start,
                    period_end=s.period_end,
                    revision=s.revision,
                    currency=s.currency,
                    orders=tuple(
                        SettledOrder(
                            order=row.order_reference,
                            point=row.congestion_point,
                            period=row.period,
                            price=row.price_e4,
                            penalty=row.penalty_e4,
                            net=row.net_e4,
                        )
                        for row in s.orders
                    ),
                )
                for s in self._lookout.settlements
                if s.buyer == self._site_agents.rules.domains[spec.name]
            ),
        )

    def _point(self, identity: str, branch: str, config: DsoConfig) -> GridPoint:
        seen = self._lookout.safety.get(identity)
        return GridPoint(
            id=identity,
            branch=branch,
            limit_pct=100.0 - config.margin_pct,
            period=None if seen is None else seen.period,
            loading_pct=() if seen is None else seen.loading_pct,
            need_w=() if seen is None else seen.need_w,
        )

    @staticmethod
    def _offer(offer: FlexOffered, names: dict[str, str]) -> Offer:
        return Offer(
            reference=offer.reference,
            seller=names[offer.seller],
            point=offer.congestion_point,
            period=offer.period,
            at=offer.at,
            expires=offer.expires,
            request=offer.request,
            currency=offer.currency,
            options=tuple(
                OfferedOption(
                    reference=option.reference,
                    price=option.price_e4,
                    isps=tuple(IspPower(start=i.start, power_w=i.power_w, duration=i.duration) for i in option.isps),
                )
                for option in offer.options
            ),
        )

    def _order(self, order: FlexOrder, names: dict[str, str], now: datetime, settled: set[str]) -> Order:
        day = self._site_agents.rules.day(order.period)
        first = min(day.isp_start(row.start) for row in order.isps)
        last = max(day.isp_start(row.start + row.duration) for row in order.isps)
        status = OrderStatus.UPCOMING if now < first else OrderStatus.ACTIVE if now < last else OrderStatus.DELIVERED
        return Order(
            reference=order.order_reference,
            seller=names[order.header.recipient_domain],
            point=order.congestion_point,
            period=order.period,
            at=order.header.time_stamp,
            isps=tuple(IspPower(start=i.start, power_w=i.power_w, duration=i.duration) for i in order.isps),
            price=order.price,
            currency=order.currency,
            status=OrderStatus.SETTLED if order.order_reference in settled else status,
        )


class Lookout:
    """Hears what is published and keeps what the portal shows: the newest of each, and two days of offers."""

    def __init__(self) -> None:
        self.safety: dict[str, SafetyAnalysed] = {}  # congestion point -> last analysis
        self.offers: list[FlexOffered] = []
        self.settlements: list[SettlementTold] = []
        self.faults: dict[str, str] = {}  # device -> why it does not answer

    def hear(self, told: Publication) -> None:
        """Take one publication."""
        match told:
            case SafetyAnalysed():
                self.safety[told.congestion_point] = told
            case FlexOffered():
                self.offers = [o for o in self.offers if told.at - o.at < timedelta(days=2)] + [told]
            case SettlementTold():
                self.settlements = [*self.settlements, told][-200:]
            case DeviceLost() | CommandRefused():
                self.faults[told.device] = told.reason
            case DeviceBack():
                self.faults.pop(told.device, None)


def _kind(event: Any) -> str:
    return "unreadable" if event is None else tag_of(getattr(event, "message", event))
