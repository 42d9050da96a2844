"""What a dispatch gains over everybody alone, shared by each named rule, and whether anybody is worse off by it."""

from __future__ import annotations

import time

from agents.planning.dispatch.packed.answered import dispatch_members
from agents.planning.dispatch.packed.joint_gain import joint_gain
from experiments.bench.dispatch import problem
from experiments.bench.figures import Figures
from market.community.gains.registry import SHARING_RULES
from market.community.gains.rule import share

SEED = 19


def measure_sharing(size: int) -> Figures:
    """Of so many members: each rule's least and largest share, ct, who is worse off, and the seconds.

    Shapley's value dispatches coalitions.
    """
    members, coupling = problem.members(SEED, 0, size), problem.coupling(SEED, size)
    gain = joint_gain(members, coupling, dispatch_members(members, coupling).dispatch)
    rules: dict[str, Figures] = {}
    for rule in SHARING_RULES:
        begun = time.perf_counter()
        found = share(rule, gain)
        rules[rule.name] = {
            "least_share_ct": float(found.share_e4.min()) / 100,
            "most_share_ct": float(found.share_e4.max()) / 100,
            "worse_off": len(found.worse_off),
            "seconds": time.perf_counter() - begun,
        }
    return {
        "members": size,
        "alone_ct": float(gain.alone_e4.sum()) / 100,
        "together_ct": gain.together_e4 / 100,
        "rules": rules,
    }
