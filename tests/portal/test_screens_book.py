"""The order book of a point: what a round asked for in an ISP, its offers as steps, cheapest first, and what is ordered of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cim.platform.publications.base import IspPower
from cim.platform.publications.incidents import MessageLapsed
from cim.platform.publications.trading import (
    AskedIsp,
    FlexOffered,
    FlexRequested,
    OfferedOption,
    OrderPlaced,
    OrderRefused,
)
from portal.screens.book_drawing import steps_drawn
from portal.screens.book_rounds import Step
from tests.portal.test_portal_grid_routes import ask
from tests.portal.test_screens_forecasts import shown
from tests.portal.test_screens_pages import DAY, OWNER, site
from tests.worlds.doubles import NOON, FakeSite

EXPIRES = NOON + timedelta(hours=1)
ISP = 60  # 14:45


def request(seller: str, **changes: object) -> FlexRequested:
    """The DSO needs 10 kW more consumption in an ISP."""
    asked = (AskedIsp(ISP, "Requested", 10_000, 50_000), AskedIsp(ISP + 1, "Available", 0, 9_000))
    told = FlexRequested(NOON, f"r-{seller}", "dso.test", seller, "ean.1", DAY, 1, EXPIRES, asked)
    return replace(told, **changes)  # type: ignore[arg-type]


def offer(seller: str, *options: tuple[int, int], **changes: object) -> FlexOffered:
    """Of (watts in the ISP, price in ten-thousandths) each; 4 kW in a quarter-hour are 1 kWh."""
    made = tuple(
        OfferedOption(f"{seller}/{k}", price, (IspPower(ISP, watts),)) for k, (watts, price) in enumerate(options)
    )
    told = FlexOffered(NOON, f"o-{seller}", "dso.test", seller, "ean.1", DAY, EXPIRES, f"r-{seller}", "EUR", made)
    return replace(told, **changes)  # type: ignore[arg-type]


def order(seller: str, option: int, watts: int) -> OrderPlaced:
    """Of one of the options."""
    return OrderPlaced(
        NOON, f"f-{seller}", "dso.test", seller, "ean.1", DAY, 0, "EUR", (IspPower(ISP, watts),), None, f"o-{seller}",
        f"{seller}/{option}",
    )  # fmt: skip


def traded() -> FakeSite:
    """East offers 4 kW at 10 and 8 kW at 15 ct a kWh on average, west 8 kW at 12: the cheapest 12 kW are ordered."""
    made = site()
    for one in (
        request("east.test"),
        request("west.test"),
        offer("east.test", (4_000, 1_000), (8_000, 3_000)),
        offer("west.test", (8_000, 2_400)),
        order("east.test", 0, 4_000),
        order("west.test", 0, 8_000),
    ):
        made.store.put("dso", one)
    return made


PATH = f"/dso/pages/book?day={DAY}"


def test_steps_are_what_each_option_adds_cheapest_first(tmp_path: Path) -> None:
    """4 kW at 10, 8 at 12, and east's second 4 at 20 ct: (30 - 10) for one kWh more; the first two are ordered."""
    words = shown(traded(), tmp_path, PATH)
    assert "asked for 10.0 kW offered 16.0 kW ordered 12.0 kW stands now 0.0 kW" in words
    rows = "east.test 4.0 10.00 4.0 ordered west.test 8.0 12.00 12.0 ordered east.test 4.0 20.00 16.0 gone"
    assert rows in words
    assert f"{DAY}, 14:45 (ISP {ISP}): more consumption or less feed-in" in words


def test_what_is_asked_of_each_seller_counts_once(tmp_path: Path) -> None:
    """Each is asked for all of it, so of two requests of 10 and 12 kW the larger is what is needed, not their sum."""
    made = traded()
    larger = request("south.test", isps=(AskedIsp(ISP, "Requested", 12_000, 50_000),))
    made.store.put("dso", larger)
    assert "asked for 12.0 kW" in shown(made, tmp_path, PATH)


def test_an_offer_stands_until_it_is_ordered_expired_or_lapsed(tmp_path: Path) -> None:
    """A refused order takes nothing of an offer that still stands; a lapsed or an expired one is gone."""
    made = traded()
    made.store.put("east", OrderRefused(NOON, "f-east.test", "east", "no"))
    words = shown(made, tmp_path, PATH)
    assert "east.test 4.0 10.00 4.0 stands" in words
    assert "ordered 8.0 kW stands now 8.0 kW" in words
    made.store.put("dso", MessageLapsed(NOON, "FlexOffer", "o-east.test", "east", "dso", "too late"))
    assert "stands now 0.0 kW" in shown(made, tmp_path, PATH)
    late = site()
    late.store.put("dso", request("east.test"))
    late.store.put("dso", offer("east.test", (4_000, 1_000), expires=NOON - timedelta(minutes=1)))
    assert "east.test 4.0 10.00 4.0 gone" in shown(late, tmp_path, PATH)


def test_rounds_are_told_apart(tmp_path: Path) -> None:
    """An hour later less is asked for: that round is shown, with what nobody asked for; the first one where it is asked for."""
    made = traded()
    later = NOON + timedelta(hours=1)
    isps = (AskedIsp(ISP, "Requested", 3_000, 50_000),)
    made.store.put("dso", request("east.test", at=later, reference="r-2", isps=isps))
    made.store.put("dso", offer("south.test", (2_000, 100), at=later, expires=later + timedelta(hours=1), request=None))
    words = shown(made, tmp_path, PATH)
    assert "asked for 3.0 kW offered 2.0 kW" in words
    assert "south.test 2.0 2.00 2.0 stands" in words
    before = shown(made, tmp_path, f"{PATH}&round={NOON.isoformat().replace('+', '%2B')}")
    assert "asked for 10.0 kW offered 16.0 kW" in before
    assert "south.test" not in before


def test_less_consumption_has_a_book_of_its_own(tmp_path: Path) -> None:
    """Where the DSO asks for less, offers of less are its steps, as magnitudes, and those of more are not."""
    made = site()
    made.store.put("dso", request("east.test", isps=(AskedIsp(ISP, "Requested", -50_000, -6_000),)))
    made.store.put("dso", offer("east.test", (-8_000, 1_000)))
    made.store.put("dso", offer("west.test", (8_000, 1_000), request="r-east.test"))
    words = shown(made, tmp_path, PATH)
    assert "less consumption or more feed-in" in words
    assert "asked for 6.0 kW offered 8.0 kW" in words
    assert "west.test" not in words


def test_nothing_traded_is_said_and_a_party_sees_its_own(tmp_path: Path) -> None:
    """A young site's book is a sentence; a prosumer that trades nothing sees nothing of the others' prices."""
    assert "Nobody was asked for flexibility" in shown(site(), tmp_path, PATH)
    other = ask(tmp_path, f"/market/pages/book?day={DAY}", OWNER, traded())
    assert other.status_code == 200
    assert "Nobody was asked for flexibility" in other.text
    assert ask(tmp_path, f"{PATH}&isp=97", made=traded()).status_code == 422
    assert ask(tmp_path, f"{PATH}&point=nowhere", made=traded()).status_code == 422


def test_the_drawing_is_to_scale() -> None:
    """A step of 8 kW is twice as wide as one of 4, one of 20 ct twice as high as one of 10; what is asked for stands across."""
    steps = [Step("a", "a/0", 4_000, 10.0, "ordered"), Step("<b>", "b/0", 8_000, 20.0, "stands")]
    text = steps_drawn(steps, 6_000, "book", "ct per kWh")
    sizes = [
        [float(part.split(f'{name}="')[1].split('"')[0]) for name in (" width", "height")]
        for part in text.split("<rect")[1:]
    ]
    (wide, high), (wider, higher) = sizes
    assert abs(wider - 2 * wide) < 0.2
    assert abs(higher - 2 * high) < 0.2
    assert "asked for: 6.0 kW" in text
    assert "<b>" not in text
    assert steps_drawn([], 6_000, "book", "ct per kWh") == ""
