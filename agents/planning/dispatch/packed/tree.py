"""Hosts below a host: a community's members answer as one to the aggregator above."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.planning.dispatch.packed.messages import ApproachAnswer, ApproachAsked, Host, PriceAsked, SumAnswer


def shares_of(hosts: Sequence[Host], sample: int) -> list[int]:
    """How many of each host's members belong to a sample, at least one; 0 is all, of all."""
    sizes = [host.size() for host in hosts]
    total = sum(sizes)
    return [max(1, round(sample * size / total)) if sample else 0 for size in sizes]


def sum_of_answers(hosts: Sequence[Host], asked: PriceAsked) -> SumAnswer:
    """Every host's answer, added up; all are asked before the first answer is waited for."""
    shares = shares_of(hosts, asked.sample)
    waiting = [host.ask(replace(asked, sample=share)) for host, share in zip(hosts, shares, strict=True)]
    answers = [answer() for answer in waiting]
    return SumAnswer(
        asked.number,
        sum(a.members for a in answers),
        np.sum([a.total_kw for a in answers], axis=0),
        np.sum([a.expected_kw for a in answers], axis=0),
        sum(a.cost_ct for a in answers),
        sum(a.least_ct for a in answers),
        np.sum([a.slope for a in answers], axis=0),
    )


def sum_of_approaches(hosts: Sequence[Host], asked: ApproachAsked) -> ApproachAnswer:
    """Every host's sums of an ADMM round, added up."""
    shares = shares_of(hosts, asked.sample)
    waiting = [host.approach(replace(asked, sample=share)) for host, share in zip(hosts, shares, strict=True)]
    answers = [answer() for answer in waiting]
    return ApproachAnswer(
        asked.number,
        sum(a.members for a in answers),
        sum(a.devices for a in answers),
        np.sum([a.total_kw for a in answers], axis=0),
        np.sum([a.fixed_kw for a in answers], axis=0),
        sum(a.cost_ct for a in answers),
        sum(a.least_ct for a in answers),
    )


@dataclass(frozen=True, slots=True)
class Community:
    """Hosts that speak as one: what they tell is added up before it goes on."""

    hosts: tuple[Host, ...]

    def size(self) -> int:
        """How many members there are in all."""
        return sum(host.size() for host in self.hosts)

    def ask(self, asked: PriceAsked) -> Callable[[], SumAnswer]:
        """The sums of the best responses to a price."""
        return lambda: sum_of_answers(self.hosts, asked)

    def approach(self, asked: ApproachAsked) -> Callable[[], ApproachAnswer]:
        """The sums of an ADMM round."""
        return lambda: sum_of_approaches(self.hosts, asked)
