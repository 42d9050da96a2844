"""A run with wrong meter data on purpose ends, after its dispute, with everybody's right money."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.settlement import CopiesDiffer, DisputeDecided, SettlementTold
from cim.platform.store import values
from environment.sites import load_site
from experiments.run.run import check
from experiments.run.settings import RunSettings
from experiments.run.wrong_copies import WrongCopy, chosen, wrong_copies
from tests.worlds.market_days import head_and_money, market_day

WRONG = "agr-east:farm-1.battery+5%"


Day = tuple[Path, dict[str, int]]


@pytest.fixture(scope="module")
def right_day(corner_day: Path) -> Day:
    """A corner of Strem, and what each party gains on a day of it where nobody holds a wrong copy."""
    return corner_day / "corner.yaml", json.loads((corner_day / "ends.json").read_text())[1]


def test_a_misread_battery_is_disputed_decided_and_corrected(tmp_path: Path, right_day: Day) -> None:
    """One aggregator's copy of a battery's data is 5 % off: the DSO decides by what the meter repeats, a second revision is
    told, and every party gains in the end what it gains on the same day with right copies."""
    (corner, right), store = right_day, MemoryStore(keep_readings=False)
    spoiled = market_day(corner, tmp_path / "wrong", store, misread=wrong_copies([WRONG]))
    decided = values(store, DisputeDecided)
    assert any("farm-1.battery" in told.meters for told in decided)
    assert max(told.revision for told in values(store, SettlementTold)) == 2
    assert head_and_money(tmp_path / "wrong", spoiled)[1] == right


def test_every_liar_is_found_within_one_settlement_and_earns_nothing_by_it(tmp_path: Path, right_day: Day) -> None:
    """All four members lie about all their elements, two of them in what they tell of their sub-meters, ordered or not.

    Each is found on the day's one settlement, by the meter-data company's values or a dispute; all gain what they gain by the
    truth, and no money is created.
    """
    (corner, right), store = right_day, MemoryStore(keep_readings=False)
    told = {"farm-1": False, "farm-4": True, "household-1": True, "care-centre": False}
    elements = {p.name: [p.device_name(d) for d in p.devices] for p in load_site(str(corner)).prosumers}
    lies = tuple(
        WrongCopy(member, element, percent, told[member])
        for member, percent in (("farm-1", 8), ("farm-4", -6), ("household-1", 20), ("care-centre", -9))
        for element in elements[member]
    )
    result = market_day(corner, tmp_path / "lies", store, misread=lies)
    found, decided = values(store, CopiesDiffer), values(store, DisputeDecided)
    meters = {meter for one in (*found, *decided) for meter in one.meters}
    assert meters <= {lie.meter for lie in lies}
    assert {meter.partition(".")[0] for meter in meters} == set(told), "a station that stood idle is no lie"
    mistaken = {one.party for one in found} | {party for one in decided for party in one.mistaken}
    assert {f"{name}.strem.example" for name, is_told in told.items() if not is_told} <= mistaken
    assert max(one.revision for one in values(store, SettlementTold)) <= 2
    money = head_and_money(tmp_path / "lies", result)[1]
    assert money == right
    assert money["sum"] == 0


def test_its_form_is_checked() -> None:
    """A party, a meter and a percentage with its sign; anything else is refused with an example."""
    assert wrong_copies([WRONG, "dso:ean.040000000000000001-3"]) == (
        WrongCopy("agr-east", "farm-1.battery", 5),
        WrongCopy("dso", "ean.040000000000000001", -3),
    )
    with pytest.raises(BadInput, match=r"expected PARTY:METER\+PERCENT"):
        wrong_copies(["agr-east farm-1"])


@pytest.mark.parametrize(
    ("wrong", "runtime"), [("nobody:farm-1.battery+5", "local"), ("agr-east:no+5", "local"), (WRONG, "ray")]
)
def test_who_and_what_is_not_there_is_said(wrong: str, runtime: str, tmp_path: Path) -> None:
    """An unknown party or meter, or agents in other processes, are refused before anything starts."""
    settings = RunSettings("strem", None, 1, 1, runtime, "direct", 1, tmp_path, misread=wrong_copies([wrong]))
    with pytest.raises(BadInput, match="misread"):
        check(settings)


ELEMENTS = {f"farm-{k}": (f"farm-{k}.pv", f"farm-{k}.battery") for k in range(20)} | {"flat": ()}


def test_a_tenth_of_the_members_lies_by_more_than_five_percent() -> None:
    """Two of twenty with elements, about all of these, by 6 to 25 %; the same seed finds the same, another others."""
    liars = chosen(wrong_copies(["10%"]), ELEMENTS, 1)
    assert len({one.party for one in liars}) == 2
    assert {one.meter for one in liars} == {meter for one in liars for meter in ELEMENTS[one.party]}
    assert all(6 <= abs(one.percent) <= 25 for one in liars)
    assert liars == chosen(wrong_copies(["10%"]), ELEMENTS, 1)
    assert len({chosen(wrong_copies(["10%"]), ELEMENTS, seed) for seed in range(9)}) > 1


def test_who_is_named_stays_who_lies() -> None:
    """A share of no member chooses nobody; a named party is kept beside a share."""
    assert chosen(wrong_copies(["10%"]), {"flat": ()}, 1) == ()
    assert WrongCopy("agr-east", "farm-1.battery", 5) in chosen(wrong_copies([WRONG, "50%"]), ELEMENTS, 1)


def test_a_member_lies_about_its_own_meters_only(tmp_path: Path) -> None:
    """Its own element may be named, another's may not."""
    for meter, fits in (("farm-1.battery", True), ("farm-2.pv", False)):
        wrong = wrong_copies([f"farm-1:{meter}+7%"])
        settings = RunSettings("strem", None, 1, 1, "local", "direct", 1, tmp_path, misread=wrong)
        if fits:
            check(settings)
        else:
            with pytest.raises(BadInput, match="a member and an element of its own"):
                check(settings)
