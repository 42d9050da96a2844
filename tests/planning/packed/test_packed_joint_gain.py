"""What a dispatch gains over everybody alone is never a loss, and each sharing rule leaves nobody worse off by it."""

from __future__ import annotations

import numpy as np
import pytest

from agents.planning.dispatch.packed.answered import dispatch_members
from agents.planning.dispatch.packed.central import dispatch_few
from agents.planning.dispatch.packed.joint_gain import joint_gain, some
from agents.planning.dispatch.packed.sharing import scaled
from experiments.bench.dispatch import problem
from market.community.gains.equal import Equal
from market.community.gains.proportional import Proportional
from market.community.gains.rule import SharingRule, share
from market.community.gains.shapley import Shapley


@pytest.mark.parametrize("rule", [Proportional(), Equal(), Shapley(orders=2)], ids=lambda rule: rule.name)
def test_after_a_dispatch_nobody_is_worse_off_than_alone(rule: SharingRule) -> None:
    """Five members, each rule: all of the gain is shared, and every charge is at most what that member costs alone."""
    members, coupling = problem.members(7, 0, 5), problem.coupling(7, 5)
    found = dispatch_members(members, coupling).dispatch
    gain = joint_gain(members, coupling, found)
    shared = share(rule, gain)
    assert gain.gain_e4 > 0
    assert shared.worse_off == ()
    assert int(shared.charge_e4.sum()) == gain.together_e4 == round(found.cost_ct * 100)


def test_alone_is_a_dispatch_of_one_with_its_share_of_the_caps() -> None:
    """What member 3 costs alone is what a dispatch of it costs under a fifth of the caps, and its coalition of one."""
    members, coupling = problem.members(7, 0, 5), problem.coupling(7, 5)
    gain = joint_gain(members, coupling, dispatch_members(members, coupling).dispatch)
    alone = dispatch_few(some(members, (3,)), scaled(coupling, 0.2))[0].cost_ct
    assert gain.alone_e4[3] == round(alone * 100) == gain.coalition_e4((3,))
    assert gain.coalition_e4((0, 1, 2, 3, 4)) == gain.together_e4


def test_twins_contribute_alike_and_who_cannot_move_nothing() -> None:
    """Two members of the same ratings and loads, and one without devices: equal contributions, and none."""
    members, coupling = problem.members(7, 0, 5), problem.coupling(7, 5)
    twins = some(members, (0, 0, 1, 2))
    twins.ratings[3] = 0.0
    found = dispatch_members(twins, coupling).dispatch
    gain = joint_gain(twins, coupling, found)
    assert gain.contribution_e4[0] == gain.contribution_e4[1] > 0
    assert gain.contribution_e4[3] == 0
    assert np.flatnonzero(share(Proportional(), gain).share_e4 == 0).tolist() == [3]
