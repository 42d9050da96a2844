"""A living site one of whose aggregators lives elsewhere: its DSO and CRO, real agents, trade with it over UFTP.

The aggregator elsewhere is a script behind a second edge; it has no devices, so what it sells is not delivered.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("shapeshifter_uftp", reason="shapeshifter-uftp is not installed; `make` renews the environment")

from agents.assembly.free_port import free_port
from agents.assembly.grid_of_site import usage_point
from environment.sites import load_site
from market import uftp
from market.uftp.checks import MarketScope, ReplayWindow
from market.uftp.exchange import asked_by, is_response, plain_response
from market.uftp.header import Header, UftpMessage
from pilot.uftp.edge import Edge, running_edge
from pilot.uftp.parties import PATH, load_parties, write_key
from tests.worlds.market_days import corner_of_strem
from tests.worlds.uftp_messages import number

pytestmark = pytest.mark.slow

LV = "ea1.2016-01.at.strem:lv-rural1"
SCOPE = MarketScope("Europe/Vienna", 15, "EUR", frozenset({LV}))
AGR, DSO, CRO = "agr-west.example", "dso.strem.example", "iles.strem.example"
START, DAY = datetime(2016, 5, 19, 8, tzinfo=UTC), date(2016, 5, 20)
PATIENCE_S = 240.0

SITE = """
listen: {{port: {site}}}
ours:
  - {{name: dso, domain: dso.strem.example, role: DSO, key: dso.key}}
  - {{name: iles, domain: iles.strem.example, role: CRO, key: iles.key}}
peers:
  - {{name: agr-west, domain: agr-west.example, role: AGR, url: "http://127.0.0.1:{agr}{path}", public_key: {agr_key}}}
"""
ELSEWHERE = """
listen: {{port: {agr}}}
ours: [{{name: west, domain: agr-west.example, role: AGR, key: agr.key}}]
peers:
  - {{name: dso, domain: dso.strem.example, role: DSO, url: "http://127.0.0.1:{site}{path}", public_key: {dso_key}}}
  - {{name: cro, domain: iles.strem.example, role: CRO, url: "http://127.0.0.1:{site}{path}", public_key: {iles_key}}}
"""


class West:
    """The aggregator elsewhere: foretells much sun, offers all that is asked for, accepts every order and settlement."""

    def __init__(self, connection: str) -> None:
        self.connection, self.got = connection, list[Any]()
        self.now, self._count = START, 900

    def header(self, to: str, conversation: str | None = None) -> Header:
        """A new message's, dated by what it last heard of the site's time."""
        self._count += 1
        return Header(AGR, to, self.now, number(self._count), conversation or number(self._count))

    def begin(self) -> list[UftpMessage]:
        """Who it serves, and what is expected of them."""
        connection = uftp.Connection(self.connection, DAY)
        sun = tuple(-90_000 if 36 <= isp <= 68 else 2_000 for isp in range(1, 97))
        return [
            uftp.AgrPortfolioUpdate(self.header(CRO), (connection,), "Europe/Vienna"),
            uftp.AgrPortfolioQuery(self.header(CRO), DAY, "Europe/Vienna"),
            uftp.DPrognosis(self.header(DSO), DAY, LV, 1, sun, "Europe/Vienna"),
        ]

    def hear(self, message: Any) -> list[UftpMessage]:
        """What it answers."""
        self.got.append(message)
        self.now = max(self.now, message.header.time_stamp)
        if is_response(type(message)):
            return []
        head = self.header(message.header.sender_domain, message.header.conversation_id)
        answer = plain_response(asked_by(message), head, uftp.Result.ACCEPTED, None)
        assert answer is not None
        if isinstance(message, uftp.FlexSettlement):
            told = uftp.AcceptedDisputed.ACCEPTED
            statuses = tuple(uftp.FlexOrderSettlementStatus(o.order_reference, told) for o in message.order_settlements)
            return [replace(answer, statuses=statuses)]
        return [answer, self.offer(message)] if isinstance(message, uftp.FlexRequest) else [answer]

    def offer(self, asked: uftp.FlexRequest) -> UftpMessage:
        """All that is asked for, cheaply."""
        rows = tuple(
            uftp.IspPower(isp.start, isp.min_power_w if isp.min_power_w > 0 else isp.max_power_w, isp.duration)
            for isp in asked.isps
            if isp.disposition is uftp.Disposition.REQUESTED
        )
        prognosis = next(
            m for m in self.begun if isinstance(m, uftp.DPrognosis) and m.congestion_point == asked.congestion_point
        )
        return uftp.FlexOffer(
            self.header(DSO, asked.header.conversation_id), asked.period, asked.congestion_point, asked.expiration,
            (uftp.OfferOption("all", 5_000, rows, 1),), "EUR", "Europe/Vienna",
            flex_request_message_id=asked.header.message_id, d_prognosis_message_id=prognosis.header.message_id,
        )  # fmt: skip

    async def live(self, edge: Edge, site: subprocess.Popen[bytes]) -> None:
        """Trade until the day is settled."""
        until = time.monotonic() + PATIENCE_S
        self.begun = self.begin()
        edge.send((m.header.recipient_domain, m) for m in self.begun)
        while not self.over() and time.monotonic() < until and site.poll() is None:
            for row, message in edge.log.unhanded():
                edge.send((m.header.recipient_domain, m) for m in self.hear(message))
                edge.log.handed([row])
            await asyncio.sleep(0.05)

    def over(self) -> bool:
        """Whether it has been told what is paid for."""
        return any(isinstance(m, uftp.FlexSettlement) and m.order_settlements for m in self.got)


def test_a_sites_dso_trades_with_an_aggregator_elsewhere(tmp_path: Path) -> None:
    """Registered with the CRO, heard, asked, ordered, settled: by the site's own agents, over the signed transport."""
    ports = {"site": free_port(), "agr": free_port()}
    keys = {f"{me}_key": base64.b64encode(write_key(tmp_path / f"{me}.key")).decode() for me in ("dso", "iles", "agr")}
    for name, text in (("site.yaml", SITE), ("agr.yaml", ELSEWHERE)):
        (tmp_path / name).write_text(text.format(path=PATH, **ports, **keys))
    place = corner_of_strem(tmp_path)
    command = [
        sys.executable, "-m", "experiments.cli.main", "up", str(place), "--runtime", "local", "--speed", "1800", "--days", "1",
        "--port", "0", "--folder", str(tmp_path / "site"), "--uftp", str(tmp_path / "site.yaml"),
    ]  # fmt: skip
    west = West(usage_point(load_site(str(place)), "farm-4"))

    async def run(site: subprocess.Popen[bytes]) -> None:
        window = ReplayWindow(ahead=timedelta(days=30))
        async with running_edge(
            load_parties(tmp_path / "agr.yaml"), SCOPE, tmp_path / "agr", here=lambda: west.now,
            wall=lambda: datetime.now(UTC), window=window,
        ) as edge:  # fmt: skip
            await west.live(edge, site)

    with (tmp_path / "up.log").open("wb") as log:
        site = subprocess.Popen(command, stderr=log, stdout=log, start_new_session=True)
        try:
            asyncio.run(run(site))
        finally:
            if site.poll() is None:
                os.killpg(site.pid, signal.SIGTERM)
            site.wait(60)
    said = (tmp_path / "up.log").read_text(errors="replace")
    told = json.dumps([type(m).__name__ for m in west.got])
    kinds = {type(m).__name__ for m in west.got}
    assert kinds >= {
        "AgrPortfolioUpdateResponse", "AgrPortfolioQueryResponse", "DPrognosisResponse", "FlexRequest", "FlexOfferResponse",
        "FlexOrder", "FlexSettlement",
    }, told + said[-3000:]  # fmt: skip
    refused = [m for m in west.got if is_response(type(m)) and m.result is uftp.Result.REJECTED]
    # At this pace a moment of ours is an hour there: an offer may come after its request has ended.
    late = ("is no open request", "ended at")
    assert {m.rejection_reason for m in refused if not any(words in str(m.rejection_reason) for words in late)} == set()
    ordered = next(m for m in west.got if isinstance(m, uftp.FlexOrder))
    settled = next(m for m in west.got if isinstance(m, uftp.FlexSettlement) and m.order_settlements)
    assert ordered.order_reference in {one.order_reference for one in settled.order_settlements}
    with closing(sqlite3.connect(tmp_path / "site" / "uftp.db")) as log_of_site:
        rejected = log_of_site.execute("SELECT reason FROM incoming WHERE reason IS NOT NULL").fetchall()
    assert [reason for (reason,) in rejected if not any(words in reason for words in late)] == []
