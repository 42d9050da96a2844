"""A dispatch by prices alone: a price goes out, sums and their sensitivity come back, the next price is Newton's.

    max_price  sum_i min_p (cost_i(p) + h price . p)  +  min_z (coupling(z) - h price . z)

is the dual of the dispatch. Its value at any price is a lower bound of what any dispatch costs, and what members answer at a
price is a dispatch, so every round comes with its own certificate. The dual is concave and smooth where costs are strictly
convex; its second derivative is what hosts sum up beside their answers, so a few rounds suffice from a price that a sample
of members has found. Steps that would not pay are shortened until they do.

Caps are aimed at a trifle below, by what that may cost of the tolerance, so that the last answers keep to them.

Where caps cannot be kept their price is that of an excess, tens of times any other, and on the way there all that can move
changes sides again and again. So a price that goes beyond `_DEAR` is given up, and the dispatch is found with a cheap
excess first, then with a dearer one: which caps break, and by how much, hardly changes from stage to stage, and where they
do the price is in proportion. The last stage is the problem itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.planning.dispatch.packed.coupling import CapBroken, Coupling
from agents.planning.dispatch.packed.messages import Host, PriceAsked, SumAnswer
from agents.planning.dispatch.packed.tree import sum_of_answers
from cim.model.arrays import Floats

TOLERANCE = 1e-3
MAX_ROUNDS = 60
SAMPLES = (60, 250, 1000)  # members that find the starting price, level by level; at most a third of all
_FIRST_RADIUS_CT = 3.0  # ct/kWh by which the first step may move a price
_FOR_MARGIN = 0.4  # of the tolerance
_PAYS = 1e-4  # share of what a step promises that it must bring
_LEAST_DAMPING = 1e-7  # of the mean slope
KEPT_KW = 1e-7  # per member: an excess that is none
_DEAR = 0.1  # of an excess's price, above energy's: caps that can be kept are seldom as dear
_STAGES = (0.01, 0.04, 0.16, 1.0)  # of an excess's price
_LEAST_MARGIN, _MOST_MARGIN = 1e-9, 2e-3  # share of a cap by which is aimed below it


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What rounds of prices ended with.

    Attributes:
        price_ct_per_kwh: [T] what the members answered last.
        total_kw: [T] the sum of their answers.
        cost_ct: of that dispatch, members' own and shared.
        bound_ct: no dispatch costs less.
        rounds: of all members; `sample_rounds` of samples before.
        converged: whether the gap is within tolerance and the caps are kept, or broken no more than they must be.
        broken: caps that cannot be kept.
        gaps: relative gap after each round, for those whose answers kept to the caps; infinite for others.
    """

    price_ct_per_kwh: Floats
    total_kw: Floats
    cost_ct: float
    bound_ct: float
    rounds: int
    sample_rounds: int
    converged: bool
    broken: tuple[CapBroken, ...] = ()
    gaps: tuple[float, ...] = ()

    @property
    def gap(self) -> float:
        """How far the dispatch may at most be from the best one, as a share of its cost."""
        return relative_gap(self.cost_ct, self.bound_ct)


def relative_gap(cost_ct: float, bound_ct: float) -> float:
    """(cost - bound) / |cost|."""
    return (cost_ct - bound_ct) / max(abs(cost_ct), 1e-9)


def ask_all(hosts: Sequence[Host], asked: PriceAsked) -> SumAnswer:
    """Every host's answer, added up; a sample's is scaled to all members."""
    answer = sum_of_answers(hosts, asked)
    if not asked.sample:
        return answer
    scale = sum(host.size() for host in hosts) / answer.members
    return SumAnswer(
        asked.number,
        answer.members,
        answer.total_kw * scale,
        answer.expected_kw * scale,
        answer.cost_ct * scale,
        answer.least_ct * scale,
        answer.slope * scale,
    )


def dispatch(
    hosts: Sequence[Host],
    coupling: Coupling,
    *,
    tolerance: float = TOLERANCE,
    price_ct_per_kwh: Floats | None = None,
    max_rounds: int = MAX_ROUNDS,
) -> Dispatch:
    """Dispatch all members of the hosts.

    Args:
        tolerance: relative gap at which the rounds end.
        price_ct_per_kwh: [T] where the last dispatch of nearly the same members ended; without it samples find a start.
        max_rounds: most rounds of a sample, or of all; fewer than `MAX_ROUNDS` also keep stages from being tried.
    """
    size = sum(host.size() for host in hosts)
    price, sample_rounds = price_ct_per_kwh, 0
    samples = [sample for sample in SAMPLES if 3 * sample <= size]
    if price is None:
        price = coupling.price_ct_per_kwh.copy()
    else:
        samples = samples[-1:]  # what has changed is found by few
    for sample in samples:
        found = _settled(hosts, coupling, price, sample=sample, tolerance=1e-5, max_rounds=max_rounds)
        price, sample_rounds = found.price_ct_per_kwh, sample_rounds + found.rounds
    found = _settled(hosts, coupling, price, sample=0, tolerance=tolerance, max_rounds=max_rounds)
    return replace(found, sample_rounds=sample_rounds)


def _settled(
    hosts: Sequence[Host], coupling: Coupling, price: Floats, *, sample: int, tolerance: float, max_rounds: int
) -> Dispatch:
    """Rounds from a price; where they lead to an excess and do not end, rounds by stages of its price."""
    patient = max_rounds >= MAX_ROUNDS
    dear = np.inf if not patient or _dear(coupling, price) else _DEAR
    found = _rounds(hosts, coupling, price, sample=sample, tolerance=tolerance, max_rounds=max_rounds, dear=dear)
    exhausted = not sample and found.rounds >= max_rounds and bool(found.broken)
    if found.converged or not patient or not (exhausted or _dear(coupling, found.price_ct_per_kwh)):
        return found
    rounds, cheaper = found.rounds, coupling
    for share in _STAGES:
        stage = replace(coupling, excess_ct_per_kwh=share * coupling.excess_ct_per_kwh)
        if cheaper is not coupling:
            over, under = cheaper.excess_kw(cheaper.supply(price)[0])
            dearer = stage.excess_ct_per_kwh / cheaper.excess_ct_per_kwh
            shadow = price - coupling.price_ct_per_kwh
            price = coupling.price_ct_per_kwh + shadow * np.where((over > 0) | (under > 0), dearer, 1.0)
        found = _rounds(hosts, stage, price, sample=sample, tolerance=tolerance, max_rounds=max_rounds)
        price, cheaper, rounds = found.price_ct_per_kwh, stage, rounds + found.rounds
    return replace(found, rounds=rounds)


def _dear(coupling: Coupling, price: Floats, share: float = _DEAR) -> bool:
    """Whether a price lies so far from energy's, as a share of what an excess costs, that a cap seems to be beyond reach."""
    return bool(np.abs(price - coupling.price_ct_per_kwh).max() > share * coupling.excess_ct_per_kwh)


@dataclass(slots=True)
class _Point:
    """A price, what it was answered, and the (tightened) dual there as something to minimise."""

    price: Floats
    answer: SumAnswer
    worth: float
    missing_kw: Floats  # supply less the members' sum: the gradient over hours
    supply_slope: Floats


def _point(coupling: Coupling, price: Floats, answer: SumAnswer) -> _Point:
    z, slope = coupling.supply(price)
    return _Point(price, answer, -(answer.least_ct + coupling.least_ct(price)), z - answer.expected_kw, slope)


def _rounds(
    hosts: Sequence[Host],
    coupling: Coupling,
    price: Floats,
    *,
    sample: int,
    tolerance: float,
    max_rounds: int,
    dear: float = np.inf,
) -> Dispatch:
    """Rounds until the tolerance is reached, there have been enough, or a price is `_dear` by the share `dear`."""
    size = sum(host.size() for host in hosts)
    margin = _LEAST_MARGIN
    radius, moved = _FIRST_RADIUS_CT, True
    bound = -np.inf
    gaps: list[float] = []
    answer = ask_all(hosts, PriceAsked(0, price, sample))
    here = _point(coupling, price, answer)
    for number in range(1, max_rounds + 1):
        bound = max(bound, answer.least_ct + coupling.least_ct(price))
        found = _found(coupling, price, answer, bound, tolerance, size)
        gaps.append(found.gap if found.converged or _keeps(coupling, found, size) else np.inf)
        if number == 1 or gaps[-1] <= min(gaps):
            best = found
        if found.converged or number == max_rounds:
            break
        if _dear(coupling, price, dear):
            best = found
            break
        if moved:
            margin = cap_margin(coupling, price, found.cost_ct, tolerance)
            here = _point(coupling.tightened(margin), here.price, here.answer)
        if moved:
            step, promised = _step(here, radius, coupling.hours)
            share, least, most = 1.0, 0.0, 1.0
        price = here.price + share * step
        answer = ask_all(hosts, PriceAsked(number, price, sample))
        there = _point(coupling.tightened(margin), price, answer)
        fulfilled = (here.worth - there.worth) / max(share * promised, 1e-12 * abs(here.worth) + 1e-12)
        moved = fulfilled > _PAYS or most - least < 1e-3
        if moved:
            radius = _next_radius(radius, share * float(np.abs(step).max()), fulfilled)
            here = there
        else:
            share, least, most = _between(there, step, share, least, most)
    last = replace(found if found.converged else best, bound_ct=bound, rounds=len(gaps), gaps=tuple(gaps))
    return replace(last, broken=coupling.broken(last.total_kw, KEPT_KW * size))


def _between(there: _Point, step: Floats, share: float, least: float, most: float) -> tuple[float, float, float]:
    """Which share of a step is tried next, and between which the best one lies, after `share` of it did not pay.

    Answers may stand still for many cents and then jump. Beyond the jump the slope is known, and leads back to it.
    """
    downhill = float(there.missing_kw @ step)
    length = len(step)
    curved = float(step @ there.answer.slope.reshape(length, length) @ step + there.supply_slope @ (step * step))
    least, most = (share, most) if downhill < 0 else (least, share)
    found = share - downhill / curved if curved > 0 else -1.0
    if not least + 1e-2 * (most - least) < found < most - 1e-2 * (most - least):
        found = (least + most) / 2
    return found, least, most


def cap_margin(coupling: Coupling, price: Floats, cost_ct: float, tolerance: float) -> float:
    """The share of a cap below which to aim: as much as may cost a part of the tolerance at the caps' shadow prices."""
    pull = (price - coupling.price_ct_per_kwh) * coupling.hours
    over = np.maximum(pull - coupling.peak_ct_per_kw2 * coupling.import_kw, 0.0)
    under = np.maximum(-pull - coupling.peak_ct_per_kw2 * coupling.export_kw, 0.0)
    dear = coupling.excess_ct_per_kwh * coupling.hours
    worth = float(np.minimum(over, dear) @ coupling.import_kw + np.minimum(under, dear) @ coupling.export_kw)
    return float(np.clip(_FOR_MARGIN * tolerance * abs(cost_ct) / max(worth, 1e-9), _LEAST_MARGIN, _MOST_MARGIN))


def _missed(coupling: Coupling, price: Floats, total_kw: Floats) -> list[tuple[Floats, Floats]]:
    """[T] how far a sum is beyond each cap where it need not be, with the cap."""
    aimed, _ = coupling.supply(price)
    pairs = zip(coupling.excess_kw(total_kw), coupling.excess_kw(aimed), strict=True)
    over, under = (np.maximum(got - must, 0.0) for got, must in pairs)
    return [(over, coupling.import_kw), (under, coupling.export_kw)]


def _keeps(coupling: Coupling, found: Dispatch, size: int) -> bool:
    missed = _missed(coupling, found.price_ct_per_kwh, found.total_kw)
    return all(float(over.max()) <= KEPT_KW * size for over, _ in missed)


def _found(coupling: Coupling, price: Floats, answer: SumAnswer, bound: float, tolerance: float, size: int) -> Dispatch:
    cost = answer.cost_ct + coupling.cost_ct(answer.total_kw)
    found = Dispatch(price, answer.total_kw, cost, bound, 0, 0, False)
    return replace(found, converged=found.gap <= tolerance and _keeps(coupling, found, size))


def _next_radius(radius_ct: float, moved_ct: float, fulfilled: float) -> float:
    """How far a price may move next: further where the last step brought what it promised, less where it did not."""
    if fulfilled > 0.7:
        return max(radius_ct, (8.0 if fulfilled > 0.95 else 3.0) * moved_ct)
    return max(moved_ct, _FIRST_RADIUS_CT) * (1.0 if fulfilled > 0.25 else 0.25)


def _step(here: _Point, radius_ct: float, hours: float) -> tuple[Floats, float]:
    """Newton's step of the price, damped until no interval's price moves by more than the radius, and what it should win."""
    length = len(here.price)
    slope = here.answer.slope.reshape(length, length) + np.diag(here.supply_slope)
    scale = np.trace(slope) / length + 1e-9
    damping = _LEAST_DAMPING * scale
    while True:
        step: Floats = -np.linalg.solve(slope + damping * np.eye(length), here.missing_kw)
        if np.abs(step).max() <= radius_ct or damping > 1e9 * scale:
            break
        damping *= 3
    return step, -hours * float(here.missing_kw @ step + step @ slope @ step / 2)
