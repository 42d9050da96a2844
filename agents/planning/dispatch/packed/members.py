"""Members of a virtual power plant packed into arrays, and a host that answers prices with their sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from agents.planning.dispatch.packed import sums
from agents.planning.dispatch.packed.messages import ApproachAnswer, ApproachAsked, PriceAsked, SumAnswer
from cim.model.arrays import Floats
from cim.model.errors import BadInput

Indices = npt.NDArray[np.int64]
_NEARLY_NONE = 1e-12  # a penalty at which the price that stands for a target is all that counts
BLOCKS = 8  # a host's members are summed in so many blocks, in this order: the same sum by however many threads


class Rating(IntEnum):
    """The columns of `Members.ratings`. Curvatures are ct/kW^2 per interval, wear ct/kW per interval, energies kWh."""

    BATTERY_CURVATURE = 0
    BATTERY_WEAR = 1
    CHARGE_KW = 2
    DISCHARGE_KW = 3
    CAPACITY = 4
    ETA_IN = 5
    ETA_OUT = 6
    ENERGY = 7
    VEHICLE_CURVATURE = 8
    ARRIVAL = 9
    DEPARTURE = 10
    VEHICLE_KW = 11
    VEHICLE_ENERGY = 12
    PV_CURVATURE = 13


@dataclass(frozen=True, slots=True)
class Members:
    """N members: ratings [N, 14] by `Rating`, PV power available and load [N, T] in kW, and an interval's hours.

    A battery ends the day as it begins it. A device whose capacity, energy or curvature (PV) is 0 is none.
    """

    ratings: Floats
    available_kw: Floats
    load_kw: Floats
    hours: float

    def __post_init__(self) -> None:
        n, length = self.available_kw.shape
        if self.ratings.shape != (n, len(Rating)) or self.load_kw.shape != (n, length):
            raise BadInput(
                f"members: ratings {self.ratings.shape}, load {self.load_kw.shape}; "
                f"expected ({n}, {len(Rating)}) and ({n}, {length})"
            )
        for rating, rated in (
            (Rating.BATTERY_CURVATURE, Rating.CAPACITY),
            (Rating.VEHICLE_CURVATURE, Rating.VEHICLE_ENERGY),
        ):
            flat = (self.ratings[:, rated] > 0) & ~(self.ratings[:, rating] > 0)
            if flat.any():
                raise BadInput(f"members: {rating.name} of member {int(np.argmax(flat))} is not above 0")
        arrival, departure = self.ratings[:, Rating.ARRIVAL], self.ratings[:, Rating.DEPARTURE]
        comes = self.ratings[:, Rating.VEHICLE_ENERGY] > 0
        never = comes & ~((arrival >= 0) & (arrival <= departure) & (departure <= length))
        if never.any():
            k = int(np.argmax(never))
            raise BadInput(
                f"members: the vehicle of member {k} is there from interval {arrival[k]:g} to {departure[k]:g}; "
                f"expected 0 <= arrival <= departure <= {length}"
            )

    def __len__(self) -> int:
        return len(self.ratings)

    @property
    def length(self) -> int:
        """Number of intervals T."""
        return int(self.available_kw.shape[1])

    def kernel_form(self) -> tuple[Floats, Floats, Floats]:
        """What the compiled sums take: energies in kW-intervals."""
        ratings = self.ratings.copy()
        ratings[:, [Rating.CAPACITY, Rating.ENERGY, Rating.VEHICLE_ENERGY]] /= self.hours
        return ratings, self.available_kw, self.load_kw

    def unserved_kwh(self) -> Floats:
        """[N] what each vehicle needs beyond what it can be charged while it is there."""
        r = self.ratings
        possible = r[:, Rating.VEHICLE_KW] * (r[:, Rating.DEPARTURE] - r[:, Rating.ARRIVAL]) * self.hours
        return np.maximum(r[:, Rating.VEHICLE_ENERGY] - possible, 0.0)


Spread = Callable[[Callable[[int], tuple[float, float]], Sequence[int]], Iterable[tuple[float, float]]]
Lost = Callable[[int], npt.NDArray[np.bool_]]


@dataclass(slots=True)
class PackedHost:
    """Members in this process.

    Attributes:
        spread: like `map`; a thread pool's `map` uses its threads (the kernels hold no lock).
        lost: of a round's number, whose answers do not arrive [N]; a member without a promise always answers.
    """

    members: Members
    spread: Spread = map
    lost: Lost | None = None
    _arrays: tuple[Floats, Floats, Floats] = field(init=False)
    _order: Indices = field(init=False)
    _samples: dict[int, Indices] = field(init=False, default_factory=dict)
    _pulls: list[Floats] = field(init=False, default_factory=list)
    _promises: tuple[Floats, Floats, Floats, Indices] | None = field(init=False, default=None)
    _answers: dict[int, Floats] = field(init=False, default_factory=dict)
    _fixed: dict[int, tuple[int, Floats]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._arrays = self.members.kernel_form()
        self._order = strata(self.members)

    def size(self) -> int:
        """How many members there are."""
        return len(self.members)

    def ask(self, asked: PriceAsked) -> Callable[[], SumAnswer]:
        """The sums of the best responses to a price."""
        answer = self._answer(asked)
        return lambda: answer

    def approach(self, asked: ApproachAsked) -> Callable[[], ApproachAnswer]:
        """The sums of an ADMM round; in round 0 the best responses to the price stand for the last answers."""
        answer = self._approach(asked)
        return lambda: answer

    def _answer(self, asked: PriceAsked) -> SumAnswer:
        which = self._which(asked.sample)
        hours, length = self.members.hours, self.members.length
        pull = asked.price_ct_per_kwh * hours
        parts = np.array_split(which, min(BLOCKS, max(len(which), 1)))
        totals = np.zeros((len(parts), length))
        slopes = (
            np.zeros((len(parts), length, length)) if asked.sensitive or self.lost else np.zeros((len(parts), 1, 1))
        )
        if self.lost is not None and not asked.sample:
            lost, pulls = self.lost(asked.number), self._remember(pull)
            promises = self._promised()

            def one(k: int) -> tuple[float, float]:
                number = len(pulls) - 1
                return sums.promise(self._arrays, parts[k], lost, number, pulls, promises, slopes[k], totals[k])  # type: ignore[no-any-return]
        else:

            def one(k: int) -> tuple[float, float]:
                return sums.respond(self._arrays, parts[k], pull, asked.sensitive, slopes[k], totals[k])  # type: ignore[no-any-return]

        cost, least = np.sum(list(self.spread(one, range(len(parts)))), axis=0)
        slope, total = slopes.sum(axis=0) * hours, totals.sum(axis=0)
        whole = slope + np.tril(slope, -1).T if len(slope) == length else np.zeros((0, 0))
        silent = self._silent_kw(whole) if self.lost is not None and not asked.sample else 0.0
        flat = whole.ravel() if asked.sensitive else np.zeros(0)
        return SumAnswer(asked.number, len(which), total, total + silent, float(cost), float(least), flat)

    def _silent_kw(self, slope: Floats) -> Floats:
        """[T] by how much the silent would move if they answered, as those do who did: when most of them will next time."""
        rounds, now = self._promised()[3], len(self._pulls) - 1
        silent = np.bincount(rounds, minlength=now + 1)
        answered = max(int(silent[now]), 1)
        moved = np.zeros(self.members.length)
        if not len(self.members):
            return moved
        for then in np.flatnonzero(silent[:now]):
            price = (self._pulls[now] - self._pulls[then]) / self.members.hours
            moved -= silent[then] / answered * (slope @ price)
        return moved * answered / len(self.members)

    def _approach(self, asked: ApproachAsked) -> ApproachAnswer:
        which = self._which(asked.sample)
        parts = np.array_split(which, min(BLOCKS, max(len(which), 1)))
        length = self.members.length
        totals, priced = np.zeros((len(parts), length)), np.zeros((len(parts), length))
        nothing = np.zeros((1, 1))
        pull = asked.price_ct_per_kwh * self.members.hours
        first = asked.number == 0
        if first:
            self._answers[asked.sample] = np.zeros((2, len(self.members), 3, length))
        answers, shared = self._answers[asked.sample]
        penalty = (_NEARLY_NONE, 1.0) if first else (asked.rho, asked.relaxation)
        signal = (np.zeros(length), pull / _NEARLY_NONE) if first else (asked.shift_kw, asked.dual_kw)

        def one(k: int) -> tuple[float, float]:
            cost = sums.approach(self._arrays, parts[k], signal, penalty, answers, shared, totals[k])
            _, least = sums.respond(self._arrays, parts[k], pull, False, nothing, priced[k])
            return cost, least

        cost, least = np.sum(list(self.spread(one, range(len(parts)))), axis=0)
        if first:
            shared[:] = answers
        if asked.sample not in self._fixed:
            r = self.members.ratings[which]
            devices = int((r[:, [Rating.CAPACITY, Rating.VEHICLE_ENERGY, Rating.PV_CURVATURE]] > 0).sum())
            fixed = (self.members.load_kw[which] - self.members.available_kw[which]).sum(axis=0)
            self._fixed[asked.sample] = devices, fixed
        devices, fixed = self._fixed[asked.sample]
        total = totals.sum(axis=0) + fixed
        return ApproachAnswer(asked.number, len(which), devices, total, fixed, float(cost), float(least))

    def profiles(self, price_ct_per_kwh: Floats) -> Floats:
        """[N, 3, T] what battery, vehicle and plant of each member do at a price: for the members' own use, and for tests."""
        length = self.members.length
        answers, shared = np.zeros((2, len(self.members), 3, length))
        signal = np.zeros(length), price_ct_per_kwh * self.members.hours / _NEARLY_NONE
        sums.approach(self._arrays, self._order, signal, (_NEARLY_NONE, 1.0), answers, shared, np.zeros(length))
        return answers

    def _which(self, sample: int) -> Indices:
        """All members, or evenly many of each stratum."""
        if not 0 < sample < len(self.members):
            sample = 0
        if sample not in self._samples:
            places = (np.arange(sample) + 0.5) * len(self._order) / max(sample, 1)
            self._samples[sample] = np.sort(self._order[places.astype(np.int64)]) if sample else self._order
        return self._samples[sample]

    def _remember(self, pull: Floats) -> Floats:
        self._pulls.append(pull)
        return np.array(self._pulls)

    def _promised(self) -> tuple[Floats, Floats, Floats, Indices]:
        if self._promises is None:
            n = len(self.members)
            rounds = np.full(n, -1, dtype=np.int64)
            self._promises = np.zeros((n, self.members.length)), np.zeros(n), np.zeros(n), rounds
        return self._promises


def strata(members: Members) -> Indices:
    """[N] the members, so that every k-th of them is a sample with every kind: by when the car comes, then by the sun.

    The order runs to and fro, so that neighbours stay alike where one stratum ends and the next begins.
    """
    r = members.ratings
    hour = (r[:, Rating.ARRIVAL] * members.hours).astype(np.int64)
    stay = ((r[:, Rating.DEPARTURE] - r[:, Rating.ARRIVAL]) * members.hours / 3).astype(np.int64)
    sun = members.available_kw.sum(axis=1)
    coarse = np.argsort(np.argsort(sun, kind="stable"), kind="stable") * 4 // max(len(r), 1)
    need = r[:, Rating.VEHICLE_ENERGY] + r[:, Rating.CAPACITY]
    keys = (np.where((hour + stay + coarse) % 2 == 0, need, -need), coarse, stay, hour)
    return np.lexsort(keys).astype(np.int64)
