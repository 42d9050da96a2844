"""A portal with users and a browser that logs in, without sockets; passwords are hashed as cheaply as argon2 allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from cim.platform.access.principals import Role
from portal.auth.log_in import LogIn
from portal.auth.users import FIRST

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ORIGIN = "http://portal.test"
PASSWORDS = {FIRST: "administrators own", "ada": "adas long password", "farmer": "farmers long password"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Clock:
    """Seconds that a test moves on."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """The instant."""
        return self.now


@dataclass
class Door:
    """A log-in with an administrator, a DSO's engineer (ada) and a farmer, each with a password of its own."""

    folder: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.log_in = LogIn(self.folder, CHEAP, self.clock, self.clock)
        users = self.log_in.users
        users.add(FIRST, Role.ADMINISTRATOR, "", PASSWORDS[FIRST], one_time=False)
        users.add("ada", Role.DSO, "dso.example", PASSWORDS["ada"], one_time=False)
        users.add("farmer", Role.PROSUMER, "farm.example", PASSWORDS["farmer"], one_time=False)


def browser(app: FastAPI, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """One that keeps cookies, and says what a browser says; it follows no redirection by itself."""
    transport = httpx.ASGITransport(app=app, client=("192.0.2.1", 40_000))
    says = {"Accept": "text/html", "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", **(headers or {})}
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=says)


async def enter(caller: httpx.AsyncClient, name: str, password: str | None = None, to: str = "/") -> httpx.Response:
    """Log in by the form."""
    fields = {"name": name, "password": PASSWORDS.get(name, "") if password is None else password, "next": to}
    return await caller.post("/login", data=fields)
