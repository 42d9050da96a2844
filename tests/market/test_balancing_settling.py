"""Delivered balancing energy by the meter against what was nominated: worked by hand, as in UFTP's own example."""

from __future__ import annotations

from datetime import UTC, date, datetime

from market.balancing.settling import settle_balancing
from market.contracts.contract import PORTFOLIO, FlexElement
from market.contracts.templates import from_template
from market.uftp import FlexOrder, IspPower
from market.uftp.header import Header

DAY = date(2019, 8, 10)
CONTRACT = from_template(
    "balancing-framework", contract_id="c", buyer="tso.example", seller="iles.example", start_date=DAY, end_date=DAY,
    timezone="Europe/Madrid", flex_elements=(FlexElement("pcc", PORTFOLIO, 50_000, -50_000),), penalty_e4_per_kwh=200,
)  # fmt: skip


def order(isp: int, power_w: int, price: int) -> FlexOrder:
    """A call of one quarter-hour."""
    header = Header("tso.example", "iles.example", datetime(2019, 8, 10, tzinfo=UTC), f"m-{isp}", f"m-{isp}")
    return FlexOrder(header, DAY, "pcc", f"o-{isp}", price, "EUR", (IspPower(isp, power_w),), "Europe/Madrid", 15,
                     contract_id="c")  # fmt: skip


def test_what_came_is_paid_what_lacks_is_fined_and_no_more_than_was_called() -> None:
    """10 kW less of 30 nominated, 400 e4 in all, 200 e4/kWh: at 20, 26 and 35 kW metered it is 400, 160 less 300, and 0 less
    500: the five kilowatts that went the other way are an imbalance, not fined here as well.
    """
    orders = [order(isp, -10_000, 400) for isp in (1, 2, 3)]
    rows = settle_balancing(orders, dict.fromkeys((1, 2, 3), 30_000), {1: 20_000, 2: 26_000, 3: 35_000}, CONTRACT, 96)
    assert [(one.price, one.penalty) for one in rows] == [(400, 0), (160, 300), (0, 500)]


def test_what_nobody_metered_is_neither_paid_nor_fined() -> None:
    """The call of quarter-hour 2 is left out."""
    orders = [order(isp, 5000, 100) for isp in (1, 2)]
    rows = settle_balancing(orders, {1: 0, 2: 0}, {1: 5000}, CONTRACT, 96)
    assert [(one.order_reference, one.price, one.penalty) for one in rows] == [("o-1", 100, 0)]
