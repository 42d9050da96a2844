"""Inflating feed-in by 30 % is found within three days; nobody honest is suspected (long form: `iles days prognoses`)."""

from __future__ import annotations

from datetime import date

import pytest
from typer.testing import CliRunner

from experiments.cli.days import app
from experiments.run.prognosis_study import Cheating, suspected

FIRST = date(2016, 5, 18)


@pytest.mark.parametrize("seller", ["agr-east", "agr-west"])
def test_thirty_percent_more_feed_in_is_found_within_three_days(seller: str) -> None:
    """By the DSO's own role, told what sellers and meters would tell it; the other seller stays unsuspected."""
    found = suspected("strem", FIRST, 3, 1, Cheating(seller, 30))
    assert found[-1] == (seller,)
    assert set(found) <= {(), (seller,)}


def test_honest_sellers_are_not_suspected() -> None:
    """Two seeds of the weather service's error; more of them by the command."""
    result = CliRunner().invoke(app, ["prognoses", "--days", "3", "--seeds", "2-3"])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [f"seed {seed}: nobody · nobody · nobody" for seed in (2, 3)]
