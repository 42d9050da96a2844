"""The microgrid as a service of a site file: what both sides are told, and where the same kilowatts would stand by twice."""

from __future__ import annotations

from typing import Any

import pytest

from agents.assembly.service_of_site import service_sale, service_terms
from cim.model.errors import BadInput
from environment.sites import load_site
from environment.sites.schema import Site
from environment.sites.service import MicrogridService

SITE = load_site("el_realengo")


def assumed(value: float) -> dict[str, Any]:
    """A rating."""
    return {"value": value, "assumed": True}


def with_service(**changes: float) -> Site:
    """El Realengo with twenty kilowatts less from 10 to 14; any rating can be changed."""
    ratings = {"power_w": -20_000, "from_hour": 10, "to_hour": 14, "response_minutes": 60, "availability_pct": 95,
               "deduction_pct": 2} | changes  # fmt: skip
    prices = {"volume_ct_per_kwh": assumed(0), "capacity_ct_per_kw_day": assumed(5)}
    raw = {name: assumed(value) for name, value in ratings.items()}
    raw |= {side: {"aspiration": prices, "reservation": prices} for side in ("dso_buys", "community_sells")}
    return SITE.model_copy(update={"microgrid_service": MicrogridService.model_validate(raw)})


def test_both_sides_are_told_what_the_site_file_says() -> None:
    """Minutes of the day, whole watts, and prices in ten-thousandths; without the section there is none."""
    terms, sale = service_terms(with_service()), service_sale(with_service())
    assert terms is not None
    assert sale is not None
    assert (terms.power_w, terms.start_minute, terms.end_minute) == (-20_000, 600, 840)
    assert (sale.least_response_min, sale.most_availability_pct, sale.most_deduction_pct) == (60, 95, 2)
    assert terms.buying.aspiration.capacity_price_e4_per_kw_day == 500
    assert service_terms(SITE) is None
    assert service_sale(SITE) is None


def test_no_kilowatt_stands_by_for_options_and_service_at_once() -> None:
    """The DSO's options reserve less consumption from 18 to 22: a service of that may end at 18, not at 19."""
    assert service_terms(with_service(to_hour=18)) is not None
    with pytest.raises(BadInput, match="in which the DSO's options reserve the same direction from 18 to 22"):
        service_terms(with_service(to_hour=19))
    assert service_terms(with_service(to_hour=19, power_w=20_000)) is not None


def test_what_the_dso_may_still_call_is_not_bid_to_the_tso() -> None:
    """Aggregators offer 29 minutes before a quarter-hour: the DSO's service has to be called by then."""
    assert service_terms(with_service(response_minutes=29)) is not None
    with pytest.raises(BadInput, match="response_minutes 28; expected at least 29"):
        service_terms(with_service(response_minutes=28))


@pytest.mark.parametrize("changes", [{"power_w": 0}, {"power_w": 1.5}, {"to_hour": 10}])
def test_a_service_of_nothing_is_refused(changes: dict[str, float]) -> None:
    """No watts, parts of one, no hours."""
    with pytest.raises(ValueError, match="expected"):
        with_service(**changes)
