"""What members of an energy community are billed. Amounts are in ten-thousandths of the currency unit; positive ones are paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.CommunityRegister")
@dataclass(frozen=True, slots=True)
class CommunityRegister:
    """A register over the period: its code where there is one (OBIS), what it is in words, and its energy."""

    code: str
    label: str
    energy_wh: int


@wire("published.CommunityLine")
@dataclass(frozen=True, slots=True)
class CommunityLine:
    """One line of a bill: what for, with whom (`supplier`, `grid operator`, ...), for how much energy."""

    label: str
    account: str
    energy_wh: int
    amount_e4: int


@wire("published.CommunityBilled")
@dataclass(frozen=True, slots=True)
class CommunityBilled(Publication):
    """A community's period as its law shares it: its energy, and what it means to all members together.

    Attributes:
        law: whose rules (a country).
        first, last: local days, both included.
        members: how many are billed.
        paid_e4: what all of them pay; without_e4: what they would have paid without the community.
        registers: of the whole community.
        income: what it earns beside its members.
        notes: sentences that hold for all.
    """

    community: str
    law: str
    first: date
    last: date
    currency: str
    members: int
    paid_e4: int
    without_e4: int
    registers: tuple[CommunityRegister, ...]
    income: tuple[CommunityLine, ...]
    notes: tuple[str, ...]


@wire("published.MemberBilled")
@dataclass(frozen=True, slots=True)
class MemberBilled(Publication):
    """What a member pays for a period, and what it would have paid without the community.

    Attributes:
        member: its agent; title: in words.
        notes: what it has to know: what was substituted, what the cap took.
    """

    community: str
    law: str
    first: date
    last: date
    member: str
    title: str
    currency: str
    registers: tuple[CommunityRegister, ...]
    lines: tuple[CommunityLine, ...]
    total_e4: int
    without_e4: int
    notes: tuple[str, ...]
