"""Agents that are given wrong copies of meter data (`wrong_copies`), in the process that makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from agents.roles.effects import Effect, Send
from agents.roles.parts.meter_data import MeterData
from agents.roles.prosumer.metering_messages import MeteringMessages, TellMetering
from experiments.run.wrong_copies import WrongCopy
from market.register.providers import aggregator_on
from market.settlement.day import POWER
from market.uftp import Metering


@contextmanager
def planted(wrong: Sequence[WrongCopy]) -> Iterator[None]:
    """While it lasts, agents of this process that are made take these meterings as they are not."""
    percent = {(one.party, one.meter): one.percent for one in wrong if not one.told}
    lies = {(one.party, one.meter): one.percent for one in wrong if one.told}
    honest = MeterData._take

    def metered(self: MeterData, message: Metering, sender: str, now: datetime) -> list[Effect]:
        by = percent.get((self.me.name, message.ean))
        return honest(self, message if by is None else _off(message, by), sender, now)

    tell = MeteringMessages.tell

    def told(self: MeteringMessages, timer: TellMetering, now: datetime) -> list[Effect]:
        effects = tell(self, timer, now)
        to = aggregator_on(self._config, timer.period)
        effects = [_lied(effect, to, lies, self.me.name) for effect in effects]
        own = self.state.metered.get(timer.period, {})
        for meter in [meter for meter in own if (self.me.name, meter) in percent]:
            own[meter] = _off(own[meter], percent[self.me.name, meter])
        return effects

    MeterData._take = metered  # type: ignore[method-assign]
    MeteringMessages.tell = told  # type: ignore[method-assign]
    try:
        yield
    finally:
        MeterData._take = honest  # type: ignore[method-assign]
        MeteringMessages.tell = tell  # type: ignore[method-assign]


def _lied(effect: Effect, to: str, lies: Mapping[tuple[str, str], int], member: str) -> Effect:
    """What a member tells its aggregator of a sub-meter that it lies about; the meter's own gateway tells the truth."""
    if not isinstance(effect, Send) or effect.to != to or not isinstance(effect.message, Metering):
        return effect
    percent = lies.get((member, effect.message.ean))
    return effect if percent is None else replace(effect, message=_off(effect.message, percent))


def _off(message: Metering, percent: int) -> Metering:
    rows = tuple(
        replace(p, values=tuple(round(w * (100 + percent) / 100) for w in p.values)) if p.profile_type == POWER else p
        for p in message.profiles
    )
    return replace(message, profiles=rows)
