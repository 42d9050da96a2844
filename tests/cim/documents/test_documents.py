"""Documents keep their kind's shape and every version, and no writer overwrites what it has not seen."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.platform.documents.kinds import Body, Kind, checked, fields_of, kind_of
from cim.platform.documents.store import DocumentStore, Note, WrongVersion

AT = datetime(2026, 5, 20, tzinfo=UTC)


def note(hours: int = 0, why: str = "set up") -> Note:
    """Written by the operator, so many hours later."""
    return Note("operator", AT + timedelta(hours=hours), why)


def setting(value: int) -> Body:
    """A configuration's body."""
    return {"about": "retention", "settings": {"days": value}}


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    """An empty store."""
    return DocumentStore(tmp_path / "data" / "documents.sqlite")


def test_every_version_is_kept_with_who_when_and_why(store: DocumentStore) -> None:
    """A document's history is what was written, in order; the newest holds, and as of an instant the one of then."""
    for hour in range(3):
        store.put(Kind.CONFIGURATION, "retention", setting(hour), note(hour, f"reason {hour}"))
    assert [
        (told.version, told.body, told.note) for told in store.history(Kind.CONFIGURATION, "retention")
    ] == [(hour + 1, setting(hour), note(hour, f"reason {hour}")) for hour in range(3)]  # fmt: skip
    newest = store.get(Kind.CONFIGURATION, "retention")
    assert newest is not None
    assert newest.body == setting(2)
    then = store.get(Kind.CONFIGURATION, "retention", AT + timedelta(minutes=90))
    assert then is not None
    assert then.body == setting(1)
    assert store.get(Kind.CONFIGURATION, "retention", AT - timedelta(hours=1)) is None
    assert store.get(Kind.DATASET, "retention") is None


def test_a_writer_that_has_not_seen_the_newest_version_is_refused(store: DocumentStore) -> None:
    """Of two who have read the same version one writes; the other is told, and nothing of it is written."""
    seen = store.put(Kind.CONFIGURATION, "x", setting(1), note(), expected=0)
    store.put(Kind.CONFIGURATION, "x", setting(2), note(1), expected=seen.version)
    with pytest.raises(WrongVersion, match="is at version 2; expected 1, read it again"):
        store.put(Kind.CONFIGURATION, "x", setting(3), note(2), expected=seen.version)
    with pytest.raises(WrongVersion, match="is at version 2; expected 0"):
        store.put(Kind.CONFIGURATION, "x", setting(2), note(2), expected=0)
    assert len(store.history(Kind.CONFIGURATION, "x")) == 2


def test_the_same_again_is_no_new_version(store: DocumentStore) -> None:
    """Writing what holds already changes nothing, not even the note."""
    store.put(Kind.CONFIGURATION, "x", setting(1), note())
    assert store.put(Kind.CONFIGURATION, "x", setting(1), note(5)).note == note()
    assert store.put_all([(Kind.CONFIGURATION, "x", setting(1)), (Kind.CONFIGURATION, "y", setting(1))], note(6)) == 1


def test_what_is_erased_leaves_nothing_of_any_version(store: DocumentStore, tmp_path: Path) -> None:
    """Its history goes, too, and its words from the files; others stay; the same again removes nothing."""
    for hour in range(3):
        store.put(Kind.CONFIGURATION, "hers", {"about": f"secret-{hour}", "settings": {}}, note(hour))
    store.put(Kind.CONFIGURATION, "his", setting(1), note())
    assert store.erase(Kind.CONFIGURATION, ["hers", "hers", "nobody's"]) == 1
    assert store.history(Kind.CONFIGURATION, "hers") == []
    assert [one.key for one in store.all(Kind.CONFIGURATION)] == ["his"]
    assert b"secret-" not in b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert store.erase(Kind.CONFIGURATION, ["hers"]) == 0


def test_what_is_withdrawn_is_gone_but_for_its_history(store: DocumentStore) -> None:
    """A withdrawn document is not found, was there before, and can come again."""
    store.put(Kind.CONFIGURATION, "x", setting(1), note())
    store.withdraw(Kind.CONFIGURATION, "x", note(1, "not needed"), expected=1)
    assert store.get(Kind.CONFIGURATION, "x") is None
    assert store.all(Kind.CONFIGURATION) == []
    assert [told.key for told in store.all(Kind.CONFIGURATION, AT)] == ["x"]
    assert [told.body for told in store.history(Kind.CONFIGURATION, "x")] == [setting(1), None]
    with pytest.raises(BadInput, match="is not there; expected one to withdraw"):
        store.withdraw(Kind.CONFIGURATION, "x", note(2))
    assert store.put(Kind.CONFIGURATION, "x", setting(1), note(3)).version == 3


@pytest.mark.parametrize(
    ("kind", "body", "sentence"),
    [
        (Kind.CONFIGURATION, {"about": "x"}, "settings is .*; Field required"),
        (Kind.CONFIGURATION, {"about": "", "settings": {}}, "about is ''; String should have at least 1 character"),
        (Kind.CONFIGURATION, {"about": "x", "settings": {}, "more": 1}, "field 'more' is unknown; expected about, settings"),
        (Kind.ASSET, {"name": "pv"}, "kind is .*; Field required"),
        (Kind.USAGE_POINT, {"usage_point": 3, "aggregator": "", "congestion_point": "", "kind": "", "place": ""}, "is '3'"),
    ],
)  # fmt: skip
def test_another_shape_is_refused_by_its_field(store: DocumentStore, kind: Kind, body: Body, sentence: str) -> None:
    """A body of another shape is one sentence with the field, and is not written, nor is what was to be written with it."""
    good = (Kind.CONFIGURATION, "good", setting(1))
    with pytest.raises(BadInput, match=sentence):
        store.put_all([good, (kind, "bad", body)], note())
    assert store.all(Kind.CONFIGURATION) == []


@pytest.mark.parametrize(
    ("key", "wrong", "sentence"),
    [
        ("", note(), "expected a key, who and why"),
        ("x", note(why=""), "expected a key, who and why"),
        ("x", Note("operator", AT.replace(tzinfo=None), "why"), "has no time zone"),
        ("there", note(-1), "expected not before its version 1"),
    ],
)
def test_a_version_says_by_whom_when_and_why(store: DocumentStore, key: str, wrong: Note, sentence: str) -> None:
    """Without an author, a reason or an instant there is no version; nor one before the last."""
    store.put(Kind.CONFIGURATION, "there", setting(1), note())
    with pytest.raises(BadInput, match=sentence):
        store.put(Kind.CONFIGURATION, key, setting(2), wrong)
    assert len(store.all(Kind.CONFIGURATION)) == 1


def test_a_store_is_found_again_and_read_beside_its_writer(store: DocumentStore, tmp_path: Path) -> None:
    """Another process reads what was written; one that is not there, or no store, is one sentence."""
    path = tmp_path / "data" / "documents.sqlite"
    store.put(Kind.CONFIGURATION, "x", setting(1), note())
    reader = DocumentStore(path, read_only=True)
    assert [told.key for told in reader.all(Kind.CONFIGURATION)] == ["x"]
    reader.close()
    with pytest.raises(BadInput, match="is not there"):
        DocumentStore(tmp_path / "nothing", read_only=True)
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(BadInput, match="cannot be read"):
        DocumentStore(tmp_path / "text")


def test_kinds_are_known_by_name() -> None:
    """A kind that is none is refused with those that are."""
    assert kind_of("asset") is Kind.ASSET
    assert "congestion_point" in fields_of(Kind.ASSET)
    with pytest.raises(BadInput, match="expected one of asset, contract, configuration, dataset, usage_point"):
        kind_of("letter")


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(), plain, max_size=4))
def test_any_json_is_kept_as_it_is(value: Body) -> None:
    """A configuration's settings are whatever JSON they are."""
    import json

    body: Body = {"about": "x", "settings": value}
    assert json.loads(checked(Kind.CONFIGURATION, body)) == body


def test_a_store_appears_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads beside its maker finds no store or one with its table; nothing else is left in the folder."""
    link, path = os.link, tmp_path / "documents.sqlite"

    def watched(made: Path, place: Path) -> None:
        assert not path.exists()
        DocumentStore(made, read_only=True).close()
        link(made, place)

    monkeypatch.setattr("cim.platform.documents.store.os.link", watched)
    DocumentStore(path).close()
    assert list(tmp_path.iterdir()) == [path]
