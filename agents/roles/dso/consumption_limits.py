"""An emergency's limit of consumption, by hand: the connections below a congestion point are told, and it ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import ceil

from agents.roles.dso.config import DsoConfig
from agents.roles.effects import Effect, Publish, Send
from agents.roles.grid_messages import SupplyLimited
from agents.roles.identity import AgentIdentity
from agents.roles.instance_messages import LimitHeld
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.platform.mailbox.requests import MAILBOX, ConsumptionLimitWanted, RequestAnswered
from cim.platform.publications.grid import ConsumptionLimited
from market.rules import Control

WHOLE = ""  # instead of a congestion point: all that there are
CONSUMPTION_LIMIT = "consumption-limit"  # the kind of its record


@wire("dso.ConsumptionHeld")
@dataclass(frozen=True, slots=True)
class ConsumptionHeld:
    """From when to when consumption below a congestion point was limited."""

    point: str
    begin: datetime
    end: datetime


@wire("dso.ConsumptionLimits")
@dataclass(slots=True)
class ConsumptionLimitsState:
    """What is limited, and was.

    Attributes:
        limits: by congestion point, the limit that was asked for last and is not over.
        held: when which point was limited, on days that are not closed; of one that is not over, until it ends by itself.
        whole: when the whole microgrid was, as the ILES manager tells.
    """

    limits: dict[str, ConsumptionLimitWanted] = field(default_factory=dict)
    held: tuple[ConsumptionHeld, ...] = ()
    whole: tuple[ConsumptionHeld, ...] = ()


class ConsumptionLimits(Part[ConsumptionLimitsState]):
    """Accepts or refuses a limit, records it, tells who is below the point, and says what it stands against.

    Args:
        ordered_w: ISP -> watts that the DSO has ordered of a seller at a congestion point on a day.
    """

    def __init__(
        self,
        me: AgentIdentity,
        config: DsoConfig,
        filing: LedgerFiling,
        ordered_w: Callable[[SellerPointDay], dict[int, int]],
    ) -> None:
        super().__init__(me, ConsumptionLimitsState())
        self._config, self._filing, self._ordered_w = config, filing, ordered_w

    def limited_isps(self, usage_point: str, period: date) -> frozenset[int]:
        """The ISPs of a day in which a connection's consumption was limited for some time."""
        day, found = self.rules.day(period), set[int]()
        for one in (*self.state.held, *self.state.whole):
            reaches = one.point == WHOLE or usage_point in self._below(one.point)
            if one.begin < day.end and day.start < one.end and reaches:
                isps = range(1, day.count + 1)
                found |= {k for k in isps if one.begin < day.isp_start(k + 1) and day.isp_start(k) < one.end}
        return frozenset(found)

    def _below(self, point: str) -> frozenset[str]:
        return frozenset(c.usage_point for c in self._config.below(point) if c.owner)

    @on(ConsumptionLimitWanted)
    def wanted(self, message: ConsumptionLimitWanted, sender: str, now: datetime) -> list[Effect]:
        """Limit what controllable devices below a congestion point draw, from now on; or lift that."""
        if sender != MAILBOX:
            return []
        fault = self._fault(message, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        before, against_wh = self.state.limits.pop(message.point, None), 0
        told = tuple(c for c in self._config.below(message.point) if c.owner)
        self._note(message, now)
        effects: list[Effect] = []
        if before is not None:
            effects += [Send(c.owner, self._told(before, c.usage_point, now, None)) for c in told]
        if message.consumption_pct is None:
            words = f"the limit is lifted; {len(told)} connections are told"
        else:
            self.state.limits[message.point] = message
            against_wh = self._against_wh(message, now)
            pct = message.consumption_pct
            effects += [Send(c.owner, self._told(message, c.usage_point, now, pct)) for c in told]
            words = (
                f"{len(told)} connections hold vehicles, heat pumps and batteries at {pct} % of their rating until "
                f"{message.until.isoformat()}, what else they use goes on"
            )
            if against_wh:
                words += f"; {against_wh / 1000:.3g} kWh of more consumption are ordered there until then, and may fail unfined"
            if self.rules.least_device_w:
                words += f"; each device is left {self.rules.least_device_w} W, or its rating"
        published = ConsumptionLimited(
            now, message.number, message.point, message.consumption_pct, message.until,
            tuple(c.usage_point for c in told), against_wh,
        )  # fmt: skip
        record = self.me.record(CONSUMPTION_LIMIT, message.number, message, now)
        answer = Send(MAILBOX, RequestAnswered(message.number, True, words))
        filed = self._filing.file(CONSUMPTION_LIMIT, message.number, record)
        return [answer, *effects, filed, Publish(published)]

    @on(LimitHeld)
    def whole_held(self, message: LimitHeld, sender: str, now: datetime) -> list[Effect]:
        """The whole microgrid is limited from now on, otherwise than before, or no more: by the ILES manager's word."""
        if sender != self._config.market:
            return []
        self.state.whole = tuple(replace(one, end=min(one.end, now)) for one in self.state.whole)
        if message.import_w is not None:
            until = message.until or self.rules.periods[-1].end
            self.state.whole = (*self.state.whole, ConsumptionHeld(WHOLE, now, until))
        return []

    def _note(self, message: ConsumptionLimitWanted, now: datetime) -> None:
        """When the point was limited: an earlier limit ends where another begins, or is lifted."""
        self.state.held = tuple(
            replace(one, end=min(one.end, now)) if one.point == message.point else one for one in self.state.held
        )
        if message.consumption_pct is not None:
            self.state.held = (*self.state.held, ConsumptionHeld(message.point, now, message.until))

    def _fault(self, wanted: ConsumptionLimitWanted, now: datetime) -> str | None:
        """Why consumption cannot be limited so, in words, or None."""
        if self.rules.control not in (Control.CURTAILMENT, Control.MARKET):
            return "the DSO of this site has no right to limit anybody"
        points = sorted(point.identity for point in self._config.points)
        if wanted.point not in points:
            return f"point: {wanted.point}; expected one of {', '.join(points)}"
        if not any(c.owner for c in self._config.below(wanted.point)):
            return f"point: {wanted.point} has nobody below it who could be told"
        if not self.rules.periods[0].start <= now < self.rules.periods[-1].end:
            return "the site does not operate now"
        held = self.state.limits.get(wanted.point)
        if wanted.consumption_pct is None:
            limited = held is not None and held.until > now
            return None if limited else f"point: consumption below {wanted.point} is not limited by hand"
        if not 0 <= wanted.consumption_pct <= 100:
            return f"consumption_pct: {wanted.consumption_pct}; expected 0 to 100"
        if wanted.until <= now:
            return f"until: {wanted.until.isoformat()} is over; it is {now.isoformat()}"
        return self._below_least(wanted.point, wanted.consumption_pct)

    def _below_least(self, point: str, pct: int) -> str | None:
        """Why a limit is below what the market's rules leave to each device, in words, or None.

        It is one where even the largest device would be left less; smaller ones are left the minimum by their homes.
        """
        least_w = self.rules.least_device_w
        largest_w = max((watts for c in self._config.below(point) if c.owner for watts in c.limitable_w), default=0)
        if not least_w or pct * largest_w >= 100 * least_w:
            return None
        if largest_w <= least_w:
            return f"consumption_pct: {pct}; no device below {point} is rated above the {least_w} W that each is left"
        return (
            f"consumption_pct: {pct}; that leaves {pct * largest_w // 100} W to the largest device, and each is left "
            f"{least_w} W; expected {ceil(100 * least_w / largest_w)} to 100"
        )

    def _told(self, wanted: ConsumptionLimitWanted, usage_point: str, now: datetime, pct: int | None) -> SupplyLimited:
        return SupplyLimited(wanted.number, usage_point, now, wanted.until, pct, False, wanted.point)

    def _against_wh(self, wanted: ConsumptionLimitWanted, now: datetime) -> int:
        """Wh of more consumption that are ordered at the point, and at those below it, while the limit holds."""
        day, total_wh = self.rules.day_of(now), 0.0
        points = sorted({c.congestion_point for c in self._config.below(wanted.point)} | {wanted.point})
        while day.start < wanted.until:
            for point in points:
                for seller in self._config.sellers(point, day.day):
                    for isp, watts in self._ordered_w(SellerPointDay(seller, point, day.day)).items():
                        inside = min(day.isp_start(isp + 1), wanted.until) - max(day.isp_start(isp), now)
                        total_wh += max(watts, 0) * max(inside / timedelta(hours=1), 0.0)
            day = day.next()
        return round(total_wh)

    # ---- forgetting ------------------------------------------------------------------------------------------------------

    def prune(self, before: date) -> None:
        """What is over, and days that are closed for good."""
        start = self.rules.day(before).start
        self.state.held = tuple(one for one in self.state.held if one.end > start)
        self.state.whole = tuple(one for one in self.state.whole if one.end > start)
        self.state.limits = {point: one for point, one in self.state.limits.items() if one.until > start}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As recorded: what stands can be lifted; who was told holds to it meanwhile."""
        recorded_at = {record.key: record.at for record in history.records(CONSUMPTION_LIMIT)}
        for key, wanted in history.of(CONSUMPTION_LIMIT, ConsumptionLimitWanted).items():
            self.state.limits.pop(wanted.point, None)
            self._note(wanted, recorded_at[key])
            if wanted.consumption_pct is not None and wanted.until > now:
                self.state.limits[wanted.point] = wanted
        return Recovery()
