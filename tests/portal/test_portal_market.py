"""A party's token opens its own rows of the market, and nothing else."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cim.model.errors import BadInput
from cim.platform.publications.agreements import (
    AssetsRegistered,
    RegisteredAsset,
    TemplatePublished,
    UnitMoved,
    UnitsMoved,
)
from cim.platform.publications.settlement import (
    BaselineChecked,
    DisputeDecided,
    PaymentRow,
    PaymentsMade,
    SettlementTold,
)
from portal.app import create_app
from portal.tokens import PARTIES, party_tokens
from tests.worlds.doubles import BEARER, TOKEN, FakeSite, client

AT, DAY = datetime(2026, 5, 20, tzinfo=UTC), date(2026, 5, 20)
PARTY_TOKENS = {"a" * 43: "farm-a.example", "b" * 43: "farm-b.example", "g" * 43: "agr.example"}
PAGES = ("assets", "baselines", "contracts", "disputes", "payments", "register", "settlements")


def site() -> FakeSite:
    """Two farms that sell to one aggregator."""
    found = FakeSite()
    for farm in ("farm-a", "farm-b"):
        owner = f"{farm}.example"
        asset = RegisteredAsset(f"{farm}.pv", "pv", owner, f"ean.{farm}", "point", 0, -5000, False, True)
        moved = UnitMoved(f"{farm}.pv", "redispatch", "prequalified", "prequalified", "agr.example", "point", "")
        found.store.put(farm, AssetsRegistered(AT, (asset,)))
        found.store.put("dso", UnitsMoved(AT, "dso.example", (moved,)))
        found.store.put("agr", SettlementTold(AT, farm, "agr.example", owner, DAY, DAY, 1, "EUR", ()))
        found.store.put("agr", BaselineChecked(AT, "agr.example", owner, f"ean.{farm}", DAY, 1, (1,), (3,), (2,), ()))
        found.store.put("dso", DisputeDecided(AT, DAY, "agr.example", owner, ("o",), (f"{farm}.pv",), "it differed"))
        found.store.put("agr", PaymentsMade(AT, (PaymentRow("agr.example", owner, 7, "utilisation", farm, "EUR"),)))
    return found


def see(path: str, token: str) -> tuple[int, Any]:
    """What a token's holder is answered."""

    async def ask() -> tuple[int, Any]:
        async with client(create_app(site(), TOKEN, parties=PARTY_TOKENS)) as caller:
            answer = await caller.get(path, headers={"Authorization": f"Bearer {token}"})
            return answer.status_code, answer.json()

    return asyncio.run(ask())


@pytest.mark.parametrize("page", [page for page in PAGES if page != "contracts"])
def test_a_farm_sees_its_own_rows_only(page: str) -> None:
    """No row, name or amount of the other farm is in any answer; the aggregator and the operator see both farms' dealings."""
    status, rows = see(f"/market/{page}", "a" * 43)
    assert status == 200
    assert len(rows) == 1
    assert "farm-a" in str(rows)
    assert "farm-b" not in str(rows)
    if page != "assets":
        assert len(see(f"/market/{page}", "g" * 43)[1]) == 2
    assert len(see(f"/market/{page}", TOKEN)[1]) == 2


def test_templates_are_read_by_every_party_with_superseded_versions() -> None:
    """A farm reads what it is offered, and what was offered before."""
    found = FakeSite()
    for version in (1, 2):
        terms = ("household-daily", version, (1,), 0, 1440, 4 * version, "day", 16, 2, 1000, 200, 0, "fixed", True)
        found.store.put("agr", TemplatePublished(AT, "agr.example", *terms))

    async def ask() -> list[tuple[str, int, int]]:
        async with client(create_app(found, TOKEN, parties=PARTY_TOKENS)) as caller:
            answer = await caller.get("/market/templates", headers={"Authorization": f"Bearer {'a' * 43}"})
            return [(row["template"], row["version"], row["max_activations"]) for row in answer.json()]

    assert asyncio.run(ask()) == [("household-daily", 1, 4), ("household-daily", 2, 8)]


@pytest.mark.parametrize("path", ["/dso/state", "/openapi.json", "/health", "/market", "/nowhere"])
def test_a_partys_token_opens_nothing_but_the_market(path: str) -> None:
    """403 with a reason, whether the path exists or not: a farm never sees the whole grid, nor agents' health in full."""
    status, body = see(path, "a" * 43)
    assert status == 403
    assert "operator" in body["detail"]


@pytest.mark.parametrize("page", PAGES)
def test_without_a_token_there_is_nothing(page: str) -> None:
    """401 for who shows none or a wrong one."""

    async def ask(headers: dict[str, str]) -> int:
        async with client(create_app(site(), TOKEN, parties=PARTY_TOKENS)) as caller:
            return (await caller.get(f"/market/{page}", headers=headers)).status_code

    assert asyncio.run(ask({})) == 401
    assert asyncio.run(ask({"Authorization": f"Bearer {'c' * 43}"})) == 401
    assert asyncio.run(ask(BEARER)) == 200


def test_each_party_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Tokens are made once, differ, stay, and only their owner may read them; one that stands twice is refused."""
    domains = ("farm-a.example", "dso.example")
    found = party_tokens(tmp_path, domains)
    assert sorted(found.values()) == sorted(domains)
    assert party_tokens(tmp_path, domains) == found
    paths = sorted((tmp_path / PARTIES).iterdir())
    assert [path.name for path in paths] == ["dso.example.token", "farm-a.example.token"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    paths[0].write_text(paths[1].read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(BadInput, match="have the same"):
        party_tokens(tmp_path, domains)
