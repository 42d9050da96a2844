"""A small finished site behind the portal, all of its routes there, on Strem's network: what the portal's fuzz calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from argon2 import PasswordHasher
from fastapi import FastAPI

from cim.model.readings import Kind, Reading
from cim.platform.access.principals import Role
from cim.platform.mailbox.mailbox import Mailbox, mailbox_path
from cim.platform.mailbox.requests import RequestAnswered, Wanted
from cim.platform.orchestrator.filing import file_run
from cim.platform.parquet_store import ParquetStore
from cim.platform.provisioning.definition import read_definition
from cim.platform.provisioning.rate import RateLimit
from cim.platform.publications.agreements import AssetsRegistered, RegisteredAsset
from cim.platform.publications.grid import ExchangeBand, FeedInLimited, PortfolioBand, SafetyAnalysed
from cim.platform.publications.measured import ReadingsTaken
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint
from cim.platform.publications.trading import PrognosisTaken
from cim.platform.site_data import Connection, SiteFacts
from environment.sites.loader import load_site
from pilot.page_sources import sources_of
from portal.actions import ActionSite
from portal.app import create_app
from portal.auth.caller import SERVICE_PATHS
from portal.auth.log_in import LogIn
from portal.callers import market_callers, market_roles, named_callers, named_roles, principals_path
from portal.finished import FinishedRun
from portal.guard import Rates
from portal.live_data import LiveData
from portal.news import News
from portal.shift_log import ShiftLog, shift_log_path
from portal.tokens import party_tokens, portal_token, service_tokens

NOON = datetime(2026, 5, 20, 10, tzinfo=UTC)
DSO, FARM, LAB = "dso.example", "farm.example", "lab"
ENGINEER, PASSWORD = "ada", "adas long password"
_PARTIES = {FARM: "farm", "agr.example": "agr", DSO: "dso"}
_CONNECTIONS = (
    Connection("farm", "prosumer", "agr", "lv", {"farm.meter": "meter", "farm.pv": "pv"}),
    Connection("lv", "grid", "", "lv", {"lv.meter": "meter"}),
)
_QUERY = {
    "name": "power",
    "title": "Power of connections",
    "attributes": ["usage_point", "begin", "value"],
    "parameters": [{"name": "least", "type": "number", "says": "At least.", "default": 0}],
    "filters": [{"column": "value", "test": ">=", "value": "$least"}],
}


@dataclass(frozen=True)
class FuzzedSite:
    """A portal and who may call it.

    Attributes:
        tokens: by caller (`operator`, a party's domain, a researcher's name, `metrics`), its bearer token.
        log_in: the users, of whom `ENGINEER` has `PASSWORD`.
    """

    app: FastAPI
    tokens: dict[str, str]
    log_in: LogIn
    mailbox: Mailbox


def fuzzed_site(folder: Path) -> FuzzedSite:
    """Write a small site into an empty folder, and open its portal.

    Nobody asks too often here: the rates are tested by themselves.
    """
    _write(folder)
    log_in = LogIn(folder, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    log_in.users.first_start()
    log_in.users.add(ENGINEER, Role.DSO, DSO, PASSWORD, one_time=False)
    mailbox = Mailbox(mailbox_path(folder))
    mailbox.notify = _agent(mailbox)
    callers = (*market_callers(folder), *named_callers(folder))
    parties, services = party_tokens(folder, callers), service_tokens(folder, SERVICE_PATHS)
    data = LiveData(folder, lambda: NOON, make_index=True, rate=RateLimit(1_000_000, 1e6))
    data().define("operator", read_definition(json.dumps(_QUERY)))
    app = create_app(
        FinishedRun(folder),
        portal_token(folder),
        patience_s=60.0,
        parties=parties,
        data=data,
        data_folder=folder,
        roles={**market_roles(folder), **named_roles(folder)},
        log_in=log_in,
        actions=ActionSite(mailbox, DSO, lambda: NOON, log_in.audit, ShiftLog(shift_log_path(folder))),
        sources=sources_of(folder, load_site("strem")),
        news=News(lambda: NOON),
        services=services,
        rates=Rates(RateLimit(1_000_000, 1e6), RateLimit(1_000_000, 1e6)),
    )
    tokens = {name: token for token, name in {**parties, **services}.items()}
    return FuzzedSite(app, {"operator": portal_token(folder), **tokens}, log_in, mailbox)


def _write(folder: Path) -> None:
    store = ParquetStore(folder, keep=True)
    parties = tuple(Party(name, domain) for domain, name in _PARTIES.items())
    strem = load_site("strem")
    points = tuple(WatchedPoint(point.id, point.branch, 95.0) for point in strem.congestion_points)
    store.put("small", SiteDescribed(NOON, "small", "Europe/Vienna", 15, DSO, parties, points))
    day = NOON.date()
    for point in points:
        foretold = PrognosisTaken(
            NOON, f"p {point.congestion_point}", "agr.example", point.congestion_point, day, 1, (9_000,) * 96
        )
        store.put(DSO, foretold)
        band = ((1_000,) * 96, (9_000,) * 96, (30_000,) * 96)
        store.put(DSO, PortfolioBand(NOON, "agr.example", point.congestion_point, day, *band))
        store.put(DSO, SafetyAnalysed(NOON, point.congestion_point, day, (-500,) * 96, (101.0,) * 96))
    store.put("iles", ExchangeBand(NOON, day, (1_000,) * 96, (2_000,) * 96, (3_000,) * 96))
    store.put(DSO, FeedInLimited(NOON, "farm", points[0].congestion_point, day, 48, -1_000, NOON))
    store.put(
        "farm", AssetsRegistered(NOON, (RegisteredAsset("farm.pv", "pv", FARM, "farm", "lv", 0, 5000, False, True),))
    )
    for quarter in range(8):
        at = NOON + timedelta(minutes=15 * quarter)
        meters = ("farm.meter", "farm.pv", "lv.meter")
        store.put("device", ReadingsTaken(at, tuple(Reading(m, Kind.POWER, -100.0 * quarter, at) for m in meters)))
    store.close()
    file_run(folder, SiteFacts("small", "Europe/Vienna", _CONNECTIONS, _PARTIES, "dso"), NOON)
    principals_path(folder).parent.mkdir(parents=True, exist_ok=True)
    principals_path(folder).write_text(json.dumps({"researchers": {LAB: "study"}}), encoding="utf-8")


def _agent(mailbox: Mailbox) -> Callable[[], None]:
    """An agent that takes what it is asked at once."""
    rounds = count(1)

    def lane(_: Wanted) -> int:
        return 1

    def answer() -> None:
        number = next(rounds)
        for letter in mailbox.deal(number, lane):
            mailbox.answered(RequestAnswered(letter.number, True, "taken"), NOON)
        mailbox.taken(number)

    return answer
