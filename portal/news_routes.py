"""`/live`: server-sent events that say what has changed, for as long as somebody listens and takes them."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from portal.news import News, TooMany

_DESCRIBED: Final[dict[int | str, dict[str, object]]] = {
    200: {
        "description": "Events `changed`; `data` is an object with `now`, the site's time, and `changed`, the families of "
        "publications that have news since the event before. `id` is to be sent back as `Last-Event-ID`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    503: {"description": "As many listen as may."},
}


class EventStream(Response):
    """Sends events until the listener goes, or does not take one in time: then it is let go, and may come back."""

    def __init__(self, news: News, identity: str | None) -> None:
        super().__init__(media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._news, self._identity = news, identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, beside waiting for the listener to go."""
        started = False

        async def take(message: bytes) -> None:
            nonlocal started
            if not started:
                started = True
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": message, "more_body": True})

        try:
            await self._news.listen(self._identity, take, lambda: _gone(receive))
        except TooMany:
            words = {"detail": "as many listen as may; expected you to come back later"}
            await JSONResponse(words, 503, {"Retry-After": "30"})(scope, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def add_news(app: FastAPI, news: News) -> None:
    """Add the route; the server's stop lets its listeners go."""
    app.state.stops = news.stop

    @app.get("/live", response_class=Response, responses=_DESCRIBED)
    async def live(request: Request) -> Response:
        """What has changed, as it changes (text/event-stream); who was away says by Last-Event-ID what it had last."""
        return EventStream(news, request.headers.get("last-event-id"))
