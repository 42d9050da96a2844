"""The microgrid as a service in a whole market: agreed, signed, told, called by a setpoint, measured, paid and divided."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.planning.instance.bands import merged
from agents.roles.instance_messages import PortfolioFlexibility
from agents.roles.service_messages import ServiceTold
from cim.codec.codec import decode
from cim.platform.mailbox.requests import MAILBOX, MicrogridSetpointWanted, RequestAnswered
from cim.platform.publications.incidents import RuleBroken
from cim.platform.publications.ledger import RecordRefused
from experiments.market.book import market_book
from market.contracts.service_level import LEVEL, SERVICE, ServiceLevel, deduction_e4
from market.ledger.reader import LedgerReader
from market.settlement.payments import Payment, balance, capacity_amount
from market.uftp import AcceptedDisputed, DPrognosis
from tests.worlds.miniature import SERVICE as TERMS
from tests.worlds.miniature import Miniature
from tests.worlds.players import DAY, FIRST

FIRST_ISP, LAST_ISP = DAY.isp_of(DAY.at(18)), DAY.isp_of(DAY.at(22)) - 1


def bodies(path: Path, kind: str) -> list[Any]:
    """What records of a kind say."""
    with LedgerReader(path) as reader:
        return [decode(record.body) for record in reader.records() if record.kind == kind]


def service_of(path: Path) -> tuple[Any, Any, Any]:
    """The contract, its level, and the settlement of the day."""
    (contract,) = [one for one in bodies(path, "contract") if one.template == SERVICE]
    (level,) = bodies(path, LEVEL)
    (settled,) = [s for s in bodies(path, "flex-settlement") if s.header.recipient_domain == "iles.example"]
    return contract, level, settled


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """Four homes with batteries; at four the whole is set half a kilowatt lower for two quarter-hours of the service."""
    made = Miniature(tmp_path_factory.mktemp("service") / "ledger.db", service=True)
    made.play(DAY.at(16))
    told: ServiceTold = [one for one in made.said(ServiceTold) if one.period == FIRST][-1]
    assert min(told.down_w[FIRST_ISP + 3 : FIRST_ISP + 5]) > 500
    expected = sum(p.power_w[FIRST_ISP + 3] for p in _newest(made))
    wanted = MicrogridSetpointWanted("n-1", "ada", FIRST, FIRST_ISP + 4, FIRST_ISP + 5, expected - 1000)
    made.hear(MAILBOX, "dso", 1, wanted, DAY.at(16))
    made.go_on(DAY.end + timedelta(hours=7))
    return made


def _newest(market: Miniature) -> list[Any]:
    """Each portfolio's last prognosis of the day, as the DSO heard it."""
    found = {}
    for sender, to, message in market.sent:
        if to == "dso" and type(message).__name__ == "DPrognosis" and message.period == FIRST:
            found[sender] = message
    return list(found.values())


def _told_in_time(market: Miniature) -> dict[str, int]:
    """By seller, what its portfolio told half an hour before that it could move, over the quarter-hours of the service."""
    prognosed = {
        (sender, m.revision): m.header.time_stamp
        for sender, to, m in market.sent
        if to == "dso" and isinstance(m, DPrognosis) and m.period == FIRST
    }
    newest: dict[tuple[str, int], int] = {}
    for sender, _, message in market.sent:
        if isinstance(message, PortfolioFlexibility) and message.period == FIRST:
            at = prognosed[sender, message.revision]
            for isp in range(FIRST_ISP, LAST_ISP + 1):
                if DAY.isp_start(isp) >= at + timedelta(minutes=TERMS.response_min):
                    rows = [band.once_w(0.25)[isp - 1] for band in merged([message.gives]).down]
                    newest[sender, isp] = sum(rows)
    return {name: sum(w for (who, _), w in newest.items() if who == name) for name in ("agr", "agr-2")}


def test_contract_and_level_are_signed_by_both(market: Miniature) -> None:
    """Two kilowatts less from six to ten, at a price between what both want; the level is beside it."""
    contract, level, _ = service_of(market.path)
    assert (contract.buyer, contract.seller) == ("dso.example", "iles.example")
    assert (contract.amount_down_w, contract.start_minute, contract.end_minute) == (-2000, 18 * 60, 22 * 60)
    assert 500 <= contract.capacity_price_e4_per_kw_day <= 900
    assert level == ServiceLevel(contract.contract_id, TERMS.response_min, TERMS.availability_pct, TERMS.deduction_pct)
    with LedgerReader(market.path) as reader:
        signed = {r.kind: {s.party for s in r.signatures} for r in reader.records() if r.key == contract.contract_id}
    assert signed["contract"] == signed[LEVEL] == {"dso.example", "iles.example"}


def test_it_is_shown_with_all_contracts(market: Miniature) -> None:
    """`iles market show` needs nothing of its own for it: contract and settlement stand in the same tables."""
    book = market_book(market.path.parent)
    (row,) = [one for one in book.contracts if one.template.startswith(SERVICE)]
    assert (row.amount_down_w, row.hours, row.reserved) == (-2000, "18:00-22:00", True)
    (settled,) = [one for one in book.settlements if one.seller == "iles.example"]
    assert settled.paid > 0


def test_a_setpoint_calls_it(market: Miniature) -> None:
    """The DSO's engineers set the whole lower; the sum is asked for and ordered in the service's hours."""
    (told,) = [m for _, to, m in market.sent if to == MAILBOX and isinstance(m, RequestAnswered)]
    assert told.accepted, told.reason
    _, _, settled = service_of(market.path)
    ordered = {row.start: row.ordered_power_w for row in settled.contract_settlements[0].isps if row.ordered_power_w}
    assert set(ordered) & {FIRST_ISP + 4, FIRST_ISP + 5}


def test_a_sceptic_finds_the_pay_from_what_was_told_and_what_came(market: Miniature) -> None:
    """Ready is what stood half an hour before, with what was ordered, less what of it did not come by the orders' own settlements;
    pay and deduction follow; sellers are paid all of it.
    """
    contract, level, settled = service_of(market.path)
    ordered: dict[int, int] = {}
    missing: dict[int, int] = {}
    for one in bodies(market.path, "flex-settlement"):
        if one.header.sender_domain == "dso.example" and one.header.recipient_domain != "iles.example":
            for isp in (isp for row in one.order_settlements for isp in row.isps if isp.ordered_flex_power_w < 0):
                lack = -isp.ordered_flex_power_w + isp.delivered_flex_power_w
                ordered[isp.start] = ordered.get(isp.start, 0) - isp.ordered_flex_power_w
                missing[isp.start] = missing.get(isp.start, 0) + lack
    rows = {row.start: row for row in settled.contract_settlements[0].isps}
    assert {isp for isp, row in rows.items() if row.reserved_power_w} == set(range(FIRST_ISP, LAST_ISP + 1))
    told = [one for one in market.said(ServiceTold) if one.period == FIRST]
    assert told
    for isp in range(FIRST_ISP, LAST_ISP + 1):
        ready = max(min(-rows[isp].offered_power_w + ordered.get(isp, 0), 2000) - missing.get(isp, 0), 0)
        assert -rows[isp].available_power_w == ready
        assert -rows[isp].offered_power_w in {one.down_w[isp - 1] for one in told}
    due = capacity_amount(contract, settled.contract_settlements[0].isps)
    fine = deduction_e4(contract, level, settled.contract_settlements[0].isps)
    assert due > 0
    payments: list[Payment] = [one for paid in bodies(market.path, "remuneration") for one in paid]
    gained = balance(payments)
    assert sum(gained.values()) == 0
    assert gained.get("iles.example", 0) == 0
    to_sellers = [one for one in payments if one.payer == "iles.example" and one.reason == "capacity"]
    assert sum(one.amount for one in to_sellers) == due - fine
    by_seller = {f"{name}.example": one for name, one in _told_in_time(market).items()}
    assert by_seller["agr.example"] != by_seller["agr-2.example"]
    whole = sum(by_seller.values())
    assert {one.payee: one.amount for one in to_sellers} == {
        name: pytest.approx((due - fine) * watts / whole, abs=1) for name, watts in by_seller.items()
    }


def test_nothing_is_broken(market: Miniature) -> None:
    """All of it is accepted, no rule is broken, nothing is refused by the ledger."""
    answers = [
        one for one in bodies(market.path, "flex-settlement-response") if one.header.sender_domain == "iles.example"
    ]
    assert answers
    assert all(s.disposition is AcceptedDisputed.ACCEPTED for one in answers for s in one.statuses)
    assert market.told(RuleBroken, RecordRefused) == []


def test_a_dso_that_hears_nothing_owes_nothing(tmp_path: Path) -> None:
    """What the microgrid tells of the day never arrives: no level is offered, nothing stands by, nothing is settled for it."""
    market = Miniature(
        tmp_path / "ledger.db",
        service=True,
        spoil=lambda _, to, m: None if to == "dso" and isinstance(m, ServiceTold) and m.period == FIRST else m,
    )
    market.play(DAY.end + timedelta(hours=7))
    assert bodies(market.path, LEVEL) == []
    assert not any(s.header.recipient_domain == "iles.example" for s in bodies(market.path, "flex-settlement"))
