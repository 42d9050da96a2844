"""Communities of Strem's homes, for tests: a Spanish one around its PV field, as a site file has it."""

from __future__ import annotations

from typing import Any


def _assumed(value: float) -> dict[str, Any]:
    return {"value": value, "assumed": True}


SPANISH: dict[str, Any] = {
    "law": "ES",
    "name": "auto-strem",
    "title": "Collective self-consumption",
    "as_in_year": _assumed(2026),
    "modality": "sale",
    "coefficient_mode": "fixed",
    "plants": ["pv-field"],
    "cau": "ES1234123456789012JY1FA000",
    "price_ct_per_kwh": _assumed(0),
    "surplus_ct_per_kwh": _assumed(0),
    "surplus_by": "day_ahead",
    "members": [
        {"prosumer": "farm-1", "contracted_w": _assumed(4600)},
        {"prosumer": "farm-5", "contracted_w": _assumed(5750)},
        {"prosumer": "farm-7", "contracted_w": _assumed(3450)},
    ],
}
