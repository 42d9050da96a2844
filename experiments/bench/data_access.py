"""The part of `iles bench data` that is about access and search: a decision, and a search over a million documents."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cim.platform.access.attributes import READINGS
from cim.platform.access.groups import groups_for, groups_of
from cim.platform.access.policies import Policies
from cim.platform.access.principals import Principal, Role, UsagePoint
from cim.platform.search.document import Search, SearchDocument
from cim.platform.search.index import SearchIndex, SearchWriter
from experiments.bench.figures import Figures

DOCUMENTS = 1_000_000
HOMES = 100_000  # each with ten documents
_AGGREGATORS, _POINTS = 200, 500
_VERSION = "search-1"  # changes with what is made here
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_DEVICES = ("meter", "pv", "battery", "heat_pump", "ev", "appliance")
_WORDS = ("active", "reactive", "power", "energy", "voltage", "temperature", "state", "charge", "import", "export")


def measure_access(full: bool, tell: Callable[[str], None]) -> Figures:
    """`policy_ms`: median of a decision with its condition; `search_p95_ms`: with access filter, facets and count.

    Args:
        full: more of everything.
        tell: is told what goes on.
    """
    index = SearchIndex(cached_index(tell))
    tell("deciding")
    decisions = _decisions(2000 if full else 300)
    tell("searching")
    searches = _searches(index, 2000 if full else 300)
    return {
        "policy_ms": statistics.median(decisions),
        "policy_p95_ms": _p95(decisions),
        "search_p95_ms": _p95(searches),
        "search_median_ms": statistics.median(searches),
        "search_documents": DOCUMENTS,
    }


def cached_index(tell: Callable[[str], None]) -> Path:
    """The folder of an index of a million documents; made once, a few minutes the first time."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "iles" / "bench" / _VERSION
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        tell(f"making an index of {DOCUMENTS:,} documents, once")
        with SearchWriter(folder / "index") as writer:
            writer.rebuild(_told(_documents(), tell))
        (folder / "whole").touch()
    return folder / "index"


def _told(documents: Iterator[SearchDocument], tell: Callable[[str], None]) -> Iterator[SearchDocument]:
    for number, one in enumerate(documents):
        if number % 50_000 == 0:
            tell(f"making an index, once: {number:,} of {DOCUMENTS:,} documents")
        yield one


def _point(number: int) -> UsagePoint:
    place = number % _POINTS
    return UsagePoint(
        f"home-{number}",
        owner=f"home-{number}",
        aggregator=f"aggregator-{number % _AGGREGATORS}",
        congestion_point=f"point-{place}",
        dso=f"dso-{place % 20}",
        kind="prosumer",
        place=f"place-{place}",
    )


def _documents() -> Iterator[SearchDocument]:
    draw = random.Random(1)
    for home in range(HOMES):
        point = _point(home)
        for number in range(DOCUMENTS // HOMES):
            device = _DEVICES[number % len(_DEVICES)]
            begin = _BEGIN + timedelta(days=draw.randrange(300))
            yield SearchDocument(
                f"{home}/{number}",
                "dataset" if number < 8 else "asset",
                f"{device} of home {home}",
                " ".join(draw.sample(_WORDS, 4)),
                point.place,
                device,
                point.owner,
                draw.choices(("GOOD", "STALE", "INVALID"), (90, 8, 2))[0],
                point.usage_point,
                groups_for(point, device=device != "meter", first=begin, last=begin),
                begin,
                begin + timedelta(days=60),
            )


def _principals() -> Iterator[Principal]:
    """Callers by turns: prosumers, aggregators of 500 homes, DSOs of 5,000."""
    number = 0
    while True:
        home = f"home-{number * 7919 % HOMES}"
        yield Principal(home, Role.PROSUMER, homes=frozenset({home}))
        yield Principal(f"aggregator-{number % _AGGREGATORS}", Role.AGGREGATOR)
        points = frozenset(f"point-{place}" for place in range(number % 20, _POINTS, 20))
        yield Principal(f"dso-{number % 20}", Role.DSO, points=points)
        number += 1


def _decisions(rounds: int) -> list[float]:
    policies, spent = Policies.read(), []
    for _, principal in zip(range(rounds), _principals(), strict=False):
        begun = time.perf_counter()
        decision = policies.decide(principal, READINGS, "operation")
        spent.append((time.perf_counter() - begun) * 1000)
        if decision.denied:
            raise RuntimeError(f"bench: {principal.name} was denied ({decision.denied}); expected a decision")
    return spent


def _searches(index: SearchIndex, rounds: int) -> list[float]:
    draw, spent, found = random.Random(2), [], 0
    for number, principal in zip(range(rounds + 20), _principals(), strict=False):
        words = " ".join(draw.sample(_WORDS, draw.randrange(3)))
        wanted = {"quality": "GOOD"} if draw.random() < 0.3 else None
        since = _BEGIN + timedelta(days=draw.randrange(300)) if draw.random() < 0.3 else None
        asked, groups = Search(words, wanted, since), groups_of(principal)
        begun = time.perf_counter()
        answer = index.search(asked, groups)
        if number >= 20:  # the first ones read the files
            spent.append((time.perf_counter() - begun) * 1000)
        found += answer.count
    if not found:
        raise RuntimeError("bench: no search found anything; expected hits")
    return spent


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
