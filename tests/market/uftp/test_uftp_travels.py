"""Every UFTP message comes back from its bytes as it went in, and equal messages give equal bytes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from market import uftp

MESSAGES = sorted(
    (kind for kind in vars(uftp).values() if dataclasses.is_dataclass(kind) and "header" in get_type_hints(kind)),
    key=lambda kind: str(kind.__name__),
)

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(max_size=20),
    bool: st.booleans(),
    datetime: st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    date: st.dates(date(1980, 1, 1), date(2200, 1, 1)),
    type(None): st.none(),
}


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this type may have."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if isinstance(hint, UnionType):
        return st.one_of([anything(part) for part in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(anything(get_args(hint)[0]), max_size=3).map(tuple)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    fields = {name: anything(part) for name, part in get_type_hints(hint).items()}
    fields |= {name: st.integers(1, 100) for name in fields if name.endswith("_pct")}
    if hint is uftp.RequestIsp:  # a range: the smaller power first
        low, high = fields["min_power_w"], fields["max_power_w"]
        limits = st.tuples(low, high).map(sorted)
        return st.builds(
            lambda isp, pair: dataclasses.replace(isp, min_power_w=pair[0], max_power_w=pair[1]),
            st.builds(hint, **{**fields, "min_power_w": st.just(0), "max_power_w": st.just(0)}),
            limits,
        )
    return st.builds(hint, **fields)


def test_all_message_kinds_are_looked_at() -> None:
    """The messages that a conversation needs are among those that are tried."""
    names = {kind.__name__ for kind in MESSAGES}
    assert names >= {
        "DPrognosis", "FlexRequest", "FlexOffer", "FlexOfferRevocation", "FlexOrder", "FlexReservationUpdate", "Metering",
        "FlexSettlement", "FlexSettlementResponse", "AgrPortfolioUpdate", "DsoPortfolioUpdate", "TestMessage",
    }  # fmt: skip
    assert len(MESSAGES) >= 24


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_a_message_survives_the_codec(kind: Any, data: st.DataObject) -> None:
    """Whatever is in its fields: decoded it is equal and of its type, and encoded again it gives the same bytes."""
    message = data.draw(anything(kind))
    back = decode(encode(message))
    assert type(back) is kind
    assert back == message
    assert encode(back) == encode(message)
