"""The state as bytes: made once for all who ask, never older than it may be, packed for who takes it packed."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from portal.app import create_app
from portal.kept_bytes import KeptBytes
from portal.models import DsoState
from tests.worlds.doubles import BEARER, TOKEN, FakeSite, client, trading


def test_many_callers_cost_the_site_one_question() -> None:
    """Fifty who ask at once get the same state, which the site was asked for once."""
    site = FakeSite()

    async def run() -> list[DsoState]:
        async with client(create_app(site, TOKEN)) as caller:
            answers = await asyncio.gather(*(caller.get("/dso/state", headers=BEARER) for _ in range(50)))
        return [DsoState.model_validate_json(answer.content) for answer in answers]

    assert asyncio.run(run()) == [trading()] * 50
    assert site.asked == 1


def test_nobody_is_shown_a_state_that_is_too_old() -> None:
    """Behind its time a state is made anew before anything is answered; at half its time, beside the answer."""
    asked: list[float] = []
    clock = [0.0]
    request = Request({"type": "http", "headers": []})

    async def ask() -> DsoState:
        asked.append(clock[0])
        return trading()

    async def run() -> None:
        kept = KeptBytes(ask, "state", 5.0, fresh_s=1.0, seconds=lambda: clock[0])
        for at, times in ((0.0, [0.0]), (0.4, [0.0]), (0.6, [0.0, 0.6]), (1.7, [0.0, 0.6, 1.7])):
            clock[0] = at
            await kept(request)
            for _ in range(2_000):
                if not kept.under_way:
                    break
                await asyncio.sleep(0.001)
            assert asked == times

    asyncio.run(run())


def test_packed_and_plain_say_the_same() -> None:
    """What is packed for a browser is what a caller without gzip gets."""
    many = trading().model_copy(update={"orders": trading().orders * 50})

    async def run() -> tuple[bytes, bytes]:
        async with client(create_app(FakeSite(dso=many), TOKEN)) as caller:
            packed = await caller.get("/dso/state", headers=BEARER | {"Accept-Encoding": "gzip"})
            plain = await caller.get("/dso/state", headers=BEARER | {"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        return packed.content, plain.content

    packed, plain = asyncio.run(run())
    assert packed == plain
    assert len(DsoState.model_validate_json(plain).orders) == 50
