"""What a day's ledger says of persons: salted hashes alone; the money can be checked from the bodies, and these can go."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.roles.prosumer.held_orders import ElementOrder
from agents.runtime.ledger_history import concerned, recollect
from cim.codec.codec import decode
from experiments.cli.ledger import app
from market.ledger.checking import check_inclusion
from market.ledger.prover import Prover
from market.ledger.reader import LedgerReader
from market.ledger.records import Record
from market.ledger.store import LedgerStore
from market.ledger.verify import verify
from market.settlement.payments import Payment
from market.uftp import FlexOrder, FlexSettlement
from tests.worlds import miniature
from tests.worlds.miniature import HOMES
from tests.worlds.players import DAY, FIRST
from tests.worlds.undisturbed import undisturbed

CLEAR = {"contract", "register", "flex-order", "flex-order-refusal", "d-prognosis"}  # between parties of the market
SCRIPT = Path(__file__).parents[2] / "docs" / "check_proof.py"
HOME = f"{HOMES[0]}.example"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of the miniature market."""
    path = tmp_path_factory.mktemp("salted") / "ledger.db"
    undisturbed(DAY.end + timedelta(hours=9), path).ledger.close()
    return path


def records(path: Path) -> list[Record]:
    """All of a ledger's records."""
    with LedgerReader(path) as reader:
        return list(reader.records())


def test_what_concerns_a_member_is_salted_but_its_contract(ledger: Path) -> None:
    """Meters, orders, splits, settlements and payments of members stand there as salted hashes; no two share a salt."""
    members = {f"{home}.example" for home in HOMES}
    about = [record for record in records(ledger) if members & concerned(record)]
    assert {record.kind for record in about if record.is_salted} >= {
        "metering", "member-order", "order-split", "flex-settlement", "flex-settlement-response", "remuneration",
    }  # fmt: skip
    assert {record.kind for record in about if not record.is_salted} <= CLEAR
    salted = [record for record in about if record.is_salted]
    assert len({record.salt for record in salted}) == len(salted)
    assert all(record.body not in record.entry for record in salted)


def test_a_member_adds_up_its_money_from_proven_records(ledger: Path) -> None:
    """Order, split over elements with baselines, settlement and payment: each proved, and each follows from the one before."""
    head = verify(ledger).head
    assert head is not None
    bodies: dict[str, list[object]] = {}
    with Prover(ledger) as prover:
        for record in records(ledger):
            if HOME in concerned(record):
                found = check_inclusion(prover.inclusion(record.kind, record.key), head).record
                assert found == record
                bodies.setdefault(record.kind, []).append(decode(record.body))
    orders = {order.order_reference: order for order in bodies["member-order"] if isinstance(order, FlexOrder)}
    splits = [part for parts in bodies["order-split"] if isinstance(parts, tuple) for part in parts]
    assert splits
    for reference, order in orders.items():  # small moves that are not worth making are left out of the split
        own = [part for part in splits if isinstance(part, ElementOrder) and part.order_reference == reference]
        assert sum(abs(watts) for part in own for _, _, watts in part.isps) > 0
        for row in order.isps:
            moved_w = [watts for part in own for isp, _, watts in part.isps if isp == row.start]
            assert abs(sum(moved_w)) <= abs(row.power_w) + len(own)
    (settlement,) = [m for m in bodies["flex-settlement"] if isinstance(m, FlexSettlement)]
    paid = [p for payments in bodies["remuneration"] if isinstance(payments, tuple) for p in payments]
    for row in settlement.order_settlements:
        signs = {HOME: 1, settlement.header.sender_domain: -1}
        of_row = [p for p in paid if isinstance(p, Payment) and p.reference.startswith(row.order_reference)]
        assert sum(signs[p.payee] * p.amount for p in of_row) == row.net_settlement


def test_a_member_sees_its_elements_baselines_and_splits_proven(ledger: Path, tmp_path: Path) -> None:
    """`prove --member --day`, then `check --element`: its battery's or PV's split, baseline and meter, ISP by ISP, as recorded;
    the checker of thirty lines takes the same proof, and of an element that nobody ordered it says so."""
    proof, head = tmp_path / "proof.json", (verify(ledger).head or b"").hex()
    made = ["prove", str(ledger), "--member", HOME, "--day", FIRST.isoformat(), "-o", str(proof)]
    assert CliRunner().invoke(app, made).exit_code == 0
    parts = [
        part
        for record in records(ledger)
        if record.kind == "order-split" and HOME in concerned(record)
        for part in decode(record.body)
        if isinstance(part, ElementOrder) and part.period == FIRST
    ]
    assert parts
    for part in parts:
        shown = CliRunner().invoke(app, ["check", str(proof), head, "--element", part.element])
        assert shown.exit_code == 0, shown.output
        cells = [[cell.strip() for cell in line.split("│")[1:4]] for line in shown.output.splitlines() if "│" in line]
        assert all([str(value) for value in row] in cells for row in part.isps)
    script = subprocess.run(
        [sys.executable, str(SCRIPT), str(proof), head], capture_output=True, text=True, check=False
    )
    assert script.returncode == 0
    refused = CliRunner().invoke(app, ["check", str(proof), head, "--element", "nobody.pv"])
    assert refused.exit_code == 2
    assert "nobody.pv" in refused.output


def test_after_a_member_is_erased_all_proofs_hold_and_the_others_recover(ledger: Path, tmp_path: Path) -> None:
    """Its bodies are nowhere in the file; heads, proofs and everybody else's past are as before; its own past is shorter."""
    path = tmp_path / "erased.db"
    path.write_bytes(ledger.read_bytes())
    before = verify(path)
    mine = [r for r in records(path) if r.is_salted and HOME in concerned(r)]
    with LedgerStore(path) as store:
        assert store.erase([(r.kind, r.key) for r in mine]) == len(mine) > 5
    content = path.read_bytes()
    assert all(record.salt not in content and record.body not in content for record in mine)
    after = verify(path, before.head)
    assert (after.head, after.records, after.signatures) == (before.head, before.records, before.signatures)
    assert after.erased == len(mine)
    assert before.head is not None
    with Prover(path) as prover:
        for record in records(ledger):
            proof = prover.inclusion(record.kind, record.key)
            assert check_inclusion(proof, before.head).record is not None
    rules = miniature.rules()
    names = (HOMES[0], HOMES[1], "agr-2", "ledger")
    past = [recollect(place, names, rules.domains, DAY.end) for place in (ledger, path)]
    for name in ("ledger", HOMES[1], "agr-2"):
        assert past[0][name] == past[1][name]
    assert {r.kind for r in past[1][HOMES[0]].records if not r.is_erased} <= CLEAR
