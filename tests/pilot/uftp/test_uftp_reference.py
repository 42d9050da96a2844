"""The published client and service, unchanged and in an environment of their own, speak with ours in both directions.

A whole conversation each: registration, prognosis, request, offers, revocation, order, reservation, metering, settlement.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from agents.assembly.free_port import free_port
from cim.model.errors import BadInput
from experiments.bench.uftp_reference.environment import reference_python
from market import uftp
from market.uftp.exchange import asked_by, is_response, plain_response
from market.uftp.header import Header, UftpMessage
from pilot.uftp.edge import Edge, running_edge
from pilot.uftp.parties import PATH, Listening, OurParty, Parties, Peer
from tests.worlds import uftp_messages as examples
from tests.worlds.uftp_parties import KEYS, ROLES, SCOPE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).parent / "reference_roles.py"
AGR, DSO, CRO = examples.AGR, examples.DSO, examples.CRO
NOW, DAY = examples.NOON, date(2026, 5, 20)
UNTIL = datetime(2026, 5, 20, 20, tzinfo=UTC)
PATIENCE_S = 60.0
Answer = Callable[[Any], list[UftpMessage]]


@pytest.fixture(scope="module")
def python() -> Path:
    """The reference environment's Python; where it cannot be made, the tests are skipped and say why."""
    try:
        return reference_python(ROOT / ".reference" / "uftp")
    except BadInput as error:
        pytest.skip(str(error))


class Reference:
    """One of their parties, in its own process; what it is given is kept as they print it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.got = process, list[dict[str, Any]]()
        self.listening = threading.Event()
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            if not line.startswith("{"):
                continue  # their web server's own words
            said = json.loads(line)
            if "listening" in said:
                self.listening.set()
            else:
                self.got.append(said)

    def tell(self, word: str) -> None:
        """A line to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def heard(self) -> list[str]:
        """The kinds of what it was given."""
        return [said["got"] for said in self.got]


@contextmanager
def reference(python: Path, folder: Path, domain: str, ports: dict[str, int]) -> Iterator[Reference]:
    """Start one of their parties."""
    peers = [
        {"domain": other, "role": str(ROLES[other]), "url": f"http://127.0.0.1:{port}{PATH}",
         "public_key": base64.b64encode(KEYS[other].public).decode()}
        for other, port in ports.items() if other != domain
    ]  # fmt: skip
    config = {
        "domain": domain, "key": KEYS[domain].text, "port": ports[domain], "peers": peers, "day": DAY.isoformat(),
        "point": examples.POINT, "time_stamp": NOW.isoformat(), "expiration": UNTIL.isoformat(),
        "dso": DSO, "cro": CRO, "agr": AGR,
    }  # fmt: skip
    path = folder / f"{domain}.json"
    path.write_text(json.dumps(config))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (folder / f"{domain}.log").open("w") as log, subprocess.Popen(
        [str(python), str(SCRIPT), str(ROLES[domain]), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=log, text=True, env=environment, bufsize=1,
    ) as process:  # fmt: skip
        party = Reference(process)
        try:
            assert party.listening.wait(PATIENCE_S), (folder / f"{domain}.log").read_text()
            yield party
        finally:
            party.tell("end")
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            party.reading.join(10)


class Ours:
    """Our parties behind a real edge, with a script in the place of agents."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self._numbers = iter(range(500, 1000))

    def header(self, sender: str, recipient: str, conversation: str | None = None) -> Header:
        """A new message's."""
        number = examples.number(next(self._numbers))
        return Header(sender, recipient, NOW, number, conversation or number)

    def accept(self, message: Any) -> UftpMessage:
        """The plain answer to a message."""
        header = self.header(
            message.header.recipient_domain, message.header.sender_domain, message.header.conversation_id
        )
        answer = plain_response(asked_by(message), header, uftp.Result.ACCEPTED, None)
        assert answer is not None
        return answer

    async def play(self, edge: Edge, answer: Answer, over: Callable[[], bool]) -> None:
        """Hand on what arrives and send what the script says, until it is over."""
        until = asyncio.get_running_loop().time() + PATIENCE_S
        while not (over() and edge.log.counts()["waiting"] == 0) and asyncio.get_running_loop().time() < until:
            for number, message in edge.log.unhanded():
                self.got.append(message)
                edge.send((one.header.recipient_domain, one) for one in answer(message))
                edge.log.handed([number])
            await asyncio.sleep(0.02)

    def kinds(self) -> set[str]:
        """Of what has come."""
        return {type(message).__name__ for message in self.got}


def parties(here: tuple[str, ...], ports: dict[str, int]) -> Parties:
    """Ours and theirs."""
    ours = tuple(OurParty(d, d, ROLES[d], KEYS[d]) for d in here)
    peers = tuple(
        Peer(d, d, ROLES[d], f"http://127.0.0.1:{port}{PATH}", KEYS[d].public)
        for d, port in ports.items()
        if d not in here
    )
    door = Listening("127.0.0.1", ports[here[0]], None, None, False)
    return Parties(door, ours, peers, timedelta(hours=1), 1000.0, SCOPE)


def running(folder: Path, here: tuple[str, ...], ports: dict[str, int]) -> Any:
    """Our edge."""
    return running_edge(parties(here, ports), SCOPE, folder, here=lambda: NOW, wall=lambda: datetime.now(UTC))


def test_their_aggregator_speaks_with_our_dso_and_cro(python: Path, tmp_path: Path) -> None:
    """Each of its messages is taken, each of ours is given to it by its own library, and the values arrive."""
    door = free_port()
    ports, ours = {DSO: door, CRO: door, AGR: free_port()}, Ours()

    def answer(message: Any) -> list[UftpMessage]:
        if is_response(type(message)):
            return after(message)
        told = [ours.accept(message)]
        match message:
            case uftp.AgrPortfolioQuery():
                place = uftp.CongestionPoint(examples.POINT, (uftp.Connection("ean.871685900012636543"),))
                told = [replace(told[0], dso_portfolios=(uftp.DsoPortfolio(DSO, (place,)),))]
            case uftp.DPrognosis():
                asked = replace(examples.request(), header=ours.header(DSO, AGR), period=DAY)
                told += [asked, uftp.TestMessage(ours.header(DSO, AGR))]
            case uftp.FlexOfferRevocation():
                first = next(m for m in ours.got if isinstance(m, uftp.FlexOffer))
                assert message.flex_offer_message_id != first.header.message_id
                head = ours.header(DSO, AGR, first.header.conversation_id)
                rows, number = first.options[0].isps, first.header.message_id
                told.append(replace(examples.order(), header=head, period=DAY, isps=rows, flex_offer_message_id=number))
        return told

    def after(message: Any) -> list[UftpMessage]:
        if not isinstance(message, uftp.FlexOrderResponse):
            return []
        rows = (uftp.IspPower(49, 5_000, 4),)
        update = uftp.FlexReservationUpdate(
            ours.header(DSO, AGR), DAY, examples.POINT, "option-1", "r-1", rows, examples.ZONE
        )
        contract = uftp.ContractSettlement(
            "option-1", DAY, (uftp.ContractSettlementIsp(49, 5_000, 5_000, 0, 5_000, 5_000, 4),)
        )
        one = replace(examples.settlement().order_settlements[0], period=DAY)
        bill = uftp.FlexSettlement(ours.header(DSO, AGR), DAY, DAY, "EUR", (one,), (contract,))
        return [update, bill]

    expected = {
        "TestMessageResponse", "AgrPortfolioUpdate", "AgrPortfolioQuery", "DPrognosis", "FlexRequestResponse", "FlexOffer",
        "FlexOfferRevocation", "FlexOrderResponse", "FlexReservationUpdateResponse", "FlexSettlementResponse", "Metering",
        "TestMessage",
    }  # fmt: skip
    back = {
        "TestMessage", "TestMessageResponse", "AgrPortfolioUpdateResponse", "AgrPortfolioQueryResponse", "DPrognosisResponse",
        "FlexRequest", "FlexOfferResponse", "FlexOfferRevocationResponse", "FlexOrder", "FlexReservationUpdate",
        "FlexSettlement", "MeteringResponse",
    }  # fmt: skip

    async def run(theirs: Reference) -> Any:
        async with running(tmp_path, (DSO, CRO), ports) as edge:
            theirs.tell("begin")
            await ours.play(edge, answer, lambda: ours.kinds() >= expected and set(theirs.heard()) >= back)
            return edge.log.counts()

    with reference(python, tmp_path, AGR, ports) as theirs:
        counts = asyncio.run(run(theirs))
    told = (tmp_path / f"{AGR}.log").read_text()
    assert ours.kinds() >= expected, told
    assert set(theirs.heard()) >= back, told
    assert (counts["rejected"], counts["waiting"], counts["failed"]) == (0, 0, 0)
    metered = next(m for m in ours.got if isinstance(m, uftp.Metering))
    assert metered.profiles[0].values == (-30_125,) * 96
    offered = next(m for m in ours.got if isinstance(m, uftp.FlexOffer))
    assert offered.options[0] == uftp.OfferOption("all", 123_400, (uftp.IspPower(49, 10_000, 4),), 50)
    settled = next(said for said in theirs.got if said["got"] == "FlexSettlement")
    assert settled["flex_order_settlements"][0]["net_settlement"] == "12.3400"


def test_our_aggregator_speaks_with_their_dso_and_cro(python: Path, tmp_path: Path) -> None:
    """The other way round: both of their services, every message of an aggregator."""
    ports, ours = {AGR: free_port(), DSO: free_port(), CRO: free_port()}, Ours()

    def answer(message: Any) -> list[UftpMessage]:
        if is_response(type(message)):
            return []
        told = [ours.accept(message)]
        match message:
            case uftp.FlexRequest():
                asked = message.header
                first, second = (
                    replace(examples.offer(), header=ours.header(AGR, DSO, asked.conversation_id), period=DAY,
                            flex_request_message_id=asked.message_id, d_prognosis_message_id=None)
                    for _ in range(2)
                )  # fmt: skip
                revocation = uftp.FlexOfferRevocation(
                    ours.header(AGR, DSO, asked.conversation_id), second.header.message_id
                )
                told += [first, second, revocation]
            case uftp.FlexReservationUpdate():
                told.append(replace(examples.metering(), header=ours.header(AGR, DSO), period=DAY))
            case uftp.FlexSettlement():
                status = uftp.FlexOrderSettlementStatus("order-1", uftp.AcceptedDisputed.DISPUTED, "ISP 49: 1 W")
                told = [replace(told[0], statuses=(status,))]
        return told

    expected = {
        "TestMessageResponse", "AgrPortfolioUpdateResponse", "AgrPortfolioQueryResponse", "DPrognosisResponse", "FlexRequest",
        "FlexOfferResponse", "FlexOfferRevocationResponse", "FlexOrder", "FlexReservationUpdate", "MeteringResponse",
        "FlexSettlement",
    }  # fmt: skip
    at_dso = {
        "TestMessage", "DPrognosis", "FlexRequestResponse", "FlexOffer", "FlexOfferRevocation", "FlexOrderResponse",
        "FlexReservationUpdateResponse", "Metering", "FlexSettlementResponse",
        "DsoPortfolioUpdateResponse", "DsoPortfolioQueryResponse",
    }  # fmt: skip

    async def run(dso: Reference, cro: Reference) -> Any:
        async with running(tmp_path, (AGR,), ports) as edge:
            connection = uftp.Connection("ean.871685900012636543", DAY)
            # One after the other: their services read several messages at once with one parser, and then refuse good ones.
            edge.send([(peer, uftp.TestMessage(ours.header(AGR, peer))) for peer in (DSO, CRO)])
            await ours.play(edge, answer, lambda: len(ours.got) == 2)
            edge.send([(CRO, uftp.AgrPortfolioUpdate(ours.header(AGR, CRO), (connection,), examples.ZONE))])
            await ours.play(edge, answer, lambda: len(ours.got) == 3)
            edge.send([(CRO, uftp.AgrPortfolioQuery(ours.header(AGR, CRO), DAY, examples.ZONE))])
            await ours.play(edge, answer, lambda: len(ours.got) == 4)
            dso.tell("begin")
            await ours.play(edge, answer, lambda: set(dso.heard()) > {"TestMessage", "DsoPortfolioUpdateResponse"})
            edge.send([(DSO, replace(examples.prognosis(), header=ours.header(AGR, DSO), period=DAY))])
            await ours.play(edge, answer, lambda: ours.kinds() >= expected and set(dso.heard()) >= at_dso)
            return edge.log.counts()

    with reference(python, tmp_path, DSO, ports) as dso, reference(python, tmp_path, CRO, ports) as cro:
        counts = asyncio.run(run(dso, cro))
    told = (tmp_path / f"{DSO}.log").read_text() + (tmp_path / f"{CRO}.log").read_text()
    assert ours.kinds() >= expected, told
    assert set(dso.heard()) >= at_dso, told
    assert set(cro.heard()) == {
        "TestMessage",
        "AgrPortfolioUpdate",
        "AgrPortfolioQuery",
        "DsoPortfolioUpdate",
        "DsoPortfolioQuery",
    }
    assert (counts["rejected"], counts["waiting"], counts["failed"]) == (1, 0, 0)
    refused = [said for said in dso.got if said["got"] == "FlexOrderResponse" and said["result"] == "Rejected"]
    assert refused[0]["rejection_reason"].startswith("Reference message revoked: FlexOfferMessageID")  # it orders both
    ordered = next(m for m in ours.got if isinstance(m, uftp.FlexOrder))
    assert (ordered.price, ordered.isps) == (123_400, (uftp.IspPower(49, 10_000, 4),))
    metered = next(said for said in dso.got if said["got"] == "Metering")
    assert {row["value"] for row in metered["profiles"][0]["isps"]} == {"-40.000"}
