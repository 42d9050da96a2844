"""What a pure function gave is found again by the very same arguments, and by no others."""

from __future__ import annotations

import gc

import numpy as np

from agents.planning.remembered import Remembered


class Counted:
    """A function that counts how often it works."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, profile: object, isp: int) -> tuple[object, int]:
        """A new tuple each time."""
        self.calls += 1
        return profile, isp


def test_the_same_arguments_are_answered_without_work_and_equal_ones_are_not_the_same() -> None:
    """Identity decides: an equal profile may be changed on its own, so it is worked out anew."""
    work, profile = Counted(), np.zeros(3)
    asked = Remembered(work)
    first = asked(profile, 7)
    assert asked(profile, 7) is first
    assert work.calls == 1
    other = asked(profile.copy(), 7)
    assert other is not first
    assert work.calls == 2


def test_what_is_kept_keeps_its_arguments_so_that_no_other_object_is_taken_for_them() -> None:
    """An object that is gone could leave its identity to the next one; here none of those asked with can be gone."""
    asked, answers = Remembered(Counted(), most=50), []
    for k in range(50):
        answers.append(asked([k], 1)[0])
        gc.collect(0)
    assert answers == [[k] for k in range(50)]


def test_no_more_is_kept_than_was_said() -> None:
    """With one answer more than may be kept, all earlier ones are worked out again; the newest is not."""
    work = Counted()
    asked = Remembered(work, most=2)
    given = [object(), object(), object()]
    for one in given:
        asked(one, 1)
    assert asked(given[2], 1)[0] is given[2]
    assert work.calls == 3
    asked(given[0], 1)
    assert work.calls == 4
