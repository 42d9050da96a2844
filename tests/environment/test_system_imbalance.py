"""The system above a site: the same for a seed, as far off balance and as persistent as the site file says."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from cim.model.intervals import LocalDay
from environment.sites import load_site
from environment.system_imbalance import imbalance_mw, needed_mw, others_bids

SITE = load_site("el_realengo")
DAY = LocalDay(date(2019, 8, 10), SITE.timezone)


def system():  # type: ignore[no-untyped-def]
    """The site's."""
    assert SITE.balancing is not None
    return SITE.balancing.system


def test_a_seed_gives_one_system_and_another_another() -> None:
    """Two looks at a day are the same; another seed and another day are not; a day of 100 quarter-hours has all."""
    assert needed_mw(system(), DAY, 1) == needed_mw(system(), DAY, 1)
    assert needed_mw(system(), DAY, 1) != needed_mw(system(), DAY, 2)
    assert needed_mw(system(), DAY, 1) != needed_mw(system(), DAY.next(), 1)
    assert len(needed_mw(system(), LocalDay(date(2019, 10, 27), SITE.timezone), 1)) == 100


def test_it_deviates_and_persists_as_the_site_file_says() -> None:
    """Over 190 days: mean about 0, standard deviation 400 MW, correlation of neighbours 0.7, each within sampling error."""
    rows = np.array([imbalance_mw(system(), DAY.next(k), 1)[:96] for k in range(-120, 70)])
    assert rows.mean() == pytest.approx(0, abs=20)
    assert rows.std() == pytest.approx(system().deviation_mw.value, rel=0.05)
    assert np.corrcoef(rows[:, :-1].ravel(), rows[:, 1:].ravel())[0, 1] == pytest.approx(0.7, abs=0.03)


def test_only_what_is_beyond_faster_reserves_is_bought() -> None:
    """300 MW long are 50 to buy where 250 are taken by others; a system that is long needs more consumption."""
    mw, needed = imbalance_mw(system(), DAY, 1), needed_mw(system(), DAY, 1)
    assert needed == tuple(round(float(np.sign(x) * max(abs(x) - 250, 0))) for x in mw)
    assert 0 in needed


def test_others_are_dearer_megawatt_by_megawatt() -> None:
    """Steps of ten at 10, 13, 16 euros and so on, up to all that is offered."""
    bids = others_bids(system())
    assert bids[:3] == ((10.0, 10.0), (10.0, 13.0), (10.0, 16.0))
    assert sum(mw for mw, _ in bids) == pytest.approx(system().offered_mw.value)
