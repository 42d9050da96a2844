"""The DSO steers the microgrid as one unit: a setpoint becomes rounds of trading, a limit on call goes on with heartbeats."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.planning.instance.on_call import CalledLimit
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.outside_requests import OutsideRequests
from agents.roles.effects import Arm, Disarm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.instance_messages import Heartbeat, LimitCalled, LimitHeld, LimitLifted, SetpointAsked, SetpointSplit
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.platform.mailbox.requests import MAILBOX, MicrogridLimitWanted, MicrogridSetpointWanted, RequestAnswered
from market.rules import Control

MICROGRID_LIMIT = "microgrid-limit"  # the kind of its record


@wire("dso.timer.heartbeat")
@dataclass(frozen=True, slots=True)
class NextHeartbeat(Timer):
    """A limit that was called stands: say so again."""


@wire("dso.InstanceControl")
@dataclass(slots=True)
class InstanceControlState:
    """What was asked for.

    Attributes:
        setpoints: by number, whose split has not come.
        limits: by number, calls and their ends that the ILES manager has not answered.
        stands_until: until when the limit called last stands; None: none does.
    """

    setpoints: dict[str, MicrogridSetpointWanted] = field(default_factory=dict)
    limits: dict[str, MicrogridLimitWanted] = field(default_factory=dict)
    stands_until: datetime | None = None


class InstanceControl(Part[InstanceControlState]):
    """Passes on to the ILES manager what the DSO's engineers want of the whole, and acts on its answers."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, by_hand: OutsideRequests, filing: LedgerFiling) -> None:
        super().__init__(me, InstanceControlState())
        self._config, self._by_hand, self._filing = config, by_hand, filing

    # ---- setpoints -------------------------------------------------------------------------------------------------------

    @on(MicrogridSetpointWanted)
    def setpoint_wanted(self, message: MicrogridSetpointWanted, sender: str, now: datetime) -> list[Effect]:
        """Have it split, if it can still be ordered."""
        if sender != MAILBOX or message.number in self.state.setpoints:
            return []
        fault = self._by_hand.time_fault(message.period, message.first_isp, message.last_isp, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        self.state.setpoints[message.number] = message
        asked = SetpointAsked(message.number, message.period, message.first_isp, message.last_isp, message.power_w)
        return [Send(self._config.market, asked)]

    @on(SetpointSplit)
    def split(self, message: SetpointSplit, sender: str, now: datetime) -> list[Effect]:
        """Each congestion point's share is asked for in a round of trading that begins now."""
        wanted = self.state.setpoints.get(message.number)
        if sender != self._config.market or wanted is None:
            return []
        del self.state.setpoints[message.number]
        fault = message.fault or self._by_hand.time_fault(wanted.period, wanted.first_isp, wanted.last_isp, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        by_point: dict[str, dict[int, int]] = {}
        for _, point, share in message.shares:
            row = by_point.setdefault(point, {})
            for isp, watts in share:
                row[isp] = row.get(isp, 0) + watts
        effects: list[Effect] = []
        for point, row in sorted(by_point.items()):
            effects += self._by_hand.want(point, wanted.period, row, now)
        kwh = sum(abs(watts) for row in by_point.values() for watts in row.values()) / 1000 * self.rules.hours
        words = (
            f"{kwh:.3g} kWh are to be moved, by {len(message.shares)} portfolios at {len(by_point)} congestion points, for "
            f"{message.cost_e4 / 1e4:.2f} {self.rules.currency} by members' contracts; they are asked in the rounds that begin now"
        )
        if not kwh:
            words = "nothing has to be moved: it is what is expected"
        return [Send(MAILBOX, RequestAnswered(message.number, True, words)), *effects]

    # ---- limits on call --------------------------------------------------------------------------------------------------

    @on(MicrogridLimitWanted)
    def limit_wanted(self, message: MicrogridLimitWanted, sender: str, now: datetime) -> list[Effect]:
        """Call a limit, or take it back; recorded, and answered when the ILES manager has."""
        if sender != MAILBOX or message.number in self.state.limits:
            return []
        fault = self._fault(message, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        self.state.limits[message.number] = message
        filed = self._filing.file(
            MICROGRID_LIMIT, message.number, self.me.record(MICROGRID_LIMIT, message.number, message, now)
        )
        if message.import_w is None:
            # Heartbeats go on until it is seen to be over: in the fail-safe they are half of what ends it.
            return [filed, Send(self._config.market, LimitLifted(message.number))]
        failsafe = message.import_w if message.failsafe_w is None else message.failsafe_w
        self.state.stands_until = message.until
        called = LimitCalled(CalledLimit(message.number, message.import_w, message.until, failsafe))
        return [filed, Send(self._config.market, called), *self._beat(now)]

    def _fault(self, wanted: MicrogridLimitWanted, now: datetime) -> str | None:
        if self.rules.control not in (Control.CURTAILMENT, Control.MARKET):
            return "the DSO of this site has no right to limit anybody"
        if not self.rules.periods[0].start <= now < self.rules.periods[-1].end:
            return "the site does not operate now"
        if wanted.import_w is None:
            return None if self.state.stands_until is not None else "import_w: the microgrid is not limited"
        if wanted.until <= now:
            return f"until: {wanted.until.isoformat()} is over; it is {now.isoformat()}"
        return None

    @on(NextHeartbeat)
    def beat(self, timer: NextHeartbeat, now: datetime) -> list[Effect]:
        """Each control interval while a limit stands, or is not seen to be over."""
        return [] if self.state.stands_until is None else self._beat(now)

    def _beat(self, now: datetime) -> list[Effect]:
        following = now + timedelta(seconds=self.rules.control_s)
        return [Send(self._config.market, Heartbeat(now)), Arm(NextHeartbeat(), following)]

    @on(LimitHeld)
    def held(self, message: LimitHeld, sender: str, now: datetime) -> list[Effect]:
        """What the ILES manager does of it."""
        if sender != self._config.market:
            return []
        wanted = self.state.limits.pop(message.number, None)
        effects: list[Effect] = []
        if message.import_w is None:
            self.state.stands_until = None
            effects.append(Disarm(NextHeartbeat()))
        if wanted is not None:
            effects.append(Send(MAILBOX, self._answer(wanted, message)))
        return effects

    def _answer(self, wanted: MicrogridLimitWanted, held: LimitHeld) -> RequestAnswered:
        if held.import_w is None:
            return RequestAnswered(wanted.number, wanted.import_w is None, "nothing is limited any more")
        words = (
            f"limitable devices draw at most {held.consumption_pct} % of their ratings, for {held.import_w} W of import"
        )
        if not held.kept:
            words += "; what else is drawn is expected to be above that, so the limit is not kept"
        if held.failsafe:
            words += "; it is the fail-safe limit, until a heartbeat and a limit have come"
        return RequestAnswered(wanted.number, wanted.import_w is not None, words)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The limit recorded last stands until its end: heartbeats go on, so that no fail-safe begins by our loss."""
        recorded = history.of(MICROGRID_LIMIT, MicrogridLimitWanted)
        order = sorted(history.records(MICROGRID_LIMIT), key=lambda record: record.at)
        last = next((recorded[one.key] for one in reversed(order) if one.key in recorded), None)
        if last is None or last.import_w is None or last.until <= now:
            return Recovery(forgotten=("setpoints of the microgrid that were being split",))
        self.state.stands_until = last.until
        return Recovery(self._beat(now), ("setpoints of the microgrid that were being split",))
