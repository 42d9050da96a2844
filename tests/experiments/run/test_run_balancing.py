"""A whole day at El Realengo on which a TSO buys balancing energy; its payments are found again from ledger and meter alone."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from cim.codec.codec import decode
from cim.model.readings import Kind
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.balancing import BalancingCleared
from cim.platform.publications.grid import MicrogridEnvelope
from cim.platform.store import values
from environment import sites
from environment.sites import load_site
from environment.sites.schema import Site
from experiments.run.columns.column import column_of
from experiments.run.run import RunResult
from market.ledger.reader import LedgerReader
from market.settlement.payments import balance
from tests.worlds.market_days import head_and_money, market_day

SITE = load_site("el_realengo")
_CORNER = ("cooperative", *(f"home-{number:02d}" for number in (2, 3, 5, 10, 17, 22, 47, 52)))


class Day:
    """What the day left behind."""

    def __init__(self, folder: Path) -> None:
        raw = yaml.safe_load((Path(sites.__file__).parent / "el_realengo.yaml").read_text(encoding="utf-8"))
        raw["prosumers"] = [prosumer for prosumer in raw["prosumers"] if prosumer["name"] in _CORNER]
        raw["community"]["members"] = [m for m in raw["community"]["members"] if m["prosumer"] in _CORNER]
        raw["balancing"]["system"]["premium_per_mwh_and_mw"]["value"] = 1.0  # others are dear: the site is called often
        (folder / "corner.yaml").write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
        self.out, self.store = folder / "out", MemoryStore(keep_readings=frozenset({"village.meter"}))
        self.result: RunResult = market_day(folder / "corner.yaml", self.out, self.store, scenario="market")
        with LedgerReader(self.out / "ledger.db") as reader:
            self.records = [(record.kind, decode(record.body)) for record in reader.records() if not record.is_erased]

    def bodies(self, kind: str) -> list[Any]:
        """What records of a kind say."""
        return [body for known, body in self.records if known == kind]

    @property
    def site(self) -> Site:
        """The corner."""
        return self.result.site

    def metered_w(self, isp: int) -> float:
        """Mean power at the site's connection in an ISP, by the counters at its ends."""
        day = self.result.site_agents.rules.periods[0]
        ends = day.isp_start(isp), day.isp_start(isp + 1)
        counted = []
        for at in ends:
            shown = {
                r.kind: r.value for r in self.store.readings("village.meter", since=at, until=at + timedelta(seconds=1))
            }
            counted.append(shown[Kind.ENERGY_IMPORT] - shown[Kind.ENERGY_EXPORT])
        return 4 * (counted[1] - counted[0])


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """The plant with its battery and eight homes, on the default day."""
    return Day(tmp_path_factory.mktemp("balancing"))


def test_the_site_is_called_and_mostly_delivers(day: Day) -> None:
    """Five calls at least; of all that was called two thirds came by the meter; the ledger verifies, money sums to 0."""
    sold = column_of(day.result).balancing
    assert sold is not None
    assert sold.calls >= 5
    assert abs(sold.delivered_kw).sum() >= 2 / 3 * abs(sold.called_kw).sum()
    head, money = head_and_money(day.out, day.result)
    assert head
    assert money["sum"] == 0
    assert money[day.site.iles.domain] == 0  # the pool keeps nothing


def test_payments_follow_from_ledger_and_meter_alone(day: Day) -> None:
    """For each call: what the meter moved off the nomination, in its direction, up to what was called, at the recorded premium;
    the rest at the contract's penalty. Summed, it is what the TSO paid and was paid.
    """
    orders, site = day.bodies("balancing-order"), day.site
    assert site.balancing is not None
    (contract,) = [one for one in day.bodies("contract") if one.buyer == site.balancing.domain]
    earned = fined = 0
    for told in orders:
        (row,) = told.order.isps
        sign = 1 if row.power_w > 0 else -1
        moved_w = sign * (round(day.metered_w(row.start)) - told.nomination_w)
        came_w = min(max(moved_w, 0), abs(row.power_w))
        earned += round(Fraction(came_w * told.order.price, abs(row.power_w)))
        fined += round(Fraction((abs(row.power_w) - came_w) * contract.penalty_e4_per_kwh, 4000))
        assert told.order.price == round(Fraction(abs(row.power_w) * told.premium_e4_per_kwh, 4000))
    payments = [one for paid in day.bodies("remuneration") for one in paid]
    between = [one for one in payments if site.balancing.domain in (one.payer, one.payee)]
    assert balance(between) == {
        site.iles.domain: earned - fined,
        site.balancing.domain: fined - earned,
    }


def test_no_bid_is_beyond_the_envelope_that_was_published_before_it(day: Day) -> None:
    """What was offered for a quarter-hour is at most what the newest envelope then said that the whole could move."""
    envelopes = [
        one for one in values(day.store, MicrogridEnvelope) if one.period == day.result.site_agents.rules.first_day
    ]
    assert envelopes
    checked = 0
    for cleared in values(day.store, BalancingCleared):
        known = [one for one in envelopes if one.at < cleared.at]
        if not cleared.offered_w or not known:
            continue
        k, newest = cleared.isp - 1, known[-1]
        room = (
            newest.high_w[k] - newest.expected_w[k] if cleared.needed_w > 0 else newest.expected_w[k] - newest.low_w[k]
        )
        assert cleared.offered_w <= room + 1
        checked += 1
    assert checked >= 20
