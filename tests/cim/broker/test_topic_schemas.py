"""What messages must look like, on the way in and on the way out; no server is needed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import encode
from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from cim.platform.broker.channel import sequence_of
from cim.platform.broker.consumer import id_at
from cim.platform.broker.schemas import READINGS, micros, publication_message, readings_message, site_topics
from cim.platform.broker.topic import LARGEST, Topic
from cim.platform.columns import publication_of, row_of
from cim.platform.publications.families import FAMILIES
from cim.platform.publications.measured import DeviceLost
from tests.worlds.broker import FIRST, Plainly, block

TOPICS = site_topics()


def test_there_is_a_topic_for_readings_and_for_each_family() -> None:
    """Whatever agents publish has a topic."""
    assert set(TOPICS) == {READINGS, *FAMILIES}


@given(
    st.lists(
        st.builds(
            Reading,
            st.text("abc.:-1", min_size=1),
            st.sampled_from(Kind),
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(0, 10**15).map(lambda us: FIRST + timedelta(microseconds=us)),
            st.sampled_from(Quality),
        ),
        max_size=20,
    )
)
def test_a_block_comes_back_as_it_was(readings: list[Reading]) -> None:
    """Values, instants to the microsecond and qualities survive the way over the wire."""
    topic = TOPICS[READINGS]
    sent = readings_message(readings, {}, FIRST)
    back = topic.unpack(topic.pack(sent))
    assert {name: list(v) if isinstance(v, tuple) else v for name, v in back.items()} == dict(sent)
    assert list(back["at_us"]) == [micros(one.at) for one in readings]  # type: ignore[arg-type]


def test_a_reading_belongs_to_its_connection() -> None:
    """By the site's own list, else by the name before the last dot, else it is a connection's own meter."""
    rows = [Reading(name, Kind.POWER, 1, FIRST) for name in ("a.heat.pump", "a.battery", "main")]
    assert readings_message(rows, {"a.heat.pump": "a"}, FIRST)["usage_point"] == ["a", "a", "main"]


def test_a_publication_comes_back_as_it_was() -> None:
    """The row that is read makes the publication that was told."""
    told = DeviceLost(FIRST, "home-1.battery", "no answer")
    name, message = publication_message(7, "home-1", told)
    back = TOPICS[name].unpack(TOPICS[name].pack(message))
    assert publication_of(DeviceLost, back["told"]) == told  # type: ignore[arg-type]
    assert (back["number"], back["agent"]) == (7, "home-1")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("kind", ["power"], "kind 'power'; expected one of available_w"),
        ("quality", ["FINE"], "quality 'FINE'; expected one of"),
        ("value", [float("nan")], "expected finite numbers"),
        ("value", ["7"], "value: a value of type str; expected float"),
        ("value", [True], "value: a value of type bool"),
        ("value", 7.0, "value: expected a list"),
        ("at_us", [0], "not between 1970 and 2200"),
        ("at_us", [10**17], "not between 1970 and 2200"),
        ("meter", [""], "meter ''; expected a name"),
        ("usage_point", [], "columns of different lengths"),
        ("recorded_us", 1.5, "recorded_us 1.5; expected microseconds"),
        ("more", 1, "field 'more' is unknown"),
    ],
)
def test_a_block_that_breaks_the_schema_is_refused_both_ways(field: str, value: object, words: str) -> None:
    """One sentence with topic, field and value, for who sends as for who reads."""
    wrong = dict(block(1, rows=1)) | {field: value}
    with pytest.raises(BadInput, match=f"topic readings: .*{words}"):
        TOPICS[READINGS].pack(wrong)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=f"topic readings: .*{words}"):
        TOPICS[READINGS].unpack(encode(wrong))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number": 0}, "number 0; expected a whole number"),
        ({"agent": ""}, "agent ''; expected a name"),
        ({"told": {"device": "x", "reason": "y"}}, "told.at"),
        ({"told": {"at": "soon", "device": "x", "reason": "y"}}, "told.at 'soon'"),
        ({"told": {"at": FIRST.replace(tzinfo=None), "device": "x", "reason": "y"}}, "expected an instant in UTC"),
        ({"told": 5}, "told 5"),
    ],
)
def test_a_publication_that_breaks_its_schema_is_refused(change: dict[str, object], words: str) -> None:
    """The family's own fields are the schema."""
    good = {"number": 1, "agent": "a", "told": row_of(DeviceLost(FIRST, "d", "r"))}
    with pytest.raises(BadInput, match=words):
        TOPICS["device_lost"].pack(good | change)  # type: ignore[arg-type]


@given(st.binary(max_size=80))
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    """Whatever comes: a sentence, never another error."""
    with pytest.raises(BadInput):
        TOPICS[READINGS].unpack(data)


def test_a_message_that_is_too_large_is_refused() -> None:
    """So a topic's bound in bytes bounds what a reader must hold."""
    with pytest.raises(BadInput, match="bytes; expected at most"):
        Topic("t", Plainly(), LARGEST * 2, 0).pack({"n": 1, "more": b"x" * LARGEST})


@pytest.mark.parametrize("name", ["", "a b", "{x}", "1st", "x" * 65])
def test_a_topic_needs_a_plain_name(name: str) -> None:
    """Names stand in keys, paths and MQTT topics."""
    with pytest.raises(BadInput, match="expected a letter"):
        Topic(name, Plainly())


def test_ids_are_numbers_in_order() -> None:
    """An instant's id stands before all ids of that instant and behind all of the one before."""
    at = FIRST + timedelta(milliseconds=5)
    ms = micros(at) // 1000
    assert sequence_of(f"{ms}-0") < sequence_of(f"{ms}-1") < sequence_of(f"{ms + 1}-0")
    assert id_at(at).startswith(f"{ms - 1}-")


@pytest.mark.parametrize("text", ["", "5", "a-1", "1-b", "-1-2", "1-99999999999", "1" * 14 + "-0"])
def test_what_is_no_id_is_refused(text: str) -> None:
    """Ids come from outside, by an address's parameter."""
    with pytest.raises(BadInput, match="expected MILLISECONDS-NUMBER"):
        sequence_of(text)
