"""A site's folder knows how it began, and nobody chooses the time of real devices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from experiments.cli.up import only_simulated
from pilot.settings import FILE, REAL, Beginning, beginning

PRESENT = Beginning("strem", 0, "2026-11-24T18:00:00+00:00", "2026-11-24", 3650, REAL)


def test_a_real_site_goes_on_with_the_day_it_began_on(tmp_path: Path) -> None:
    """Started again later, the first day is still the first one."""
    assert beginning(tmp_path, PRESENT) == PRESENT
    later = Beginning("strem", 0, "2026-12-01T06:00:00+00:00", "2026-12-01", 3650, REAL)
    assert beginning(tmp_path, later) == PRESENT


def test_a_folder_is_real_or_simulated_for_good(tmp_path: Path) -> None:
    """Invented days and measured ones do not meet in one ledger."""
    beginning(tmp_path, PRESENT)
    simulated = Beginning("strem", 0, PRESENT.start, PRESENT.first_day, 9)
    with pytest.raises(
        BadInput, match=r"devices: 'simulated', but the site in .* began with 'real'; expected the same"
    ):
        beginning(tmp_path, simulated)


def test_a_folder_from_before_there_were_real_sites_is_simulated(tmp_path: Path) -> None:
    """It goes on."""
    old = {"site": "strem", "seed": 1, "start": "2016-05-19T08:00:00+00:00", "first_day": "2016-05-20", "days": 9}
    (tmp_path / FILE).write_text(json.dumps(old))
    assert beginning(tmp_path, Beginning(**old)).devices == "simulated"


@pytest.mark.parametrize(
    ("option", "value"), [("--speed", 60.0), ("--start", 0), ("--date", "2016-05-20"), ("--seed", 1)]
)
def test_what_does_not_go_with_endpoints_is_one_sentence(option: str, value: object) -> None:
    """It names the option and what was given; without endpoints, or without the option, nothing is said."""
    asked = {"--speed": None, "--start": None, option: value}
    with pytest.raises(BadInput, match=f"^{option}: {value} does not go with --endpoints; expected it left out"):
        only_simulated(Path("pilot.yaml"), asked)
    only_simulated(None, asked)
    only_simulated(Path("pilot.yaml"), {option: None})
