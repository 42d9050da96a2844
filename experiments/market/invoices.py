"""A run's invoices and credit notes: recomputed from its ledger, compared with those in its folder, and written there."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import agents.assembly.wire_types  # noqa: F401 - what the ledger's bodies are made of
from market.ledger.reader import LedgerReader
from market.settlement.billed_records import billed_days
from market.settlement.invoice_page import invoice_page
from market.settlement.invoices import Invoice
from market.settlement.invoicing import invoices

FOLDER = "invoices"


@dataclass(frozen=True, slots=True)
class InvoiceFile:
    """An invoice, the name of its two files without ending, and how the folder has it: `as written`, `missing`, `differs`."""

    invoice: Invoice
    name: str
    state: str


def invoices_of_run(folder: Path) -> tuple[InvoiceFile, ...]:
    """What its ledger says is to be billed, and whether that stands in the folder.

    Raises:
        BadInput: there is no ledger.
    """
    with LedgerReader(folder / "ledger.db") as reader:
        records = reader.records()
    found = []
    for invoice in invoices(billed_days(records)):
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", invoice.number)
        found.append(InvoiceFile(invoice, name, _state(folder / FOLDER / name, invoice)))
    return tuple(found)


def write_invoices(folder: Path) -> tuple[InvoiceFile, ...]:
    """Each as `invoices/NAME.json` and as a page to print, `invoices/NAME.html`."""
    found = invoices_of_run(folder)
    (folder / FOLDER).mkdir(exist_ok=True)
    for one in found:
        path = folder / FOLDER / one.name
        _with_ending(path, ".json").write_text(invoice_json(one.invoice), encoding="utf-8")
        _with_ending(path, ".html").write_text(invoice_page(one.invoice), encoding="utf-8")
    return found


def invoice_json(invoice: Invoice) -> str:
    """All fields with their units in their names, and what it comes to; days as ISO dates."""
    return json.dumps({**asdict(invoice), "total_e4": invoice.total_e4}, indent=1, default=str) + "\n"


def _state(path: Path, invoice: Invoice) -> str:
    file = _with_ending(path, ".json")
    if not file.exists():
        return "missing"
    return "as written" if file.read_text(encoding="utf-8") == invoice_json(invoice) else "differs"


def _with_ending(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)  # a domain's dots are no ending
