"""Site files from the field: each differs from a sound site in one thing, and is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from environment.sites.loader import SiteFaults, load_site, parse_site

FOLDER = Path(__file__).parents[1] / "golden" / "field"
SOUND = Path(__file__).parents[2] / "environment" / "sites" / "strem.yaml"


def _read(file: str) -> str:
    """A file of the folder, with what site files have had to say since it was written."""
    given = yaml.safe_load((FOLDER / file).read_text(encoding="utf-8"))
    today = yaml.safe_load(SOUND.read_text(encoding="utf-8"))
    given["sources"] = {**today["sources"], **given["sources"]}
    return yaml.safe_dump({**{key: today[key] for key in ("market", "flexibility_costs", "tariffs")}, **given})


@pytest.mark.parametrize(
    ("file", "sentences"),
    [
        ("site_wrong_point.yaml", ["node mv-1 (estate, industry) is not behind MV1.101-LV1.101-Trafo 1"]),
        ("site_parent_loop.yaml", ["congestion_points: their parents form a ring"]),
        ("site_negative_limits.yaml", ["limits", "min_voltage_pu < max_voltage_pu"]),
        ("site_island.yaml", ["node mv-4 (biogas, pv-field) has no way to busbar"]),
        ("site_length_in_metres.yaml", ["with line-1 of 3000 km the day has no power flow"]),
        ("site_control_interval_420.yaml", ["control_interval_s: 420 s does not divide 900 s"]),
    ],
)
def test_a_site_that_cannot_be_is_refused_in_one_sentence(file: str, sentences: list[str]) -> None:
    """Points that do not hold their homes, rings, islands, limits the wrong way round, metres for kilometres, intervals."""
    with pytest.raises(SiteFaults) as refused:
        parse_site(_read(file), file)
    assert len(refused.value.faults) == 1
    for sentence in sentences:
        assert sentence in refused.value.faults[0]


def test_the_same_site_without_its_fault_is_taken() -> None:
    """With the interval mended the file is a site; and the sound sites that ship are taken."""
    text = _read("site_control_interval_420.yaml").replace("control_interval_s: 420", "control_interval_s: 300")
    assert parse_site(text, "mended").control_interval_s == 300
    assert load_site("strem").name == "strem"


def test_a_point_whose_branch_is_not_behind_its_parents_is_refused() -> None:
    """Who stands below it would be added up at a branch that does not carry it."""
    text = _read("site_control_interval_420.yaml").replace("control_interval_s: 420", "control_interval_s: 300")
    with pytest.raises(SiteFaults, match="its branch is not behind"):
        parse_site(text.replace("branch: line-1\n", "branch: line-4\n"), "turned")
