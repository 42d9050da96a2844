"""Contracts say all that is wrong with them at once, and allow exactly what was agreed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from market.assets.publication import AssetPublication, AssetRegister
from market.contracts.activations import Activation, Activations
from market.contracts.contract import CountedPer, FlexElement, checked
from market.contracts.templates import TEMPLATES, from_template

BATTERY = FlexElement("bess", "battery", 250_000, -250_000)
CONTRACT = from_template(
    "plant-daily", contract_id="c-1", buyer="agr.example", seller="plant.example", start_date=date(2026, 5, 1),
    end_date=date(2026, 9, 30), timezone="Europe/Vienna", flex_elements=(BATTERY,), days_of_week=(1, 2, 3, 4, 5),
    start_minute=360, end_minute=1320, max_activations=2, max_runtime_isps=4, recovery_isps=2,
)  # fmt: skip
WEDNESDAY = datetime(2026, 5, 20, 8, tzinfo=UTC)  # 10:00 in Vienna
ISP = timedelta(minutes=15)


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_every_template_makes_a_sound_contract(name: str) -> None:
    """A template with parties, dates and elements filled in has no faults and travels."""
    contract = from_template(
        name, contract_id="c", buyer="a", seller="b", start_date=date(2026, 1, 1), end_date=date(2026, 12, 31),
        timezone="Europe/Madrid", flex_elements=(BATTERY,),
    )  # fmt: skip
    assert contract.faults == ()
    assert decode(encode(contract)) == contract


def test_all_faults_are_named_at_once() -> None:
    """Each broken field is in the one sentence, with its value."""
    broken = replace(
        CONTRACT, contract_id="", seller="agr.example", end_date=date(2026, 4, 1), days_of_week=(3, 1), start_minute=7,
        end_minute=2000, timezone="Nowhere", flex_elements=(), amount_up_w=-1, amount_down_w=5, max_activations=0,
        max_runtime_isps=0, recovery_isps=-1, penalty_e4_per_kwh=-1,
        capacity_price_e4_per_kw_day=-1, volume_price_e4_per_kwh=-1, currency="euro",
    )  # fmt: skip
    found = "\n".join(broken.faults)
    for name in (
        "contract_id", "seller", "end_date", "days_of_week", "start_minute", "end_minute", "timezone", "flex_elements",
        "amount_up_w", "amount_down_w", "max_activations", "max_runtime_isps", "recovery_isps", "penalty_e4_per_kwh",
        "capacity_price_e4_per_kw_day", "volume_price_e4_per_kwh", "currency",
    ):  # fmt: skip
        assert f"{name}:" in found
    with pytest.raises(BadInput, match="penalty_e4_per_kwh: -1; expected 0 or more"):
        checked(broken)
    with pytest.raises(BadInput, match="isp_minutes: 7"):
        checked(replace(CONTRACT, isp_minutes=7))
    with pytest.raises(BadInput, match="expected one of household-daily"):
        from_template("none", contract_id="c", buyer="a", seller="b", start_date=date(2026, 1, 1),
                      end_date=date(2026, 1, 1), timezone="UTC", flex_elements=(BATTERY,))  # fmt: skip


def isps(start: datetime, count: int) -> list[datetime]:
    """`count` ISP starts from `start` on."""
    return [start + k * ISP for k in range(count)]


@pytest.mark.parametrize(
    ("start", "count", "reason"),
    [
        (WEDNESDAY, 4, None),
        (WEDNESDAY, 5, "runtime: 5 ISPs from 2026-05-20 10:00; at most 4"),
        (WEDNESDAY + timedelta(days=3), 1, "day of week: Saturday"),
        (datetime(2026, 5, 20, 3, tzinfo=UTC), 1, "hours of day: 05:00 is outside 06:00..22:00"),
        (datetime(2026, 5, 20, 19, 45, tzinfo=UTC), 2, "hours of day: 22:00"),
        (datetime(2026, 4, 22, 8, tzinfo=UTC), 1, "date: 2026-04-22"),
        (WEDNESDAY + timedelta(minutes=5), 1, "ISP: 10:05:00"),
    ],
)
def test_days_hours_and_runtime(start: datetime, count: int, reason: str | None) -> None:
    """Only covered days and hours, local time, no longer than agreed."""
    found = Activations(CONTRACT).allowed((), isps(start, count))
    assert found is None if reason is None else reason in str(found)


def test_recovery_and_number_of_activations() -> None:
    """The pause is kept before and after; touching activations are one; the maximum is per day or per term."""
    rules = Activations(CONTRACT)
    first = rules.runs(isps(WEDNESDAY, 2))
    assert first == (Activation(WEDNESDAY, WEDNESDAY + 2 * ISP),)
    assert rules.allowed(first, isps(WEDNESDAY + 2 * ISP, 2)) is None  # prolongs it
    assert "runtime: 5" in str(rules.allowed(first, isps(WEDNESDAY + 2 * ISP, 3)))
    assert "recovery: 1 ISPs" in str(rules.allowed(first, isps(WEDNESDAY + 3 * ISP, 1)))
    assert "recovery: 1 ISPs" in str(rules.allowed(first, isps(WEDNESDAY - 2 * ISP, 1)))
    second = (*first, *rules.runs(isps(WEDNESDAY + 4 * ISP, 1)))
    assert rules.allowed(first, isps(WEDNESDAY + 4 * ISP, 1)) is None
    assert rules.allowed(second, isps(WEDNESDAY + 10 * ISP, 1)) == "activations: 3 on 2026-05-20; at most 2"
    assert rules.allowed(second, isps(WEDNESDAY + timedelta(days=1), 1)) is None
    term = Activations(replace(CONTRACT, counted_per=CountedPer.TERM))
    assert "3 in the term" in str(term.allowed(second, isps(WEDNESDAY + timedelta(days=1), 1)))


def test_assets_are_published_and_renewed_by_their_owner_only() -> None:
    """The register is a value, keeps names unique and owners apart, and gives flex elements for contracts."""
    asset = AssetPublication("bess", "battery", "care.example", "AT001", "ea1.2026-01.example:mv", 250_000, -250_000)
    register = AssetRegister().published([asset])
    assert dict(register.assets) == {"bess": asset}
    assert asset.element == FlexElement("bess", "battery", 500_000, -500_000, volume_price_e4_per_kwh=0)
    pv = replace(asset, name="pv", max_consumption_w=0, can_decrease=False)
    assert pv.element == FlexElement("pv", "battery", 250_000, 0, volume_price_e4_per_kwh=0)
    with pytest.raises(BadInput, match=r"already published by care\.example"):
        register.published([replace(asset, owner="eve.example")])
    renewed = register.published([replace(asset, max_consumption_w=100_000), pv])
    assert list(renewed.assets) == ["bess", "pv"]
    assert renewed.assets["bess"].max_consumption_w == 100_000
    with pytest.raises(BadInput, match="ratings"):
        replace(asset, max_generation_w=5)
    assert dict(register.assets) == {"bess": asset}  # a refused or later publication leaves it as it was
    assert decode(encode(asset)) == asset
