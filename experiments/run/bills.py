"""What each prosumer of a site pays for the days of a run: its energy by the truth, and the payments of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agents.assembly.tariffs_of_site import tariff_of
from cim.model.intervals import LocalDay
from environment.sites.schema import Site
from experiments.run.grid import Truth
from market.billing.bill import Bill, energy_bill, payments_bill
from market.settlement.payments import Payment


def bills_of(
    site: Site, days: Sequence[LocalDay], truth: Truth, payments: Iterable[Payment], domains: Mapping[str, str]
) -> dict[str, Bill]:
    """Prosumer's domain -> its bill of all days together, in the site's order.

    Args:
        days: of the run, one after the other, as `truth` has them.
        truth: prosumer -> (active, reactive power) of each ISP, whole watts and vars.
        payments: of the same run; without any where nobody trades.
        domains: agent's name -> domain.
    """
    made = tuple(payments)
    bills: dict[str, Bill] = {}
    for prosumer in site.prosumers:
        tariff, domain = tariff_of(site, prosumer.name), domains[prosumer.name]
        active, _ = truth[prosumer.name]
        bill, first = payments_bill(domain, made), 0
        for day in days:
            bill += energy_bill(active[first : first + day.count], site.isp_minutes, tariff.rates(day))
            first += day.count
        bills[domain] = bill
    return bills
