"""Wrong meter data on purpose: one party's copy of what one meter told is some percent off, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from agents.roles.effects import Effect
from agents.roles.parts.meter_data import MeterData
from cim.model.errors import BadInput
from market.settlement.day import POWER
from market.uftp import Metering

_FORM = re.compile(r"([^:]+):(.+)([+-]\d+)%?")


@dataclass(frozen=True)
class WrongCopy:
    """What a party (agent) holds of a meter (an element's name, or a connection's EAN) is so many percent off."""

    party: str
    meter: str
    percent: int


def wrong_copies(texts: Sequence[str]) -> tuple[WrongCopy, ...]:
    """`PARTY:METER+5%` as values.

    Raises:
        BadInput: a text has another form.
    """
    found = []
    for text in texts:
        match = _FORM.fullmatch(text)
        if match is None:
            raise BadInput(f"misread: {text!r}; expected PARTY:METER+PERCENT, for example agr-east:farm-1.pv+5%")
        found.append(WrongCopy(match[1], match[2], int(match[3])))
    return tuple(found)


@contextmanager
def planted(wrong: Sequence[WrongCopy]) -> Iterator[None]:
    """While it lasts, agents of this process that are made take these meterings as they are not."""
    percent = {(one.party, one.meter): one.percent for one in wrong}
    honest = MeterData.metered

    def metered(self: MeterData, message: Metering, sender: str, now: datetime) -> list[Effect]:
        by = percent.get((self.me.name, message.ean))
        return honest(self, message if by is None else _off(message, by), sender, now)

    MeterData.metered = metered  # type: ignore[method-assign]
    try:
        yield
    finally:
        MeterData.metered = honest  # type: ignore[method-assign]


def _off(message: Metering, percent: int) -> Metering:
    rows = tuple(
        replace(p, values=tuple(round(w * (100 + percent) / 100) for w in p.values)) if p.profile_type == POWER else p
        for p in message.profiles
    )
    return replace(message, profiles=rows)
