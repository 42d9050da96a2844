"""`iles market show`: what it prints of a finished day is what the market's parties said, and nothing is written."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.settlement import BaselineChecked
from cim.platform.publications.trading import FlexOffered, FlexRequested
from cim.platform.published import published
from experiments.cli.market import app
from experiments.market.book import market_book
from experiments.market.tables import SECTIONS
from market.negotiation.messages import ContractAccept
from market.register.providers import ProviderSwitch
from market.uftp import FlexOrder, FlexSettlement
from tests.worlds import players
from tests.worlds.miniature import Miniature
from tests.worlds.undisturbed import undisturbed


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Miniature, Path]:
    """A settled day of four homes, and the folder it left."""
    folder = tmp_path_factory.mktemp("day")
    market = undisturbed(players.DAY.end + timedelta(hours=8), folder / "ledger.db")
    store = ParquetStore(folder)
    for agent, publication in market.published:
        store.put(agent, publication)
    store.close()
    market.ledger.close()
    return market, folder


def shown(folder: Path, *arguments: str) -> str:
    """What the command prints."""
    result = CliRunner().invoke(app, ["show", str(folder), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_json_holds_what_was_said(day: tuple[Miniature, Path]) -> None:
    """Every unit, request, order, contract and settlement, with the amounts of the messages themselves."""
    market, folder = day
    book: dict[str, Any] = json.loads(shown(folder, "--json"))
    assert {unit["state"] for unit in book["register"]} == {"prequalified"}
    assert len(book["register"]) == 8
    assert len(book["requests"]) == len(market.told(FlexRequested))
    assert len(book["offers"]) == sum(len(offer.options) for offer in market.told(FlexOffered))
    orders = {m.order_reference: m for _, to, m in market.sent if isinstance(m, FlexOrder) and to.startswith("agr")}
    assert {row["reference"] for row in book["orders"]} == set(orders)
    for row in book["orders"]:
        order = orders[row["reference"]]
        assert row["price"] * 10_000 == pytest.approx(order.price)
        assert row["energy_kwh"] == pytest.approx(sum(abs(isp.power_w) for isp in order.isps) / 4000)
    assert len(book["contracts"]) == len(market.said(ContractAccept))
    assert all(len(row["signed_by"]) == 2 for row in book["contracts"])
    settlements = {(m.header.sender_domain, m.header.recipient_domain): m for m in market.said(FlexSettlement)}
    assert len(book["settlements"]) == len(settlements)
    for row in book["settlements"]:
        told = settlements[row["buyer"], row["seller"]]
        assert row["net"] * 10_000 == pytest.approx(sum(part.net_settlement for part in told.order_settlements))
        assert row["accepted"] == row["orders"]
        assert row["disputed"] == 0


def test_settlements_show_the_month_and_baselines_every_place(day: tuple[Miniature, Path]) -> None:
    """What has accumulated is the message's; each place's row has the energies and the largest deviation of what was told."""
    market, folder = day
    book = market_book(folder)
    sums = {(m.header.sender_domain, m.header.recipient_domain): m.sums for m in market.said(FlexSettlement)}
    for row in book.settlements:
        total = sums[row.buyer, row.seller]
        assert total is not None
        assert row.since == total.since.isoformat()
        assert row.accumulated_volume_kwh * 1000 == pytest.approx(total.accumulated.volume_wh)
        assert row.accumulated_deviation_kwh * 1000 == pytest.approx(total.accumulated.deviation_wh)
        assert row.accumulated_price * 10_000 == pytest.approx(total.accumulated.price_e4)
    checks = market.told(BaselineChecked)
    assert [(row.seller, row.place) for row in book.baselines] == [(c.seller, c.place) for c in checks]
    for line, check in zip(book.baselines, checks, strict=True):
        assert line.deviation_kwh == pytest.approx(sum(map(abs, check.deviation_w)) / 4000)
        assert line.actual_kwh == pytest.approx(sum(check.actual_w) / 4000)
        assert abs(line.largest_w) == max(map(abs, check.deviation_w))
        assert check.deviation_w[line.largest_isp - 1] == line.largest_w


def test_the_tables_show_each_section(day: tuple[Miniature, Path]) -> None:
    """All of them, or those that are asked for; each says how many rows it has."""
    _, folder = day
    whole = shown(folder)
    titles = (
        "Flexibility register (8)",
        "Requests (",
        "Offers, option by option (",
        "Orders (",
        "Contracts (",
        "Settlements (",
        "Baselines (final forecast",
    )
    assert all(title in whole for title in titles)
    assert "home-a.bat" in whole
    assert "framework" in whole
    some = shown(folder, "--only", "register")
    assert "Flexibility register (8)" in some
    assert "Contracts (" not in some


def test_nothing_in_the_folder_is_touched(day: tuple[Miniature, Path]) -> None:
    """A run's folder is only read: no file comes, goes or changes."""
    _, folder = day
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    shown(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_a_folder_without_a_ledger_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """It names the file that is missing; and a section that there is not is refused by those there are."""
    with pytest.raises(BadInput, match=r"ledger\.db does not exist"):
        market_book(tmp_path)
    result = CliRunner().invoke(app, ["show", str(tmp_path), "--only", "orders"])
    assert result.exit_code == 2
    assert all(section in result.output for section in SECTIONS)


def test_what_was_published_is_read_in_order_from_all_parts(tmp_path: Path, day: tuple[Miniature, Path]) -> None:
    """Written in two spells, so in two parts: as it was put; a folder without tables has published nothing."""
    market, _ = day
    told = market.told(FlexRequested)
    assert len(told) > 1
    for k, half in enumerate((told[:1], told[1:])):
        store = ParquetStore(tmp_path, keep=bool(k))
        for publication in half:
            store.put("dso", publication)
        store.close()
    assert published(tmp_path, FlexRequested) == told
    assert published(tmp_path / "nowhere", FlexRequested) == []


def test_a_unit_that_changed_its_provider_shows_its_life(tmp_path: Path) -> None:
    """Applied with, prequalified, asked to switch, taken over: each move with who made it and where the unit stood then."""
    second = players.FIRST + timedelta(days=1)
    switches = {"home-b": (ProviderSwitch(second, "agr-2"),)}
    market = undisturbed(players.DAY.at(10), tmp_path / "ledger.db", days=2, switches=switches)
    market.ledger.close()
    book: dict[str, Any] = json.loads(shown(tmp_path, "--json"))
    life = [(m["move"], m["by"], m["state"], m["provider"]) for m in book["switched"] if m["unit"] == "home-b.pv"]
    home, old, new = "home-b.example", "agr.example", "agr-2.example"
    assert life == [
        ("application", home, "applied", old),
        ("prequalification", "dso.example", "prequalified", old),
        ("switch asked for", home, "switching", old),
        ("take-over", new, "prequalified", new),
    ]
    assert {m["unit"] for m in book["switched"]} == {"home-b.pv", "home-b.bat"}
    assert "Lives of units that changed their provider (8)" in shown(tmp_path, "--only", "register")
