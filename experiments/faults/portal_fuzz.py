"""`iles faults --portal N`: schema-driven calls of every route of the portal, by everybody: no 5xx, no undocumented answer."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cim.model.errors import BadInput
from experiments.faults.portal_site import DSO, FARM, LAB, FuzzedSite, fuzzed_site

if TYPE_CHECKING:
    from schemathesis import APIOperation, Case, CheckFunction

# Who calls in turn: half of all calls come further than the guard.
CALLERS = ("operator", "nobody", DSO, "operator", FARM, "operator", LAB, "operator", "metrics", "operator")


@dataclass
class FuzzReport:
    """What came of a fuzz.

    Attributes:
        calls: by operation ("GET /health").
        statuses: answers, by status.
        failures: a sentence each, by operation; at most one each.
    """

    calls: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def fuzz(site: FuzzedSite, examples: int, seed: int = 1, paths: str | None = None) -> FuzzReport:
    """Call every operation of the OpenAPI document, with what fits its schema and what does not.

    Args:
        examples: of each operation.
        paths: a regular expression that their paths fit; all otherwise.

    Raises:
        BadInput: schemathesis is not installed; it comes with the development group.
    """
    try:
        import schemathesis
        from schemathesis.core.result import Ok
    except ImportError:
        raise BadInput(
            "portal fuzz: schemathesis is not there; expected the development group (make install)"
        ) from None
    report, begun = FuzzReport(), time.perf_counter()
    headers = {"Authorization": f"Bearer {site.tokens['operator']}"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", site.app, headers=headers)
    # `/live` goes on until its listener goes: it is no call with an answer.
    calls = schema.exclude(path="/live")
    chosen = calls if paths is None else calls.include(path_regex=paths)
    for found in chosen.get_all_operations():
        if not isinstance(found, Ok):
            report.failures["document"] = str(found.err())
            continue
        operation = found.ok()
        try:
            _of_operation(site, operation, examples, seed, report)
        except (Exception, BaseExceptionGroup) as error:  # whatever the checks or the app raise is what is reported
            report.failures[operation.label] = " ".join(str(error).split())[:2000]
    report.seconds = time.perf_counter() - begun
    return report


def _of_operation(
    site: FuzzedSite, operation: APIOperation[Any, Any, Any, Any], examples: int, seed: int, report: FuzzReport
) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from schemathesis import GenerationMode, checks

    judged: list[CheckFunction] = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    strategies = [
        operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    ]

    @seeded(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=strategies[0] | strategies[1])
    def call(case: Case[Any]) -> None:
        who = CALLERS[report.calls[operation.label] % len(CALLERS)]
        report.calls[operation.label] += 1
        shown = {} if who == "nobody" else {"Authorization": f"Bearer {site.tokens[who]}"}
        for name in [name for name in case.headers if name.lower() in ("authorization", "cookie")]:
            del case.headers[name]
        case.cookies.clear()
        answer = case.call(headers=shown)
        report.statuses[answer.status_code] += 1
        case.validate_response(answer, checks=judged)

    call()


def fuzz_in_a_folder(examples: int, seed: int) -> FuzzReport:
    """The same of a small site in a folder of its own, which is gone afterwards; and of its pages and their files."""
    from experiments.faults.pages_fuzz import fuzz_pages

    with tempfile.TemporaryDirectory(prefix="iles-portal-") as folder:
        site = fuzzed_site(Path(folder))
        report, begun = fuzz(site, examples, seed), time.perf_counter()
        fuzz_pages(site, examples, seed, report)
        report.seconds += time.perf_counter() - begun
        return report
