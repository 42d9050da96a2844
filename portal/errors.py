"""What the portal answers where it cannot: one shape, one sentence, whatever went wrong."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from cim.model.errors import BadInput
from cim.platform.access.secured import Denied
from cim.platform.mailbox.mailbox import AskedBefore, MailboxFull
from cim.platform.provisioning.engine import TooLong
from cim.platform.provisioning.rate import TooOften
from cim.platform.readings.errors import NotStored
from portal.models.base import Shown
from portal.views import ViewError

_WITHHELD = "the site's state cannot be read at the moment; with the token this page says why"


class Problem(Shown):
    """Why there is no answer: one sentence (which field, which value, what was expected)."""

    detail: str


def add_answers_to_errors(app: FastAPI) -> None:
    """Each of our errors is one sentence with its status."""

    @app.exception_handler(ViewError)
    async def unseen(request: Request, error: ViewError) -> JSONResponse:
        """Its words only for those who may know agents."""
        return problem(503, str(error) if request.state.known else _WITHHELD)

    @app.exception_handler(Denied)
    async def denied(_: Request, error: Denied) -> JSONResponse:
        return problem(403, str(error))

    @app.exception_handler(BadInput)
    async def bad(_: Request, error: BadInput) -> JSONResponse:
        return problem(422, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        """Of all that is wrong with a request the first, by its field."""
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"] if step not in ("query", "body", "path")) or "body"
        return problem(422, f"{place}: {first['msg']}")

    @app.exception_handler(TooOften)
    async def often(_: Request, error: TooOften) -> JSONResponse:
        return problem(429, str(error), {"Retry-After": str(error.wait_s)})

    @app.exception_handler(TooLong)
    async def long(_: Request, error: TooLong) -> JSONResponse:
        return problem(504, str(error))

    @app.exception_handler(MailboxFull)
    async def full(_: Request, error: MailboxFull) -> JSONResponse:
        return problem(503, str(error), {"Retry-After": "10"})

    @app.exception_handler(NotStored)
    async def no_room(_: Request, error: NotStored) -> JSONResponse:
        return problem(503, str(error), {"Retry-After": "60"})

    @app.exception_handler(AskedBefore)
    async def before(_: Request, error: AskedBefore) -> JSONResponse:
        return problem(409, str(error))


def problem(status: int, words: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that says why there is none."""
    return JSONResponse({"detail": words}, status, headers)
