"""The messages against the standard: every attribute of Shapeshifter 3.1.0 has its field, with its default or none."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market import uftp

FOLDER = Path(__file__).parents[2] / "golden" / "uftp"
STANDARD: dict[str, list[str]] = json.loads((FOLDER / "attributes.json").read_text(encoding="utf-8"))
OURS: dict[str, Any] = {
    "PayloadMessage": uftp.Header, "D-Prognosis": uftp.DPrognosis, "D-PrognosisResponse": uftp.DPrognosisResponse,
    "FlexRequestISP": uftp.RequestIsp, "FlexOfferOption": uftp.OfferOption, "ISP": uftp.IspPower,
    "FlexOrderSettlementISP": uftp.SettlementIsp, "ContractSettlementISP": uftp.ContractSettlementIsp,
}  # fmt: skip
FIELD = {  # attribute or child element of the standard: field here, where it is not the same name in small letters
    "ISP-Duration": "isp_minutes", "TimeZone": "timezone", "ExpirationDateTime": "expiration", "ISP": "isps",
    "Profile": "profiles", "OfferOption": "options", "FlexOrderSettlement": "order_settlements",
    "ContractSettlement": "contract_settlements", "FlexOrderStatus": "flex_order_statuses",
    "FlexOrderSettlementStatus": "statuses", "MinActivationFactor": "min_activation_factor_pct",
    "ActivationFactor": "activation_factor_pct",
}  # fmt: skip
WRITTEN_OTHERWISE = {  # one element unrolled: a value for each ISP of the day
    ("D-Prognosis", "ISP"): "power_w", ("MeteringProfile", "ISP"): "values", ("ContractSettlement", "Period"): "period",
}  # fmt: skip
# ILES calculates in watts everywhere, so no message names a unit; its one service is congestion management.
LEFT_OUT = {
    "D-Prognosis Unit", "FlexRequest Unit", "FlexOffer Unit", "FlexOrder Unit", "FlexSettlement Unit",
    "FlexReservationUpdate Unit", "FlexReservationUpdate ServiceType", "FlexOffer ServiceType", "FlexOrder ServiceType",
}  # fmt: skip
ADDED = {
    "FlexOffer unsolicited", "FlexOrder unsolicited", "FlexSettlement revision", "FlexSettlement sums", "ContractSettlement isps",
    "FlexOrderSettlementISP counted_power_w",
}  # fmt: skip
# Required on the wire, yet with a default here; an order without an offer is one that nobody solicited.
HAVE_DEFAULTS = {"isp_minutes", "version", "flex_offer_message_id"}


def snake(name: str) -> str:
    """`D-PrognosisMessageID` as `d_prognosis_message_id`; a power is told in watts."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("D-P", "DP").replace("DP", "D_P")).lower()
    return words + "_w" if words.endswith("power") or words == "power_deficiency" else words


def field_of(message: str, attribute: str) -> str:
    """The field in which a message keeps an attribute."""
    return WRITTEN_OTHERWISE.get((message, attribute)) or FIELD.get(attribute) or snake(attribute)


@pytest.mark.parametrize("message", list(STANDARD))
def test_every_attribute_of_the_standard_has_its_field(message: str) -> None:
    """None is missing but those that are optional and named above; required ones cannot be left out, defaults are equal."""
    kind = OURS.get(message) or vars(uftp)[message]
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for entry in STANDARD[message]:
        attribute = re.split(r"[!+*=]", entry)[0]
        name = field_of(message, attribute)
        if f"{message} {attribute}" in LEFT_OUT:
            assert attribute == entry  # optional
            assert name not in fields
            continue
        assert name in fields, f"{message}.{attribute}"
        default = fields[name].default
        if entry.endswith("!") and name not in HAVE_DEFAULTS:
            assert default is dataclasses.MISSING, f"{message}.{attribute} is required"
        elif "=" in entry and default is not dataclasses.MISSING:
            value = float(entry.partition("=")[2])
            assert default == (value * 100 if name.endswith("_pct") else value)
        elif attribute == entry and default is not dataclasses.MISSING:
            assert default is None, f"{message}.{attribute} is optional"


@pytest.mark.parametrize("message", list(STANDARD))
def test_no_field_is_without_an_attribute(message: str) -> None:
    """What a message says beyond the standard is on the list above, so that nothing is added unawares."""
    kind = OURS.get(message) or vars(uftp)[message]
    known = {field_of(message, re.split(r"[!+*=]", entry)[0]) for entry in STANDARD[message]} | {"header"}
    added = {f"{message} {field.name}" for field in dataclasses.fields(kind) if field.name not in known}
    assert added <= ADDED


def test_what_is_left_out_or_added_is_up_to_date() -> None:
    """Each exception above is one: an attribute of the standard, or a field that exists."""
    assert {f"{m} {re.split(r'[!+*=]', e)[0]}" for m, rows in STANDARD.items() for e in rows} >= LEFT_OUT
    for entry in ADDED:
        message, name = entry.split()
        assert name in {field.name for field in dataclasses.fields(OURS.get(message) or vars(uftp)[message])}


RESPONSES = sorted((k for n, k in vars(uftp).items() if n.endswith("Response")), key=lambda kind: str(kind.__name__))


@pytest.mark.parametrize("kind", RESPONSES, ids=lambda kind: kind.__name__)
def test_a_response_refers_to_what_it_answers(kind: Any) -> None:
    """PayloadMessageResponse: the answered message's id under its name, Result, and RejectionReason, which is optional."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if kind is uftp.TestMessageResponse:  # it refers to its message by the conversation alone
        assert list(fields) == ["header", "result", "rejection_reason"]
        return
    assert snake(kind.__name__.removesuffix("Response")) + "_message_id" in fields
    assert get_type_hints(kind)["result"] is uftp.Result
    assert fields["rejection_reason"].default is None


def test_the_standards_words_are_ours() -> None:
    """AcceptedRejectedType, AvailableRequestedType, AcceptedDisputedType and the version, letter by letter."""
    assert [word.value for word in uftp.Result] == ["Accepted", "Rejected"]
    assert [word.value for word in uftp.Disposition] == ["Available", "Requested"]
    assert [word.value for word in uftp.AcceptedDisputed] == ["Accepted", "Disputed"]
    assert uftp.Header("a.example", "b.example", datetime(2026, 1, 1, tzinfo=UTC), "m", "c").version == "3.1.0"


@pytest.mark.parametrize("factor", range(1, 101))
def test_every_activation_factor_is_taken_and_rounds_each_value_half_to_even(factor: int) -> None:
    """0.01 to 1.00 in steps of 0.01 (ActivationFactorType): of 0 to 200 W, each value nearest, ties to the even one."""
    option = uftp.OfferOption("o", 150, tuple(uftp.IspPower(w + 1, w) for w in range(201)), factor)
    price, rows = option.activated(factor)
    for watts, row in enumerate(rows):
        below, rest = divmod(watts * factor, 100)
        nearest = below + (rest > 50 or (rest == 50 and below % 2 == 1))
        assert row == uftp.IspPower(watts + 1, nearest)
    assert abs(100 * price - 150 * factor) <= 50
    order = uftp.FlexOrder(header(), date(2026, 1, 1), "ean.0", "r", price, "EUR", rows, "Europe/Vienna",
                           activation_factor_pct=factor)  # fmt: skip
    assert order.activation_factor_pct == option.min_activation_factor_pct == factor


def header() -> uftp.Header:
    """Of any message."""
    return uftp.Header("dso.example", "agr.example", datetime(2026, 1, 1, tzinfo=UTC), "m", "c")


DAYS = [(date(2026, 3, 29), 92), (date(2026, 5, 20), 96), (date(2026, 10, 25), 100)]


@pytest.mark.parametrize(("day", "count"), DAYS)
def test_the_last_isp_of_the_day_is_the_last_that_may_be_named(day: date, count: int) -> None:
    """On days of 92, 96 and 100 ISPs: the whole day, its last ISP and spans that meet are fine, one more is not."""
    isps = LocalDay(day, "Europe/Vienna").count
    assert isps == count
    for spans in ([(1, count)], [(count, 1)], [(1, 40), (41, count - 40)], [(k, 1) for k in range(count, 0, -1)]):
        assert uftp.fault_of_isps(spans, isps) is None
    for spans in ([(1, count + 1)], [(count + 1, 1)], [(count, 2)], [(41, count - 40), (1, 41)]):
        assert uftp.fault_of_isps(spans, isps) is not None


@given(cuts=st.sets(st.integers(2, 100), max_size=8), place=st.integers(1, 100), shuffle=st.randoms())
def test_a_day_cut_anywhere_has_no_fault_until_one_isp_is_named_again(
    cuts: set[int], place: int, shuffle: Random
) -> None:
    """Spans that cover a day of 100 ISPs are sound in any order; with any one ISP once more that ISP's span is told."""
    starts = [1, *sorted(cuts), 101]
    spans = [(one, two - one) for one, two in pairwise(starts)]
    shuffle.shuffle(spans)
    assert uftp.fault_of_isps(spans, 100) is None
    fault = uftp.fault_of_isps([*spans, (place, 1)], 100)
    assert fault is not None
    assert fault.endswith("is covered twice; expected spans that do not overlap")


@given(low=st.integers(-10_000, 10_000), high=st.integers(-10_000, 10_000))
def test_a_requests_range_is_taken_exactly_when_it_is_one(low: int, high: int) -> None:
    """MinPower up to MaxPower, of either sign, and nothing else."""
    if low <= high:
        isp = uftp.RequestIsp(1, uftp.Disposition.AVAILABLE, low, high)
        assert (isp.min_power_w, isp.max_power_w, isp.duration) == (low, high, 1)
        return
    with pytest.raises(BadInput, match=f"ISP 1: MinPower {low} W exceeds MaxPower {high} W"):
        uftp.RequestIsp(1, uftp.Disposition.AVAILABLE, low, high)
