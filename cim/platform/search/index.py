"""The index on the disk (tantivy), with one writer; readers see what was committed last."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import tantivy

from cim.model.errors import BadInput
from cim.platform.search.document import FACETS, Found, Hit, Search, SearchDocument

BATCH = 1000  # documents after which a commit is made
DELAY_S = 0.25  # after the first document that waits
_HEAP_BYTES = 50_000_000
_FACET_WORDS = 20
_EVER = (datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


class SearchIndex:
    """Reads an index; as many as there like, in any process.

    Raises:
        BadInput: there is no index, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "meta.json").exists():
            raise BadInput(f"search: {folder} has no index; expected one that a run or a site has made")
        try:
            self._index = tantivy.Index(_schema(), path=str(folder), reuse=True)
        except (ValueError, OSError) as error:
            raise BadInput(
                f"search: {folder} cannot be read ({error}); expected it made anew from the documents"
            ) from None
        self._words = _analyzer()
        self._index.register_tokenizer("words", self._words)

    def refresh(self) -> None:
        """See what was committed since."""
        self._index.reload()

    def search(self, asked: Search, groups: Iterable[str]) -> Found:
        """What is found among the documents of which some group is among `groups`; nobody else's is found or counted."""
        query = self._query(asked, tuple(groups))
        searcher = self._index.searcher()
        result = searcher.search(query, asked.hits, count=True, offset=asked.start)
        aggregation = {name: {"terms": {"field": name, "size": _FACET_WORDS}} for name in FACETS}
        counted = searcher.aggregate(query, aggregation)
        facets = {
            name: {bucket["key"]: int(bucket["doc_count"]) for bucket in counted[name]["buckets"]} for name in FACETS
        }
        hits = tuple(_hit(searcher.doc(address).to_dict()) for _, address in result.hits)
        return Found(hits, int(result.count), facets)

    def _query(self, asked: Search, groups: tuple[str, ...]) -> tantivy.Query:
        schema, must, any_of = self._index.schema, tantivy.Occur.Must, tantivy.Occur.Should
        if not groups:
            return tantivy.Query.empty_query()
        # Of constant worth: how rare a group is says how much there is of it.
        allowed = [(any_of, tantivy.Query.term_query(schema, "groups", group, "basic")) for group in groups]
        parts = [(must, tantivy.Query.const_score_query(tantivy.Query.boolean_query(allowed), 0.0))]
        for given in asked.words.split():
            words = self._words.analyze(given)
            for place, word in enumerate(words):
                begun = given.endswith("*") and place == len(words) - 1
                one = (
                    tantivy.Query.phrase_prefix_query(schema, "text", [word])
                    if begun
                    else tantivy.Query.term_query(schema, "text", word)
                )
                parts.append((must, one))
        for name, value in (asked.wanted or {}).items():
            parts.append((must, tantivy.Query.term_query(schema, name, value, "basic")))
        for field, low, high in (("end", asked.begin, None), ("begin", None, asked.end)):
            if low is not None or high is not None:
                kind = tantivy.FieldType.Date
                bounds = tantivy.Query.range_query(
                    schema, field, kind, low or _EVER[0], high or _EVER[1], include_lower=False, include_upper=False
                )
                parts.append((must, bounds))
        return tantivy.Query.boolean_query(parts)


class SearchWriter:
    """The one writer of an index; makes it where there is none. What it was given is committed after 1,000 documents or
    250 ms, whichever is first, and on closing; what a kill took can be given again, for a document replaces itself.

    Raises:
        BadInput: another process writes it, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            index = tantivy.Index(_schema(), path=str(folder), reuse=True)
            index.register_tokenizer("words", _analyzer())
            self._schema = index.schema
            self._writer = index.writer(_HEAP_BYTES, 1)
        except (ValueError, OSError) as error:
            raise BadInput(
                f"search: the index in {folder} cannot be written ({error}); expected no other writer and an index of ours"
            ) from None
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._waiting = 0

    def put(self, documents: Iterable[SearchDocument]) -> int:
        """Take documents, each in place of one of its identity; how many they were."""
        count = 0
        for document in documents:
            with self._changing():
                self._writer.delete_documents_by_term("identity", document.identity)
                self._writer.add_document(_written(document))
            count += 1
        return count

    def remove(self, identity: str) -> None:
        """Forget one."""
        with self._changing():
            self._writer.delete_documents_by_term("identity", identity)

    def erase(self, usage_points: Iterable[str]) -> None:
        """Forget all that belongs to these homes; at once."""
        with self._lock:
            for point in usage_points:
                self._writer.delete_documents_by_term("usage_point", point)
            self.commit()

    def rebuild(self, documents: Iterable[SearchDocument]) -> int:
        """Forget everything and take these; readers see either the old or the new."""
        with self._lock:
            self.commit()
            self._writer.delete_all_documents()
            count = 0
            for document in documents:
                self._writer.add_document(_written(document))
                count += 1
            self._writer.commit()
            self._writer.garbage_collect_files()
            return count

    def commit(self) -> None:
        """Let readers see all that was given."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._waiting = 0
            self._writer.commit()

    def close(self) -> None:
        """Commit, and let another writer have it."""
        with self._lock:
            self.commit()
            self._writer.wait_merging_threads()

    def __enter__(self) -> SearchWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
            self._waiting += 1
            if self._waiting >= BATCH:
                self.commit()
            elif self._timer is None:
                self._timer = threading.Timer(DELAY_S, self.commit)
                self._timer.daemon = True
                self._timer.start()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("identity", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("text", tokenizer_name="words")
    builder.add_text_field("usage_point", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("groups", tokenizer_name="raw", index_option="basic")
    for name in FACETS:
        builder.add_text_field(name, stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    for name in ("begin", "end"):
        builder.add_date_field(name, stored=True, indexed=True, fast=True)
    return builder.build()


def _analyzer() -> tantivy.TextAnalyzer:
    """Words of letters and digits, lower case, without accents: `Gemäß` is found by `gemass`."""
    chain = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(r"[\p{L}\p{N}]+"))
    for step in (tantivy.Filter.remove_long(60), tantivy.Filter.lowercase(), tantivy.Filter.ascii_fold()):
        chain = chain.filter(step)
    return chain.build()


def _written(document: SearchDocument) -> tantivy.Document:
    found = tantivy.Document()
    found.add_text("identity", document.identity)
    found.add_text("title", document.title)
    names = (document.title, document.text, document.place, document.device, document.owner, document.usage_point)
    found.add_text("text", " ".join((*names, document.kind)))
    found.add_text("usage_point", document.usage_point)
    for group in document.groups:
        found.add_text("groups", group)
    facets = {
        "kind": document.kind, "place": document.place, "device": document.device, "owner": document.owner,
        "quality": document.quality,
    }  # fmt: skip
    for name, value in facets.items():
        if value:
            found.add_text(name, value)
    for name, at in (("begin", document.begin), ("end", document.end)):
        if at is not None:
            found.add_date(name, at)
    return found


def _hit(stored: dict[str, list[str | datetime]]) -> Hit:
    def text(name: str) -> str:
        return str(stored[name][0]) if name in stored else ""

    def at(name: str) -> datetime | None:
        value = stored[name][0] if name in stored else None
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None

    return Hit(
        text("identity"),
        text("kind"),
        text("title"),
        text("place"),
        text("device"),
        text("owner"),
        text("quality"),
        at("begin"),
        at("end"),
    )
