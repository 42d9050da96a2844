"""The DSO's limit of the microgrid's import: split over the homes as a share of their devices' ratings, with a fail-safe."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.planning.instance.on_call import OnCall, percent
from agents.roles.effects import Arm, Disarm, Effect, Publish, Send, Timer
from agents.roles.grid_messages import SupplyLimited
from agents.roles.identity import AgentIdentity
from agents.roles.iles_manager.instance import InstanceAggregation
from agents.roles.instance_messages import Heartbeat, LimitCalled, LimitHeld, LimitLifted
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.platform.publications.grid import MicrogridLimited

_MISSED = 3  # control intervals without a heartbeat, after which its caller counts as lost
_FAILSAFE_HELD = timedelta(hours=24)  # how far ahead homes are told of a fail-safe limit, which has no end of its own
WHOLE = "microgrid"  # under this number homes hear of it, so that what is told last counts


@wire("iles.LimitedHome")
@dataclass(frozen=True, slots=True)
class LimitedHome:
    """A connection with its owner (an agent), and the ratings of its devices that a limit of consumption holds, added up."""

    owner: str
    usage_point: str
    limitable_w: int


@wire("iles.timer.limit_look")
@dataclass(frozen=True, slots=True)
class LookAtLimit(Timer):
    """Is the caller of the limit still heard, and does the share still fit what is expected?"""


@wire("iles.LimitKeeping")
@dataclass(slots=True)
class LimitKeepingState:
    """What is called, and what the homes were told of it.

    Attributes:
        held: the last that was told; None: nothing is limited.
        told_until: until when homes hold to it.
    """

    on_call: OnCall = field(default_factory=OnCall)
    held: LimitHeld | None = None
    told_until: datetime | None = None


class LimitKeeping(Part[LimitKeepingState]):
    """Keeps the limit on call."""

    def __init__(
        self, me: AgentIdentity, dso: str, homes: tuple[LimitedHome, ...], instance: InstanceAggregation
    ) -> None:
        super().__init__(me, LimitKeepingState())
        self._dso, self._instance = dso, instance
        self._homes = tuple(home for home in homes if home.limitable_w)
        self._limitable_w = sum(home.limitable_w for home in homes)
        self._look_every = timedelta(seconds=self.rules.control_s)
        self._patience = _MISSED * self._look_every

    @on(LimitCalled)
    def called(self, message: LimitCalled, sender: str, now: datetime) -> list[Effect]:
        """A limit."""
        if sender != self._dso:
            return [
                self.me.lapse("LimitCalled", message.limit.number, sender, "only the DSO limits the microgrid", now)
            ]
        if message.limit.until <= now:
            return [self.me.lapse("LimitCalled", message.limit.number, sender, "it is over", now)]
        return self._goes_on(self.state.on_call.called(message.limit, now, self._patience), now, message.limit.number)

    @on(LimitLifted)
    def lifted(self, message: LimitLifted, sender: str, now: datetime) -> list[Effect]:
        """It is taken back."""
        return self._goes_on(self.state.on_call.lifted(now), now, message.number) if sender == self._dso else []

    @on(Heartbeat)
    def beaten(self, message: Heartbeat, sender: str, now: datetime) -> list[Effect]:
        """The DSO is heard. Each heartbeat counts as of when it came."""
        return self._goes_on(self.state.on_call.beaten(now, self._patience), now) if sender == self._dso else []

    @on(LookAtLimit)
    def look(self, timer: LookAtLimit, now: datetime) -> list[Effect]:
        """Each control interval while something is limited."""
        return self._goes_on(self.state.on_call.looked(now, self._patience), now)

    def _goes_on(self, on_call: OnCall, now: datetime, answers: str = "") -> list[Effect]:
        """What follows: homes, DSO and data platform are told where anything is another, whoever asked in any case."""
        before, self.state.on_call = self.state.held, on_call
        held = self._held(on_call, now)
        changed = _facts(held) != _facts(before)
        effects: list[Effect] = []
        until = None if held is None else held.until or now + _FAILSAFE_HELD
        told_until = self.state.told_until
        renewed = until is not None and told_until is not None and until - told_until > _FAILSAFE_HELD / 2
        if changed or renewed:
            self.state.held, self.state.told_until = held, until
            pct = None if held is None else held.consumption_pct
            effects += [
                Send(home.owner, SupplyLimited(WHOLE, home.usage_point, now, until, pct, False, WHOLE))
                for home in self._homes
            ]
        told = held or LimitHeld(answers or (before.number if before else ""), now, None, None, False, None)
        if changed:
            rest = self._rest_w(now, until) or 0
            effects.append(
                Publish(
                    MicrogridLimited(
                        now,
                        told.number,
                        told.import_w,
                        told.consumption_pct,
                        told.failsafe,
                        told.until,
                        told.kept,
                        rest,
                    )
                )
            )
        if changed or answers:
            effects.append(Send(self._dso, _answering(told, answers)))
        look: Effect = Disarm(LookAtLimit()) if held is None else Arm(LookAtLimit(), now + self._look_every)
        return [*effects, look] if held is not None or before is not None else effects

    def _held(self, on_call: OnCall, now: datetime) -> LimitHeld | None:
        limit, import_w = on_call.limit, on_call.import_w
        if limit is None or import_w is None:
            return None
        failsafe = on_call.failed_at is not None
        rest = self._rest_w(now, None if failsafe else limit.until)
        if rest is None:  # nobody knows what else is drawn
            return LimitHeld(limit.number, now, 0, import_w, failsafe, None if failsafe else limit.until, False)
        pct = percent(import_w, rest, self._limitable_w)
        kept = rest + pct * self._limitable_w // 100 <= import_w
        return LimitHeld(limit.number, now, pct, import_w, failsafe, None if failsafe else limit.until, kept)

    def _rest_w(self, now: datetime, until: datetime | None) -> int | None:
        """The most that the site is expected to draw beside its limitable devices, until then or to the end of the day."""
        day = self.rules.day_of(now)
        row = self._instance.rest_w(day.day)
        if row is None:
            return None
        last = day.count if until is None or until >= day.end else day.isp_of(until)
        return int(max(row[day.isp_of(now) - 1 : last]))

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Homes hold to what they were told until that ends; the DSO calls it again where it still wants it."""
        return Recovery(forgotten=("a limit of the microgrid on call: homes hold to it until it ends by itself",))


def _facts(held: LimitHeld | None) -> tuple[object, ...]:
    """What of it makes a difference."""
    return () if held is None else (held.consumption_pct, held.import_w, held.failsafe, held.until)


def _answering(held: LimitHeld, number: str) -> LimitHeld:
    return LimitHeld(
        number or held.number, held.at, held.consumption_pct, held.import_w, held.failsafe, held.until, held.kept
    )
