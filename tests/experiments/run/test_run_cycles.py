"""While a run goes on Python looks for cycles more seldom; afterwards as before."""

from __future__ import annotations

import gc

import pytest

from experiments.run.run import _cycles_seldom_sought


def fails() -> None:
    """A run that comes to nothing."""
    with _cycles_seldom_sought():
        raise ValueError("no site")


def test_cycles_are_sought_more_seldom_during_a_run_and_as_before_after_it() -> None:
    """Also after one that fails; the other generations' thresholds stay, and collecting stays on."""
    before = gc.get_threshold()
    with _cycles_seldom_sought():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 10 * before[0]
        assert gc.get_threshold()[1:] == before[1:]
    assert gc.get_threshold() == before
    with pytest.raises(ValueError, match="no site"):
        fails()
    assert gc.get_threshold() == before
