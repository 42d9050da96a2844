"""Pages and their CSV files under queries that make sense and not: whole answers, and never a failure of the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI, Response
from starlette.routing import Route

from experiments.faults.pages_fuzz import fuzz_pages
from experiments.faults.portal_fuzz import FuzzReport
from experiments.faults.portal_site import fuzzed_site
from portal.screens.catalogue import catalogue
from portal.screens.wall import PATH as WALL


def test_no_page_and_no_file_fails_whatever_is_asked(tmp_path: Path) -> None:
    """Each page, the wall and each CSV a few times by all callers: every status one that is meant, every page and table whole."""
    report = FuzzReport()
    fuzz_pages(fuzzed_site(tmp_path), 5, 1, report)
    assert report.failures == {}
    assert set(report.calls) == {f"GET {path}{kind}" for path in (*catalogue(None), WALL) for kind in ("", ".csv")}
    assert {200, 401, 403, 422} <= set(report.statuses)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response("oh", 500), "status 500"),
        (Response("<html>half", media_type="text/html"), "no whole page"),
    ],
)
def test_what_fails_is_found(tmp_path: Path, answer: Response, words: str) -> None:
    """A page that answers with a failure of the server, or breaks off, is named with who asked for what."""
    site = fuzzed_site(tmp_path)
    app: FastAPI = site.app

    app.router.routes.insert(0, Route("/dso/pages/now", lambda _: answer))
    report = FuzzReport()
    fuzz_pages(site, 1, 1, report)
    assert words in report.failures["GET /dso/pages/now"]
    assert set(report.failures) == {"GET /dso/pages/now"}
