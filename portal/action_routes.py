"""`/dso/actions/...`: what the DSO's engineers ask of its agent; each request is answered by the agent, accepted or refused."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query
from starlette.concurrency import run_in_threadpool

from cim.platform.access.principals import Role
from portal.actions import ActionSite, ActionTold
from portal.asking import (
    AnswerDispute,
    AskFlexibility,
    ChangeAggregator,
    DeclareWorks,
    EndWorks,
    KeepElement,
    LimitConsumption,
    LimitMicrogrid,
    LimitPoint,
    OrderOffer,
    RotateKey,
    SetMicrogrid,
    SettleDay,
)
from portal.auth.caller import Caller, needs
from portal.errors import Problem
from portal.shift_log import Note, NoteTold

FOR_ENGINEERS = Depends(needs(Role.DSO))
_TAKEN: dict[int | str, dict[str, Any]] = {409: {"model": Problem, "description": "The number is of another request."}}
Engineer = Annotated[Caller, FOR_ENGINEERS]
Owner = Annotated[Caller, Depends(needs(Role.PROSUMER))]
Trader = Annotated[Caller, Depends(needs(Role.PROSUMER, Role.AGGREGATOR, Role.DSO))]


def _owner(caller: Caller) -> Caller:
    """An administrator has no elements, and no key, of its own.

    Raises:
        HTTPException: 403.
    """
    if caller.party is None:
        raise HTTPException(403, "this is for a party of the market; expected the log-in or token of one")
    return caller


def add_action_routes(app: FastAPI, site: ActionSite) -> None:
    """Add them."""

    @app.post("/dso/actions/flexibility", status_code=202, responses=_TAKEN)
    async def flexibility(caller: Engineer, asked: AskFlexibility) -> ActionTold:
        """Want flexibility at a congestion point: its sellers are asked at once; offers and orders stand in `/dso/state`."""
        return await run_in_threadpool(site.ask_flexibility, caller, asked)

    @app.post("/dso/actions/order", status_code=202, responses=_TAKEN)
    async def order(caller: Engineer, asked: OrderOffer) -> ActionTold:
        """Accept an offer that stands: order one of its options, wholly or in part; recorded in the ledger, then sent."""
        return await run_in_threadpool(site.order, caller, asked)

    @app.post("/dso/actions/dispute", status_code=202, responses=_TAKEN)
    async def dispute(caller: Engineer, asked: AnswerDispute) -> ActionTold:
        """Answer a dispute that no meter decides: whose copies count; both parties settle anew by them."""
        return await run_in_threadpool(site.answer_dispute, caller, asked)

    @app.post("/dso/actions/works", status_code=202, responses=_TAKEN)
    async def works(caller: Engineer, asked: DeclareWorks) -> ActionTold:
        """Declare planned works at a point, or report a fault: it carries less meanwhile, or its connections have no supply."""
        return await run_in_threadpool(site.declare_works, caller, asked)

    @app.post("/dso/actions/works-end", status_code=202, responses=_TAKEN)
    async def works_end(caller: Engineer, asked: EndWorks) -> ActionTold:
        """Works are over, or called off before they begin."""
        return await run_in_threadpool(site.end_works, caller, asked)

    @app.post("/dso/actions/point-limit", status_code=202, responses=_TAKEN)
    async def point_limit(caller: Engineer, asked: LimitPoint) -> ActionTold:
        """In an emergency: limit the feed-in of all plants below a congestion point at once, or lift that again."""
        return await run_in_threadpool(site.limit_point, caller, asked)

    @app.post("/dso/actions/consumption-limit", status_code=202, responses=_TAKEN)
    async def consumption_limit(caller: Engineer, asked: LimitConsumption) -> ActionTold:
        """In an emergency: limit what vehicles, heat pumps and batteries below a point draw at once, or lift that again."""
        return await run_in_threadpool(site.limit_consumption, caller, asked)

    @app.post("/dso/actions/microgrid-setpoint", status_code=202, responses=_TAKEN)
    async def microgrid_setpoint(caller: Engineer, asked: SetMicrogrid) -> ActionTold:
        """Want the whole microgrid at a net power: the ILES manager splits it, and the sellers are asked for their shares."""
        return await run_in_threadpool(site.set_microgrid, caller, asked)

    @app.post("/dso/actions/microgrid-limit", status_code=202, responses=_TAKEN)
    async def microgrid_limit(caller: Engineer, asked: LimitMicrogrid) -> ActionTold:
        """Limit the import of the whole microgrid at once, with a fail-safe limit should the DSO's agent fall silent; or end it."""
        return await run_in_threadpool(site.limit_microgrid, caller, asked)

    @app.post("/dso/actions/settlement", status_code=202, responses=_TAKEN)
    async def settlement(caller: Engineer, asked: SettleDay) -> ActionTold:
        """Settle a day that is over now, with the meter data that came; what comes later makes a revision."""
        return await run_in_threadpool(site.settle, caller, asked)

    @app.post("/market/actions/keep", status_code=202, responses=_TAKEN)
    async def keep(caller: Owner, asked: KeepElement) -> ActionTold:
        """Keep one of one's own elements from the market for a while: it runs by its own rule, and its agent plans anew."""
        return await run_in_threadpool(site.keep, _owner(caller), asked)

    @app.post("/market/actions/aggregator", status_code=202, responses=_TAKEN)
    async def aggregator(caller: Owner, asked: ChangeAggregator) -> ActionTold:
        """Take one's own connection to another aggregator from a local day on; notice, register and contracts follow by agents."""
        return await run_in_threadpool(site.change_aggregator, _owner(caller), asked)

    @app.post("/market/actions/rotate-key", status_code=202, responses=_TAKEN)
    async def rotate_key(caller: Trader, asked: RotateKey) -> ActionTold:
        """Have one's own agent sign with another key; the rotation stands in the ledger, and proofs go on."""
        return await run_in_threadpool(site.rotate_key, _owner(caller), asked)

    @app.get("/market/actions")
    async def own(caller: Trader, last: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[ActionTold]:
        """What was asked of the caller's own agent, newest first, with its answers."""
        return await run_in_threadpool(site.of, _owner(caller).party or "", last)

    @app.get("/market/actions/{number}")
    async def own_action(caller: Trader, number: str) -> ActionTold:
        """One of them."""
        found = await run_in_threadpool(site.one, number, _owner(caller).party or "")
        if found is None:
            raise HTTPException(404, f"action {number[:64]!r}: there is none")
        return found

    @app.post("/dso/log", status_code=201)
    async def write_note(caller: Engineer, note: Note) -> NoteTold:
        """Note something of the shift, or that an alarm was seen; kept before it is acknowledged, and never changed."""
        return await run_in_threadpool(site.shift.add, caller, note, site.now())

    @app.get("/dso/log", dependencies=[FOR_ENGINEERS])
    async def notes(last: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[NoteTold]:
        """What was noted, newest first."""
        return await run_in_threadpool(site.shift.notes, last)

    @app.get("/dso/actions", dependencies=[FOR_ENGINEERS])
    async def actions(last: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[ActionTold]:
        """What was asked of the DSO's agent, newest first, with its answers."""
        return await run_in_threadpool(site.of_dso, last)

    @app.get("/dso/actions/{number}", dependencies=[FOR_ENGINEERS])
    async def action(number: str) -> ActionTold:
        """One of them."""
        found = await run_in_threadpool(site.one, number, site.dso)
        if found is None:
            raise HTTPException(404, f"action {number[:64]!r}: there is none")
        return found
