"""What `iles bench market` settles is a real month: the planted watt-hour is found, and nothing else differs."""

from __future__ import annotations

from dataclasses import replace

from experiments.bench.settlement import differing, district_of, measure, settle_month


def test_a_planted_watt_hour_is_found_and_nothing_else() -> None:
    """The measurement itself refuses to report when the two sums differ anywhere but where one watt-hour was planted."""
    found = measure(30, 12, lambda _: None)
    assert found["settlement"]["invoices"] == 30


def test_one_watt_in_any_interval_of_the_month_is_found() -> None:
    """With or without an order there: a party's energy of the day differs, and so does the other's copy."""
    district = district_of(20, 8, seed=3)
    for member, isp in ((0, 0), (7, 300), (19, 8 * 96 - 1)):
        power = district.meters.power_w.copy()
        power[member, int(district.meters.days.offsets[district.first_day]) + isp] += 1
        other = replace(district, meters=replace(district.meters, power_w=power))
        found = differing(district, settle_month(district), settle_month(other))
        assert (member, district.first_day + isp // 96) in {(one.party, one.day) for one in found}


def test_no_money_is_made_on_the_way_down() -> None:
    """What an aggregator takes of its members' penalties is never more than it is fined itself."""
    district = district_of(40, 8, seed=5)
    settled = settle_month(district)
    assert 0 < settled.members.penalty_e4.sum() <= settled.portfolios.penalty_e4.sum()
    assert all(invoice.volume_wh >= 0 for invoice in settled.invoices)
