"""The site El Realengo: what is published of the pilot, what half of its demand is, Spanish law, and its packs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cim.model.intervals import LocalDay
from environment.physics.world_build import uncontrolled_w
from environment.profiles.library import load
from environment.profiles.mix import mean_profile
from environment.sites import SiteFaults, build_network, load_site
from environment.sites.community import SpanishCommunity
from environment.sites.devices import BatteryUnit, Pv
from environment.sites.loader import parse_site

FILE = Path(load_site.__code__.co_filename).parent / "el_realengo.yaml"
SITE = load_site("el_realengo")
PROFILES = load(SITE.profiles)


def _changed(**keys: Any) -> str:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    raw["community"] |= keys
    return yaml.safe_dump(raw)


def test_it_has_what_is_published_of_the_pilot() -> None:
    """65 to 70 homes, PV of 120 kW and a battery of 200 kWh, each with its source; one congestion point, both aggregators."""
    kinds = Counter(prosumer.kind for prosumer in SITE.prosumers)
    assert 65 <= kinds["household"] <= 70
    plant = SITE.prosumer("cooperative")
    assert [(device.kind, device.rated_w.value) for device in plant.devices] == [("pv", 120_000), ("battery", 60_000)]
    bess = plant.devices[1]
    assert isinstance(bess, BatteryUnit)
    assert (bess.capacity_wh.value, bess.capacity_wh.source, bess.rated_w.assumed) == (200_000, "pilot", True)
    assert plant.devices[0].rated_w.source == "pilot"
    assert {prosumer.aggregator for prosumer in SITE.prosumers} == {party.name for party in SITE.aggregators}
    assert (SITE.country, SITE.timezone, SITE.currency) == ("ES", "Europe/Madrid", "EUR")


def test_the_plant_covers_about_half_of_the_demand() -> None:
    """180 MWh of sun in the year, as published, and twice as much that is used."""
    made = used = 0.0
    for prosumer in SITE.prosumers:
        if prosumer.base_load is not None:
            used += mean_profile(PROFILES, prosumer.base_load.strands).sum() * prosumer.base_load.peak_w.value / 4e6
        for device in prosumer.devices:
            if isinstance(device, BatteryUnit):
                continue
            energy_mwh = float(uncontrolled_w(SITE, device, PROFILES).sum()) / 4e6
            made, used = (made - energy_mwh, used) if isinstance(device, Pv) else (made, used + energy_mwh)
    assert made == pytest.approx(180, abs=2)
    assert used == pytest.approx(360, rel=0.03)


def test_its_profiles_are_a_whole_local_year() -> None:
    """2019 by Madrid's clock; at night no sun; the same weekday as in SimBench's year, so no Sunday looks like a Monday."""
    assert (PROFILES.first, PROFILES.last) == (
        datetime(2018, 12, 31, 23, tzinfo=UTC),
        datetime(2019, 12, 31, 23, tzinfo=UTC),
    )
    days = [LocalDay(date(2019, 1, 7 + k), SITE.timezone) for k in range(14)]
    shop = np.array([PROFILES.series("G4-A", day.start, day.end).sum() for day in days])
    sundays, others = shop[[6, 13]], np.delete(shop, [6, 13])
    assert sundays.max() < others.min()
    sun = PROFILES.column("PV-S30").reshape(-1, 96)
    assert not sun[:, :20].any()
    assert sun.max() <= 1


@pytest.mark.parametrize(("day", "hours"), [(date(2019, 3, 31), 23), (date(2019, 10, 27), 25)])
def test_its_clock_changes_are_in_the_profiles(day: date, hours: int) -> None:
    """Both days on which Spain's clocks change lie in the year with 23 and 25 hours; the sun does not move by them."""
    local = LocalDay(day, SITE.timezone)
    sun = PROFILES.series("PV-S30", local.start, local.end)
    assert sun.size == 4 * hours
    before = local.next(-1)
    rises_s = [
        (at.start.timestamp() + 900 * int(np.flatnonzero(PROFILES.series("PV-S30", at.start, at.end))[0])) % 86_400
        for at in (before, local)
    ]
    assert abs(rises_s[1] - rises_s[0]) <= 900


def test_its_transformer_is_smaller_than_the_packs() -> None:
    """100 kVA in place of 250, with losses in proportion; Strem's, which says nothing, keeps its pack's 160 kVA."""
    (trafo,) = build_network(SITE).transformers
    assert (trafo.rated_va, trafo.uk_pct, trafo.hv_node) == (100_000, 6.0, "mv-1")
    assert (trafo.copper_loss_w, trafo.iron_loss_w) == pytest.approx((1320, 352))
    assert build_network(load_site("strem")).transformers[0].rated_va == 160_000


def test_a_plant_above_100_kw_is_not_compensated() -> None:
    """The loader refuses simplified compensation of 120 kW in one sentence, and says nothing of a year without that law."""
    with pytest.raises(SiteFaults) as caught:
        parse_site(_changed(modality="compensation"), "mine.yaml")
    assert caught.value.faults == (
        "community.modality: value 'compensation': expected 'sale', for 120 kW are installed and simplified compensation ends at "
        "100 kW",
    )
    before = _changed(modality="compensation", as_in_year={"value": 2018, "assumed": True})
    assert parse_site(before, "mine.yaml").community is not None


@pytest.mark.parametrize(("kilowatts", "allowed"), [(100.0, True), (100.1, False)])
def test_compensation_ends_at_a_hundred_kilowatts(kilowatts: float, allowed: bool) -> None:
    """A plant of exactly 100 kW may be compensated, one of 100.1 kW may not."""
    raw = yaml.safe_load(_changed(modality="compensation"))
    plant = next(prosumer for prosumer in raw["prosumers"] if prosumer["name"] == "cooperative")
    plant["devices"][0]["rated_w"] = {"value": kilowatts * 1000, "assumed": True}
    if allowed:
        assert parse_site(yaml.safe_dump(raw), "mine.yaml").community is not None
    else:
        with pytest.raises(SiteFaults, match=r"for 100\.1 kW are installed"):
            parse_site(yaml.safe_dump(raw), "mine.yaml")


def test_all_who_live_there_share_the_plant() -> None:
    """Every prosumer but the plant's owner is a member, by Spain's law, with the surplus sold at the hour's price."""
    community = SITE.community
    assert isinstance(community, SpanishCommunity)
    assert {member.prosumer for member in community.members} == {p.name for p in SITE.prosumers} - {"cooperative"}
    assert (community.modality, community.plants, community.surplus_by) == ("sale", ("cooperative",), "day_ahead")
