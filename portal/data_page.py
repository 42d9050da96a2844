"""The playground: a page to try a query with one's own token. It holds no data, and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import Response

_FOLDER = Path(__file__).parent / "pages"
# What the page may do: load its own two files, and ask this site.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
PAGES: Final = {  # path -> file, media type
    "/data/playground": ("playground.html", "text/html; charset=utf-8"),
    "/data/playground.js": ("playground.js", "text/javascript; charset=utf-8"),
    "/data/playground.css": ("playground.css", "text/css; charset=utf-8"),
}


def add_playground(app: FastAPI) -> None:
    """Add the page and its two files."""
    for path, (name, kind) in PAGES.items():
        app.add_api_route(path, _sender((_FOLDER / name).read_bytes(), kind), include_in_schema=False)


def _sender(body: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    async def send() -> Response:
        return Response(body, media_type=kind)

    return send
