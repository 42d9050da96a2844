"""Wrong meter data on purpose: one party's copy of what one meter told is some percent off, and nobody else's.

A member lies in its own copy, by which it sums up, or in what it tells its aggregator of its sub-meters. What the meter-data
company reads is true.
Kept free of agents: the command line reads these values; `planted_copies` gives them to the agents.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cim.model.errors import BadInput

_FORM = re.compile(r"([^:]+):(.+)([+-]\d+)%?")
_SHARE = re.compile(r"(\d{1,2})%")
MEMBERS = "members"  # in the place of a party: so many percent of all members, chosen by the run's seed
_LEAST_PCT, _MOST_PCT = 6, 25


@dataclass(frozen=True)
class WrongCopy:
    """What a party (agent) holds of a meter (an element's name, or a connection's EAN) is so many percent off.

    With the party `MEMBERS` and no meter: so many percent of all members lie about all their elements; see `chosen`.
    A lie that is `told` is what a member tells its aggregator of its sub-meter, while its own copy is right.
    """

    party: str
    meter: str
    percent: int
    told: bool = False


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
    """With members in the place of a share of them: each lies about all its elements by more than 5 %,
    in its own copy or in what it tells of its sub-meters.

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
            told = dice.random() < 0.5
            found += (WrongCopy(member, element, percent, told) for element in elements[member])
    return tuple(found)
