"""UFTP without a site: a route that accepts what the rules let through, and one message sent and its answer awaited."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from agents.runtime.clocks import wall_time
from cim.model.errors import BadInput
from market.uftp.checks import MarketScope
from market.uftp.exchange import route_of
from market.uftp.header import Header, UftpMessage
from market.uftp.portfolio import TestMessage
from pilot.uftp.edge import running_edge
from pilot.uftp.mapping import to_model
from pilot.uftp.parties import OurParty, Parties, Peer, load_parties
from pilot.uftp.sealing import message_in
from pilot.uftp.sender import Undelivered
from pilot.uftp.xml import write_xml

Say = Callable[[str], None]


def _market(parties: Parties, path: Path) -> MarketScope:
    if parties.market is None:
        raise BadInput(f"uftp: {path.name} has no section market; expected it where no site says it")
    return parties.market


def _told(message: UftpMessage) -> str:
    return (
        f"{message.header.sender_domain} -> {message.header.recipient_domain}\n{write_xml(to_model(message)).decode()}"
    )


def serve_by_hand(path: Path, folder: Path, seconds: float | None, say: Say) -> None:
    """Take and accept messages until stopped, or for some seconds.

    Raises:
        BadInput: the file has faults, or the port is not to be had.
    """
    parties = load_parties(path)
    scope = _market(parties, path)

    async def run() -> None:
        stop, news = asyncio.Event(), asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        async with running_edge(
            parties, scope, folder, here=wall_time, wall=wall_time, answers_itself=True, arrived=news.set
        ) as edge:
            say(f"listening at {edge.url}")
            stopped = asyncio.ensure_future(stop.wait())
            until = None if seconds is None else wall_time() + timedelta(seconds=seconds)
            while not stopped.done() and (until is None or wall_time() < until):
                fresh = edge.log.unhanded()
                for _, message in fresh:
                    say(_told(message))
                edge.log.handed(number for number, _ in fresh)
                news.clear()
                waiting = asyncio.ensure_future(news.wait())
                left = 1.0 if until is None else min(1.0, max(0.0, (until - wall_time()).total_seconds()))
                await asyncio.wait([stopped, waiting], timeout=left, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
            stopped.cancel()

    asyncio.run(run())


def send_by_hand(path: Path, to: str, text: Path | None, folder: Path, seconds: float, say: Say) -> bool:
    """Send one message and wait for its answer; returns whether it came.

    Raises:
        BadInput: the file has faults, or the message is none.
    """
    parties = load_parties(path)
    scope = _market(parties, path)
    peer = next((peer for peer in parties.peers if peer.name == to), None)
    if peer is None:
        raise BadInput(f"to: {to!r}; expected one of {', '.join(peer.name for peer in parties.peers)}")
    message = _made(parties, peer, text)

    async def run() -> bool:
        news, lost = asyncio.Event(), list[Undelivered]()

        def gave_up(one: Undelivered) -> None:
            lost.append(one)
            news.set()

        async with running_edge(
            parties, scope, folder, here=wall_time, wall=wall_time, arrived=news.set, gave_up=gave_up
        ) as edge:
            edge.send([(peer.domain, message)])
            say(_told(message))
            until = wall_time() + timedelta(seconds=seconds)
            while not lost and (left := (until - wall_time()).total_seconds()) > 0:
                fresh = edge.log.unhanded()
                edge.log.handed(number for number, _ in fresh)
                for _, answer in fresh:
                    if answer.header.conversation_id == message.header.conversation_id:
                        say(_told(answer))
                        return True
                news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), left)
            say(f"not delivered: {lost[0].reason}" if lost else f"no answer within {seconds:g} s")
            return False

    return asyncio.run(run())


def _made(parties: Parties, peer: Peer, text: Path | None) -> UftpMessage:
    """The message of a file with a header of its own, from whichever party here sends such messages."""
    number = str(uuid.uuid4())
    if text is None:
        kind: type = TestMessage
    else:
        try:
            said = message_in(text.read_bytes())
        except OSError as error:
            raise BadInput(f"message: {text} cannot be read ({error}); expected a message's XML") from error
        kind = type(said)
    party: OurParty | None = next((p for p in parties.ours if p.role in route_of(kind)[0]), None)
    if party is None or peer.role not in route_of(kind)[1]:
        raise BadInput(f"message: {kind.__name__} is not for {peer.role} or from no role here; expected another peer")
    header = Header(party.domain, peer.domain, wall_time(), number, number)
    if text is None:
        return TestMessage(header)
    conversation = said.header.conversation_id
    return cast("UftpMessage", replace(cast("Any", said), header=replace(header, conversation_id=conversation)))
