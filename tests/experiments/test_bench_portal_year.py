"""The year that `iles bench portal --full` opens in a browser: a day told again and again, each time as another day's own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cim.platform.parquet_store import PART, ParquetStore
from cim.platform.publications.base import IspPower
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint
from cim.platform.publications.trading import FlexOffered, OfferedOption, OrderPlaced
from cim.platform.store import Told, values
from experiments.bench.portal_site import AGENTS
from experiments.bench.portal_year import DAYS, _days, _homes, _moved, _tables

AT, DAY = datetime(2026, 5, 20, 10, tzinfo=UTC), date(2026, 5, 20)
ISPS = (IspPower(41, -8_000, 4),)
SITE = SiteDescribed(
    AT, "strem", "UTC", 15, "dso.test", (Party("dso", "dso.test"),), (WatchedPoint("ean.1", "line-1", 99.0),)
)
OFFER = FlexOffered(AT, "o", "dso.test", "east.test", "ean.1", DAY, AT, "r", "EUR", (OfferedOption("o/1", 100, ISPS),))
ORDER = OrderPlaced(AT, "f", "dso.test", "east.test", "ean.1", DAY, 100, "EUR", ISPS, "c", "o", "o/1")


def test_a_day_before_is_the_same_under_other_names() -> None:
    """Instants and local days go back together, what refers to an offer still does, parties, powers and contracts stay."""
    offer, order = _moved(OFFER, 7), _moved(ORDER, 7)
    assert (offer.at, offer.period, offer.expires) == (AT - timedelta(days=7), DAY - timedelta(days=7), offer.at)
    assert (order.offer, order.option) == (offer.reference, offer.options[0].reference) == ("o~7", "o/1~7")
    assert (order.seller, order.isps, order.contract_id) == (ORDER.seller, ISPS, "c")
    assert _moved(ORDER, 0) == ORDER


def test_each_day_of_the_year_has_its_own_and_the_homes_are_told_once(tmp_path: Path) -> None:
    """365 orders under as many names, in parts as a store leaves them; 10,000 homes with two units each, described first."""
    told = [Told(1, "iles", SITE), Told(2, "dso", ORDER)]
    homes = list(_homes(told))
    assert len(homes) == 1 + 2 * (AGENTS // 500)
    written = _tables(tmp_path / "publications", [*homes, *_days(told)])
    assert written == len(homes) + DAYS
    store = ParquetStore(tmp_path, keep=True)
    orders = values(store, OrderPlaced)
    assert len({one.order_reference for one in orders}) == DAYS
    assert (orders[0].period, orders[-1].period) == (DAY - timedelta(days=DAYS - 1), DAY)
    (described,) = values(store, SiteDescribed)
    assert described.at == AT - timedelta(days=DAYS - 1)
    assert len(described.parties) == AGENTS + 1
    store.close()
    assert written < PART, "one part of each family"
    assert len(list((tmp_path / "publications").glob("*.parquet"))) == 4
