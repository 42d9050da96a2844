"""What is found by words, fields and time; that it outlives restarts; that nothing of another's shows, not even in a count."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.platform.access.groups import EVERYBODY, groups_between, groups_for, groups_of
from cim.platform.search import index as search_index
from cim.platform.search.document import FACETS, Found, Search, SearchDocument
from cim.platform.search.index import SearchIndex, SearchWriter
from tests.worlds.access import HOMES, book, consent, control, point


def day(number: int) -> datetime:
    """Of May 2026."""
    return datetime(2026, 5, number, tzinfo=UTC)


OF_HOMES = tuple(
    SearchDocument(
        f"dataset/{home}/{device or 'meter'}",
        "dataset",
        f"Active power of {home} {device or 'connection meter'}",
        place="east" if number < 6 else "west",
        device=device or "meter",
        owner=f"owner-{number}",
        quality="GOOD" if number else "STALE",
        usage_point=home,
        groups=groups_for(point(number), device=bool(device), first=day(1 + number), last=day(10 + number)),
        begin=day(1 + number),
        end=day(10 + number),
    )
    for number, home in enumerate(HOMES)
    for device in ("", "battery")
)
DOCUMENTS = (
    *OF_HOMES,
    SearchDocument("query/sums", "query", "Monatssummen gemäß Vertrag", groups=(EVERYBODY,)),
    SearchDocument("contract/c-1", "contract", "Flexibility contract", groups=groups_between("agr-east", "owner-0")),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of the district's documents."""
    with SearchWriter(tmp_path / "search") as writer:
        writer.put(DOCUMENTS)
    return tmp_path / "search"


def find(folder: Path, who: str, asked: Search | None = None) -> Found:
    """What somebody finds."""
    return SearchIndex(folder).search(asked or Search(hits=200), groups_of(book().principal(who)))


def found_names(found: Found) -> set[str]:
    """Of the hits."""
    return {hit.identity for hit in found.hits}


def test_each_finds_what_is_its_own(folder: Path) -> None:
    """Owner and tenant their home, the aggregator its members, the DSO connections, a researcher no home, the operator all."""
    counts = {
        who: find(folder, who).count for who in ("owner-0", "tenant-0", "agr-east", "agr-west", "dso-1", "lab", "root")
    }
    assert counts == {"owner-0": 4, "tenant-0": 3, "agr-east": 14, "agr-west": 5, "dso-1": 7, "lab": 1, "root": 18}


def test_facets_count_only_what_the_caller_may_find(folder: Path) -> None:
    """The DSO's facets know no battery and no owner of the other grid; the count is that of what it finds."""
    found = find(folder, "dso-1")
    assert found.facets["device"] == {"meter": 6}
    assert found.facets["owner"] == {f"owner-{n}": 1 for n in range(6)}
    assert found.facets["place"] == {"east": 6}
    assert found.count == len(found.hits)


def test_words_fields_and_time_narrow(folder: Path) -> None:
    """All words must occur, of those with a star the beginning; fields must be met; times must overlap, the edges not counting."""
    assert found_names(find(folder, "root", Search("battery home-3"))) == {"dataset/agr-east:home-3/battery"}
    assert find(folder, "root", Search("batt*")).count == 8
    assert find(folder, "root", Search("batt")).count == 0
    assert find(folder, "root", Search("battery nothing")).count == 0
    assert find(folder, "root", Search(wanted={"quality": "STALE", "device": "battery"})).count == 1
    assert found_names(find(folder, "root", Search("power meter", begin=day(16)))) == {"dataset/agr-west:home-7/meter"}
    assert find(folder, "root", Search(end=day(1))).count == 0
    assert find(folder, "root", Search(begin=day(9), end=day(10))).count == 16
    assert find(folder, "root", Search("GEMASS")).count == 1


def test_search_words_are_words_and_no_language(folder: Path) -> None:
    """Signs of a query language find nothing more: they are taken out, and what is left are words."""
    for words in ("groups:administrators", "* OR battery", "owner:owner-3", '"', "-(", "title:[a TO z]"):
        assert find(folder, "owner-0", Search(words)).count <= 4
    assert find(folder, "lab", Search("groups:administrators")).count == 0


def test_without_groups_nothing_is_found(folder: Path) -> None:
    """Who is in no group finds and counts nothing."""
    found = SearchIndex(folder).search(Search(), ())
    assert (found.hits, found.count, found.facets) == ((), 0, {name: {} for name in FACETS})


def test_a_consent_opens_what_it_names_until_withdrawn(folder: Path, tmp_path: Path) -> None:
    """With an owner's consent the other DSO finds its connection; after withdrawal it does not."""
    access = control(tmp_path / "data")
    owner, dso = access.book.principal("owner-0"), access.book.principal("dso-2")
    before = find(folder, "dso-2").count

    def count() -> int:
        asking = dso.with_consents(access.consents.in_force("dso-2", "research", access.now()))
        return SearchIndex(folder).search(Search(hits=200), groups_of(asking)).count

    access.give(owner, consent(0, "dso-2"))
    assert count() == before + 1
    access.withdraw(owner, "c-0-dso-2")
    assert count() == before


def test_a_document_takes_the_place_of_its_predecessor(folder: Path) -> None:
    """Put again, a document is there once, as it was put last; removed, it is gone."""
    changed = SearchDocument("query/sums", "query", "Renamed", groups=(EVERYBODY,))
    with SearchWriter(folder) as writer:
        writer.put([changed, changed])
    assert [hit.title for hit in find(folder, "lab").hits] == ["Renamed"]
    with SearchWriter(folder) as writer:
        writer.remove("query/sums")
    assert find(folder, "lab").count == 0


def test_erased_homes_are_gone(folder: Path) -> None:
    """All documents of a home go at once, all others stay."""
    with SearchWriter(folder) as writer:
        writer.erase([HOMES[0]])
    assert {hit.identity for hit in find(folder, "owner-0").hits} == {"query/sums", "contract/c-1"}
    assert find(folder, "root").count == 16


def test_it_is_committed_after_a_while_and_after_a_thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither commit nor close is needed: a reader sees a thousand documents at once, and fewer soon."""
    many = [SearchDocument(f"d{n}", "dataset", "x", groups=(EVERYBODY,)) for n in range(1001)]
    writer = SearchWriter(tmp_path / "search")
    reader = SearchIndex(tmp_path / "search")
    monkeypatch.setattr(search_index, "DELAY_S", 3600.0)
    writer.put(many[:999])
    reader.refresh()
    assert reader.search(Search(), (EVERYBODY,)).count == 0
    writer.put(many[999:1000])
    reader.refresh()
    assert reader.search(Search(), (EVERYBODY,)).count == 1000
    monkeypatch.setattr(search_index, "DELAY_S", 0.01)
    writer.put(many[1000:])
    while reader.search(Search(), (EVERYBODY,)).count == 1000:
        time.sleep(0.01)
        reader.refresh()
    assert reader.search(Search(), (EVERYBODY,)).count == 1001
    writer.close()


def test_one_writer_at_a_time(folder: Path) -> None:
    """A second writer is refused in one sentence; readers are not."""
    with SearchWriter(folder), pytest.raises(BadInput, match="cannot be written"):
        SearchWriter(folder)
    with pytest.raises(BadInput, match="has no index"):
        SearchIndex(folder / "elsewhere")


def test_it_is_made_again_from_the_documents(folder: Path) -> None:
    """Rebuilt, an index has what it was given and nothing else."""
    with SearchWriter(folder) as writer:
        writer.put([SearchDocument("old", "dataset", "old", groups=(EVERYBODY,))])
        assert writer.rebuild(DOCUMENTS) == len(DOCUMENTS)
    assert found_names(find(folder, "root")) | {"query/sums"} == {one.identity for one in DOCUMENTS}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"words": "x" * 501}, "501 characters"),
        ({"wanted": {"groups": "a"}}, "no field 'groups'"),
        ({"hits": 0}, "0 hits"),
        ({"start": 10_001}, "from 10001"),
    ],
)
def test_what_cannot_be_searched_is_refused(asked: dict[str, str], words: str) -> None:
    """Too long, an unknown field, too many: refused in one sentence."""
    with pytest.raises(BadInput, match=words):
        Search(**asked)  # type: ignore[arg-type]


groups = st.sets(st.sampled_from("abcd"), max_size=3)
documents = st.lists(
    st.builds(
        SearchDocument,
        identity=st.integers(0, 30).map(str),
        kind=st.sampled_from(["dataset", "asset"]),
        title=st.sampled_from(["pv power", "battery power", "heat"]),
        place=st.sampled_from(["east", "west", ""]),
        owner=st.sampled_from(["o1", "o2", ""]),
        groups=groups.map(lambda found: tuple(sorted(found))),
    ),
    max_size=25, unique_by=lambda one: one.identity,
)  # fmt: skip


@given(documents, groups, st.sampled_from(["", "power", "pv"]))
@settings(max_examples=15, deadline=None)
def test_no_count_leaks(given_: list[SearchDocument], asking: set[str], words: str) -> None:
    """Hits, count and facets are those of an index that holds nothing but what the caller may find."""
    own = [one for one in given_ if set(one.groups) & asking]
    answers = []
    with TemporaryDirectory() as folder:
        for number, held in enumerate((given_, own)):
            with SearchWriter(Path(folder) / str(number)) as writer:
                writer.put(held)
            found = SearchIndex(Path(folder) / str(number)).search(Search(words, hits=200), asking)
            answers.append((found_names(found), found.count, found.facets))
    assert answers[0] == answers[1]
