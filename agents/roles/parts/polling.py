"""Reading a device each control interval of the operated days."""

from __future__ import annotations

from datetime import datetime

from agents.roles.effects import Arm, Effect, Poll, Timer
from market.rules import MarketRules


def begin_polling(rules: MarketRules, device: str, timer: Timer, now: datetime) -> list[Effect]:
    """Read a device now, and when the operated days begin."""
    return [Poll(device), Arm(timer, max(rules.periods[0].start, now))]


def poll_on(rules: MarketRules, device: str, timer: Timer, now: datetime) -> list[Effect]:
    """Read a device, and again at the next control interval; the last one ends the last operated day."""
    following = rules.boundary(now)
    more = following <= rules.periods[-1].end
    return [Poll(device), *([Arm(timer, following)] if more else [])]
