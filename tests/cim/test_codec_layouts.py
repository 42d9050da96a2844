"""What was kept by one program is read by the next one: dataclasses by the names of their fields."""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from cim.codec import codec
from cim.codec.codec import decode, encode, wire
from cim.codec.layouts import as_written_now, layouts_of
from cim.model.errors import BadInput


@wire("test.layouts.Outer")
@dataclass(frozen=True)
class Outer:
    """Holds others, also as keys and values of a dict."""

    things: tuple[Any, ...]
    by_key: dict[Any, Any]


@wire("test.layouts.Key")
class Key(NamedTuple):
    """A key of a dict."""

    point: str
    day: int


def registered(monkeypatch: pytest.MonkeyPatch, tag: str, *fields: Any) -> Any:
    """The class that is known under a tag from now on."""
    monkeypatch.delitem(codec._by_tag, tag, raising=False)
    codec.dataclass_of.cache_clear()
    return wire(tag)(make_dataclass("Thing", fields, frozen=True))


def read(data: bytes, layouts: Any) -> Any:
    """The value as a later program has it."""
    return decode(as_written_now(data, layouts))


def test_fields_are_found_by_name_wherever_the_value_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is gone, one is new, the order is another: in tuples, dicts and nested values; arrays stay what they are."""
    thing = registered(monkeypatch, "test.layouts.Thing", "old", "kept", "values")
    value = Outer((thing(1, 2, np.arange(3.0)),), {Key("a", 1): thing(3, 4, None), "b": (thing(5, 6, ()),)})
    data = encode(value)
    layouts = layouts_of(data)
    assert [tag for tag, _ in layouts] == ["test.layouts.Key", "test.layouts.Outer", "test.layouts.Thing"]
    assert dict(layouts)["test.layouts.Thing"] == ("old", "kept", "values")
    later = registered(monkeypatch, "test.layouts.Thing", ("values", Any), ("kept", int), ("new", str, "default"))
    found = read(data, layouts)
    assert isinstance(found.things[0], later)
    assert found.things[0].values.tolist() == [0, 1, 2]
    assert found.by_key == {Key("a", 1): later(None, 4), "b": (later((), 6),)}
    assert found.things[0].new == "default"


def test_what_has_not_changed_is_not_touched() -> None:
    """The very same bytes."""
    data = encode(Outer((1, "two"), {Key("a", 1): 3.0}))
    assert as_written_now(data, layouts_of(data)) is data


def test_what_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new field without a default, or a type that is gone."""
    thing = registered(monkeypatch, "test.layouts.Thing", "kept")
    data = encode(Outer((thing(1),), {}))
    layouts = layouts_of(data)
    registered(monkeypatch, "test.layouts.Thing", "kept", "required")
    with pytest.raises(BadInput, match="required"):
        read(data, layouts)
    monkeypatch.delitem(codec._by_tag, "test.layouts.Thing")
    codec.dataclass_of.cache_clear()
    with pytest.raises(BadInput, match=r"test\.layouts\.Thing"):
        read(data, layouts)


def test_plain_data_has_no_layouts() -> None:
    """Numbers, texts and tuples of them."""
    assert layouts_of(encode((1, "a", (2.0, None), {"k": b"v"}))) == ()
