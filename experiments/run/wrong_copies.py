"""Wrong meter data on purpose: one party's copy of what one meter told is some percent off, and nobody else's.

A member's own copy is what it sums up by; what its meter told the others at the day's end is true.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from agents.roles.effects import Effect
from agents.roles.parts.meter_data import MeterData
from agents.roles.prosumer.metering_messages import MeteringMessages, TellMetering
from cim.model.errors import BadInput
from market.settlement.day import POWER
from market.uftp import Metering

_FORM = re.compile(r"([^:]+):(.+)([+-]\d+)%?")
_SHARE = re.compile(r"(\d{1,2})%")
MEMBERS = "members"  # in the place of a party: so many percent of all members, chosen by the run's seed
_LEAST_PCT, _MOST_PCT = 6, 25


@dataclass(frozen=True)
class WrongCopy:
    """What a party (agent) holds of a meter (an element's name, or a connection's EAN) is so many percent off.

    With the party `MEMBERS` and no meter: so many percent of all members lie about all their elements; see `chosen`.
    """

    party: str
    meter: str
    percent: int


def wrong_copies(texts: Sequence[str]) -> tuple[WrongCopy, ...]:
    """`PARTY:METER+5%`, or a share of all members (`10%`), as values.

    Raises:
        BadInput: a text has another form.
    """
    found = []
    for text in texts:
        match, share = _FORM.fullmatch(text), _SHARE.fullmatch(text)
        if share is not None:
            found.append(WrongCopy(MEMBERS, "", int(share[1])))
            continue
        if match is None:
            example = "for example agr-east:farm-1.pv+5%, or a share of all members such as 10%"
            raise BadInput(f"misread: {text!r}; expected PARTY:METER+PERCENT, {example}")
        found.append(WrongCopy(match[1], match[2], int(match[3])))
    return tuple(found)


def chosen(wrong: Sequence[WrongCopy], elements: Mapping[str, Sequence[str]], seed: int) -> tuple[WrongCopy, ...]:
    """With members in the place of a share of them: each lies about all its elements by more than 5 %.

    Args:
        elements: of each member (agent); those without any have nothing to lie about.
        seed: the same seed, the same liars.
    """
    able = sorted(member for member, own in elements.items() if own)
    found: list[WrongCopy] = []
    for one in wrong:
        if one.party != MEMBERS:
            found.append(one)
            continue
        dice = random.Random(seed)  # noqa: S311 - not for secrets: the same seed, the same liars
        for member in sorted(dice.sample(able, -(-len(able) * one.percent // 100))):
            percent = dice.choice((-1, 1)) * dice.randint(_LEAST_PCT, _MOST_PCT)
            found += (WrongCopy(member, element, percent) for element in elements[member])
    return tuple(found)


@contextmanager
def planted(wrong: Sequence[WrongCopy]) -> Iterator[None]:
    """While it lasts, agents of this process that are made take these meterings as they are not."""
    percent = {(one.party, one.meter): one.percent for one in wrong}
    honest = MeterData.metered

    def metered(self: MeterData, message: Metering, sender: str, now: datetime) -> list[Effect]:
        by = percent.get((self.me.name, message.ean))
        return honest(self, message if by is None else _off(message, by), sender, now)

    tell = MeteringMessages.tell

    def told(self: MeteringMessages, timer: TellMetering, now: datetime) -> list[Effect]:
        effects = tell(self, timer, now)
        own = self.state.metered.get(timer.period, {})
        for meter in [meter for meter in own if (self.me.name, meter) in percent]:
            own[meter] = _off(own[meter], percent[self.me.name, meter])
        return effects

    MeterData.metered = metered  # type: ignore[method-assign]
    MeteringMessages.tell = told  # type: ignore[method-assign]
    try:
        yield
    finally:
        MeterData.metered = honest  # type: ignore[method-assign]
        MeteringMessages.tell = tell  # type: ignore[method-assign]


def _off(message: Metering, percent: int) -> Metering:
    rows = tuple(
        replace(p, values=tuple(round(w * (100 + percent) / 100) for w in p.values)) if p.profile_type == POWER else p
        for p in message.profiles
    )
    return replace(message, profiles=rows)
