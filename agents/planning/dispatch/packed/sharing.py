"""A dispatch by ADMM in sharing form, over the same hosts: over-relaxed, its price warm-started from a sample.

    x_d <- argmin cost_d(x) + rho/2 |x - z_d + u|^2             each device d, in its host
    y_d = a x_d + (1 - a) z_d                                   over-relaxed, there too
    z   <- argmin coupling(Z) + rho/(2 n) |Z - n (mean(y) + u) - fixed|^2
    z_d <- y_d - (mean(y) - z),  u <- u + mean(y) - z

Boyd et al. 2011, sections 3.4.3 and 7.3, scaled by the number n of devices that move; `fixed` is load less available PV
power. A round's message is mean(y) - z and u. It needs no sensitivities, and more rounds than Newton's step. Each round's
price is also priced out by the hosts, which gives the lower bound.

Where nobody answers a price for many cents (wear and full stores make such gaps), or few do, mean(y) - z stands still or
shrinks by a few percent a round, and u marches by small steps of one sign: 14 ct took 100 rounds. There, and in those
intervals alone, the step is doubled with each such round, up to half of what the secant of the last two rounds says; the
first real answer ends it. Only the worst intervals are helped on, and at once only those that stand still: a secant in all
that are slow sets them against each other. The fixed point stays ADMM's, and the certificate does not depend on how a price
was come by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.planning.dispatch.packed.coupling import Coupling
from agents.planning.dispatch.packed.messages import ApproachAsked, Host
from agents.planning.dispatch.packed.second_order import (
    KEPT_KW,
    TOLERANCE,
    Dispatch,
    cap_margin,
)
from agents.planning.dispatch.packed.tree import sum_of_approaches
from cim.model.arrays import Floats

OVER_RELAXATION = 1.9
# ct/kW^2 per interval, some times what batteries cost. Balancing residuals (Boyd et al., 3.4.1) stiffens it without end here:
# answers stand still between two prices, so it stays as it is.
PENALTY = 0.5
SAMPLES = (250, 1000)
MAX_ROUNDS = 300
_SAMPLE_TOLERANCE = 2e-4
_SAMPLE_ROUNDS = 150
_STILL = 0.02  # share by which what is missing may change in a round and still counts as standing still
_CREEPS, _GROWS = 0.8, 1.05  # share of it that is left after a round where it creeps
_WAITS = 3  # rounds for which an interval creeps before it is helped on
_WORST = 0.3  # of the most that is missing in any interval
# By what a step is stretched at most where nothing moves, and where it moves slowly: longer ones throw other intervals far off.
_MOST_STRETCH, _MOST_OF_SLOW = 100.0, 6.0
# Answers come to the caps from beyond them, by some 0.1 % in the last rounds, so it aims further below than Newton's step does:
# by as much as may cost 0.8 of the tolerance.
_MARGINS = 2.0


def dispatch(
    hosts: Sequence[Host],
    coupling: Coupling,
    *,
    tolerance: float = TOLERANCE,
    price_ct_per_kwh: Floats | None = None,
    max_rounds: int = MAX_ROUNDS,
) -> Dispatch:
    """Dispatch all members by ADMM; arguments as in `second_order.dispatch`."""
    size = sum(host.size() for host in hosts)
    price, before = price_ct_per_kwh, 0
    if price is None:
        price = coupling.price_ct_per_kwh.copy()
        for sample in SAMPLES:
            if 3 * sample <= size:
                found = _rounds(hosts, coupling, price, sample, _SAMPLE_TOLERANCE, _SAMPLE_ROUNDS)
                price, before = found.price_ct_per_kwh, before + found.rounds
    found = _rounds(hosts, coupling, price, 0, tolerance, max_rounds)
    return replace(found, sample_rounds=before)


@dataclass(slots=True)
class _State:
    """z and u per device [T], the penalty, what was missing in the last round, and by what factor its step was
    stretched, and for how many rounds it has crept.
    """

    shared_kw: Floats
    dual: Floats
    rho: float
    missing_kw: Floats
    stretch: Floats
    crept: Floats


def _rounds(
    hosts: Sequence[Host],
    coupling: Coupling,
    price: Floats,
    sample: int,
    tolerance: float,
    max_rounds: int,
) -> Dispatch:
    """Rounds of all members, or of a sample that stands for all of a district as large as itself."""
    size = sum(host.size() for host in hosts)
    first = sum_of_approaches(hosts, ApproachAsked(0, np.zeros(0), np.zeros(0), 0.0, 1.0, price, sample))
    shared = coupling if not sample else scaled(coupling, first.members / size)
    count = max(first.devices, 1)
    sums, _ = shared.supply(price)
    mean = (first.total_kw - first.fixed_kw) / count
    dual = price * coupling.hours / PENALTY
    nothing = np.zeros(len(price))
    state = _State((sums - first.fixed_kw) / count, dual, PENALTY, nothing, nothing + 1, nothing)
    bound, gaps = first.least_ct + shared.least_ct(price), [np.inf]
    shift = mean - state.shared_kw
    for number in range(1, max_rounds + 1):
        price = state.rho * state.dual / coupling.hours
        asked = ApproachAsked(number, shift, state.dual, state.rho, OVER_RELAXATION, price, sample)
        answer = sum_of_approaches(hosts, asked)
        bound = max(bound, answer.least_ct + shared.least_ct(price))
        cost = answer.cost_ct + shared.cost_ct(answer.total_kw)
        found = Dispatch(price, answer.total_kw, cost, bound, number + 1, 0, False)
        kept = all(float(x.max()) <= KEPT_KW * first.members for x in shared.excess_kw(answer.total_kw))
        gaps.append(found.gap if kept else np.inf)
        if number == 1 or gaps[-1] <= min(gaps):
            best = found
        if kept and found.gap <= tolerance:
            best = replace(found, converged=True)
            break
        margin = cap_margin(shared, price, cost, _MARGINS * tolerance)
        mean = (answer.total_kw - answer.fixed_kw) / count
        before = state.rho * state.dual
        shift = _update(state, shared.tightened(margin), mean, answer.fixed_kw, count)
        # A sample is only to find the price: its sum need not keep to the caps.
        if sample and _at_rest(shift, state.shared_kw, state.rho * state.dual - before, state.rho * state.dual):
            best = found
            break
    last = replace(best, bound_ct=bound, rounds=len(gaps), gaps=tuple(gaps))
    return replace(last, broken=shared.broken(last.total_kw, KEPT_KW * first.members))


def _at_rest(shift: Floats, shared: Floats, change: Floats, dual: Floats) -> bool:
    """Whether a sample's price and sums hardly change any more."""
    norm = np.linalg.norm
    return bool(norm(shift) <= 10 * _SAMPLE_TOLERANCE * norm(shared) and norm(change) <= _SAMPLE_TOLERANCE * norm(dual))


def _update(state: _State, coupling: Coupling, mean: Floats, fixed: Floats, count: int) -> Floats:
    """The coordinator's half of a round: mean(y) - z."""
    relaxed = OVER_RELAXATION * mean + (1 - OVER_RELAXATION) * state.shared_kw
    wished = (relaxed + state.dual) * count + fixed
    total, _ = coupling.nearest(wished, np.zeros(len(mean)), state.rho / count)
    shared = (total - fixed) / count
    missing: Floats = relaxed - shared
    _stretch(state, missing)
    state.shared_kw, state.dual, state.missing_kw = shared, state.dual + missing * state.stretch, missing
    return missing


def _stretch(state: _State, missing: Floats) -> None:
    """By what factor each interval steps, from what is missing now and was before its last step."""
    left = missing / np.where(np.abs(state.missing_kw) > KEPT_KW, state.missing_kw, np.inf)
    still = np.abs(1 - left) <= _STILL
    worst = np.abs(missing) >= _WORST * np.abs(missing).max()
    creeps = still | ((left > _CREEPS) & (left <= _GROWS) & worst)
    state.crept = np.where(creeps, state.crept + 1, 0.0)
    secant = np.maximum(state.stretch / np.maximum(1 - left, 1e-3) / 2, 1.0)
    longer = np.minimum(np.minimum(2 * state.stretch, secant), np.where(still, _MOST_STRETCH, _MOST_OF_SLOW))
    state.stretch = np.where(creeps & (still | (state.crept > _WAITS)), longer, 1.0)


def scaled(coupling: Coupling, share: float) -> Coupling:
    """What a share of the members share among themselves, so that the price is the same."""
    return replace(
        coupling,
        peak_ct_per_kw2=coupling.peak_ct_per_kw2 / share,
        import_kw=coupling.import_kw * share,
        export_kw=coupling.export_kw * share,
    )
