"""Each thing that can be wrong with a contract is found by itself, in one sentence, and nothing else is."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from market.contracts.contract import ActivationPriceKind, CountedPer, FlexContract, FlexElement, checked

ELEMENTS = (FlexElement("bess", "battery", 5000, -4000), FlexElement("pv", "PV", 2000, 0))
SOUND = FlexContract(
    contract_id="c-1", buyer="agr.example", seller="house.example", start_date=date(2026, 5, 1), end_date=date(2026, 5, 31),
    days_of_week=(1, 2, 3, 4, 5), start_minute=360, end_minute=1320, timezone="Europe/Vienna", isp_minutes=15,
    flex_elements=ELEMENTS, amount_up_w=7000, amount_down_w=-4000, max_activations=2, max_runtime_isps=8, recovery_isps=4,
    penalty_e4_per_kwh=1000, capacity_price_e4_per_kw_day=200, volume_price_e4_per_kwh=1200,
)  # fmt: skip

# (changed fields, the sentence): USEF's contract parameters, one broken at a time, at the edge where there is one.
BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"contract_id": ""}, "contract_id: ''; expected a name"),
    ({"buyer": ""}, "buyer: ''; expected a name"),
    ({"seller": ""}, "seller: ''; expected a name"),
    ({"seller": "agr.example"}, "seller: 'agr.example'; expected another party than the buyer"),
    ({"end_date": date(2026, 4, 30)}, "end_date: '2026-04-30'; expected 2026-05-01 or later"),
    ({"days_of_week": ()}, "days_of_week: (); expected ascending numbers of 1 (Monday) to 7"),
    ({"days_of_week": (0, 1)}, "days_of_week: (0, 1); expected ascending numbers of 1 (Monday) to 7"),
    ({"days_of_week": (7, 8)}, "days_of_week: (7, 8); expected ascending numbers of 1 (Monday) to 7"),
    ({"days_of_week": (2, 2)}, "days_of_week: (2, 2); expected ascending numbers of 1 (Monday) to 7"),
    ({"days_of_week": (3, 2)}, "days_of_week: (3, 2); expected ascending numbers of 1 (Monday) to 7"),
    ({"isp_minutes": 0}, "isp_minutes: 0; expected a divisor of 60, for example 15"),
    ({"isp_minutes": 45}, "isp_minutes: 45; expected a divisor of 60, for example 15"),
    ({"end_minute": 360}, "end_minute: 360; expected 0 <= start_minute < it <= 1440"),
    ({"end_minute": 1455}, "end_minute: 1455; expected 0 <= start_minute < it <= 1440"),
    ({"start_minute": -15}, "end_minute: 1320; expected 0 <= start_minute < it <= 1440"),
    ({"start_minute": 365}, "start_minute: 365; expected a whole number of ISPs"),
    ({"end_minute": 1319}, "end_minute: 1319; expected a whole number of ISPs"),
    ({"timezone": "Europe/Strem"}, "timezone: 'Europe/Strem'; expected an IANA name, for example Europe/Vienna"),
    ({"timezone": "../etc/passwd"}, "timezone: '../etc/passwd'; expected an IANA name, for example Europe/Vienna"),
    (
        {"flex_elements": (*ELEMENTS, ELEMENTS[0])},
        "flex_elements: ['bess', 'pv', 'bess']; expected at least one, each named once",
    ),
    (
        {"flex_elements": (*ELEMENTS, FlexElement("chp", "CHP", -1, 0)), "amount_up_w": 6999},
        "flex_elements: ['bess', 'pv', 'chp']; expected max_increase_w >= 0 and max_decrease_w <= 0 for each",
    ),
    ({"amount_up_w": 7001}, "amount_up_w: 7001; expected 0..7000, what the flex elements can"),
    ({"amount_up_w": -1}, "amount_up_w: -1; expected 0..7000, what the flex elements can"),
    ({"amount_down_w": -4001}, "amount_down_w: -4001; expected -4000..0, what they can"),
    ({"amount_down_w": 1}, "amount_down_w: 1; expected -4000..0, what they can"),
    ({"amount_up_w": 0, "amount_down_w": 0}, "amount_up_w: 0; expected an amount in one direction at least"),
    ({"max_activations": 0}, "max_activations: 0; expected 1 or more"),
    ({"max_runtime_isps": 0}, "max_runtime_isps: 0; expected 1 or more"),
    ({"recovery_isps": -1}, "recovery_isps: -1; expected 0 or more"),
    ({"version": 0}, "version: 0; expected 1 or more"),
    ({"notice_days": -1}, "notice_days: -1; expected 0 or more"),
    ({"template_version": -1}, "template_version: -1; expected 0 or more"),
    ({"penalty_e4_per_kwh": -1}, "penalty_e4_per_kwh: -1; expected 0 or more"),
    ({"capacity_price_e4_per_kw_day": -1}, "capacity_price_e4_per_kw_day: -1; expected 0 or more"),
    ({"volume_price_e4_per_kwh": -1}, "volume_price_e4_per_kwh: -1; expected 0 or more"),
    ({"reserved": False}, "capacity_price_e4_per_kw_day: 200; expected 0 where nothing is reserved"),
    ({"currency": "eur"}, "currency: 'eur'; expected an ISO 4217 code, for example EUR"),
    ({"currency": "EURO"}, "currency: 'EURO'; expected an ISO 4217 code, for example EUR"),
    ({"currency": "ÉUR"}, "currency: 'ÉUR'; expected an ISO 4217 code, for example EUR"),
]


@pytest.mark.parametrize(("changes", "sentence"), BROKEN, ids=lambda value: value if isinstance(value, str) else "")
def test_one_fault_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    """The broken field alone is named, with its value and what was expected; `checked` raises the same."""
    broken = replace(SOUND, **changes)
    assert broken.faults == (sentence,)
    with pytest.raises(BadInput) as caught:
        checked(broken)
    assert str(caught.value) == f"contract {broken.contract_id}: {sentence}"


def test_every_parameter_is_checked() -> None:
    """No field of a contract is without a case here, but those whose type leaves nothing to check."""
    named = {name for changes, _ in BROKEN for name in changes}
    # The start is held against the end; a template may have any name, or none.
    free = {"start_date", "activation_price", "counted_per", "deficiency_cap", "template"}
    assert named | free == {field.name for field in fields(FlexContract)}


@given(
    up=st.integers(0, 7000), down=st.integers(-4000, 0), days=st.sets(st.integers(1, 7), min_size=1),
    hours=st.tuples(st.integers(0, 95), st.integers(1, 96)), numbers=st.lists(st.integers(0, 10**9), min_size=4, max_size=4),
    limits=st.tuples(st.integers(1, 99), st.integers(1, 99)), kind=st.sampled_from(ActivationPriceKind),
    per=st.sampled_from(CountedPer),
)  # fmt: skip
def test_what_keeps_the_rules_is_sound_and_travels(
    up: int, down: int, days: set[int], hours: tuple[int, int], numbers: list[int], limits: tuple[int, int],
    kind: ActivationPriceKind, per: CountedPer,
) -> None:  # fmt: skip
    """No combination of allowed values is refused, and a contract's bytes give it back."""
    contract = replace(
        SOUND, amount_up_w=up, amount_down_w=down if up or down else -1, days_of_week=tuple(sorted(days)),
        start_minute=min(hours[0], hours[1] - 1) * 15, end_minute=hours[1] * 15, recovery_isps=numbers[0],
        penalty_e4_per_kwh=numbers[1], capacity_price_e4_per_kw_day=numbers[2], volume_price_e4_per_kwh=numbers[3],
        max_activations=limits[0],
        max_runtime_isps=limits[1], activation_price=kind, counted_per=per,
    )  # fmt: skip
    assert contract.faults == ()
    assert checked(contract) is contract
    assert decode(encode(contract)) == contract
    assert contract.encoded == encode(decode(contract.encoded))
