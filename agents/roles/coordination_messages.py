"""What a DSO and the sellers at a congestion point say to each other to answer a request together: price rounds of sums.

Beside USEF's messages: a request before them and an offer after them stay what they are. What leaves a seller is the sum of
its members' answers; that is all that it knows of them itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.planning.dispatch.admm import Outcome
from cim.codec.codec import wire
from cim.model.arrays import Floats


@wire("vpp.PointProfile")
@dataclass(frozen=True, slots=True)
class PointProfile:
    """A seller to the DSO: what its members' answers of a round come to.

    Attributes:
        request: message id of the FlexRequest that is being answered.
        round: 0: the members are there, and nothing is answered yet.
        total_kw: [T] from the first ISP of the request to the end of its day.
        elements: that move by degrees behind it.
        losing: members whose contracts do not cover what their last answers cost them: they can be left out.
    """

    request: str
    round: int
    total_kw: Floats
    elements: int
    losing: int = 0


@wire("vpp.PointRound")
@dataclass(frozen=True, slots=True)
class PointRound:
    """The DSO to each seller: the next round's signal, or how the rounds ended.

    Attributes:
        round: the next one's number; with an outcome, that of the last one.
        rho, signal_kw, share: what the members are told (`agents.roles.messages.PriceRound`).
        outcome: None as long as there is another round.
        price_ct_per_kwh: [T] with the outcome: at which the split is certified.
        leave_out: members that lose by their answers are left out first.
        alone: the sellers are not coordinated for this request: go by rounds of your own. Nothing else counts then.
    """

    request: str
    round: int
    rho: float
    signal_kw: Floats
    share: float = 1.0
    outcome: Outcome | None = None
    price_ct_per_kwh: Floats | None = None
    leave_out: bool = False
    alone: bool = False


@wire("vpp.PriceCheck")
@dataclass(frozen=True, slots=True)
class PriceCheck:
    """A seller to a member, once, after the last round: how far is your answer above your best one at this price?"""

    session: str
    price_ct_per_kwh: Floats


@wire("vpp.PriceChecked")
@dataclass(frozen=True, slots=True)
class PriceChecked:
    """The member's answer: cents, at least 0; None where it is more than it tells (`agents.planning.dispatch.sellers`)."""

    session: str
    above_best_ct: float | None


@wire("vpp.PointChecked")
@dataclass(frozen=True, slots=True)
class PointChecked:
    """A seller to the DSO: the sum of its members' answers to a check; None where one of them is missing."""

    request: str
    above_best_ct: float | None
