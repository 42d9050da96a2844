"""Bills of a run: one for each prosumer, of its own days, energy and payments."""

from __future__ import annotations

from datetime import date

import numpy as np

from cim.model.intervals import LocalDay
from environment.sites import load_site
from experiments.run.bills import bills_of
from market.billing.bill import BillKind
from market.settlement.payments import Payment

SITE = load_site("strem")
DAYS = tuple(LocalDay(date(2016, 5, d), SITE.timezone) for d in (20, 21))
DOMAINS = {prosumer.name: f"{prosumer.name}.example" for prosumer in SITE.prosumers}


def test_each_prosumer_pays_for_its_own_days() -> None:
    """2 kW for two days at 19.4 ct/kWh are 18.624 EUR; the PV field's feed-in follows each day's own prices."""
    power = {p.name: np.zeros(192, dtype=np.int64) for p in SITE.prosumers}
    power["household-3"] += 2000
    power["pv-field"][:96] -= 1_000_000
    truth = {name: (watts, watts) for name, watts in power.items()}
    paid = Payment("agr.example", "household-3.example", 700, "utilisation", "o")
    bills = bills_of(SITE, DAYS, truth, [paid], DOMAINS)
    assert list(bills) == list(DOMAINS.values())
    assert bills["household-3.example"].total_e4 == 186_240 - 700
    assert bills["household-3.example"].amount_e4(BillKind.FLEXIBILITY) == -700
    power["pv-field"] = np.roll(power["pv-field"], 96)
    other = bills_of(SITE, DAYS, {name: (watts, watts) for name, watts in power.items()}, [], DOMAINS)
    first, second = bills["pv-field.example"].total_e4, other["pv-field.example"].total_e4
    assert first < 0
    assert second < 0
    assert first != second
    assert all(
        bill.total_e4 == 0 for name, bill in other.items() if name not in ("household-3.example", "pv-field.example")
    )
