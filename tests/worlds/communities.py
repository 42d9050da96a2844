"""Communities of Strem's homes, for tests: a Spanish one around its PV field, as a site file has it, and one beside a small plant.

No test and no fixture lives here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_STREM = Path(__file__).parents[2] / "environment" / "sites" / "strem.yaml"
_CONTROL = "TRWAGMYFPDXBNJZSQVHLCKE"


def assumed(value: float) -> dict[str, Any]:
    """An assumed value, as site files have it."""
    return {"value": value, "assumed": True}


def cups(number: int) -> str:
    """A supply point's code that can be."""
    first, second = divmod(number % len(_CONTROL) ** 2, len(_CONTROL))
    return f"ES{number:016d}{_CONTROL[first]}{_CONTROL[second]}0F"


SPANISH: dict[str, Any] = {
    "law": "ES",
    "name": "auto-strem",
    "title": "Collective self-consumption",
    "as_in_year": assumed(2026),
    "modality": "sale",
    "coefficient_mode": "fixed",
    "plants": ["pv-field"],
    "cau": "ES1234123456789012JY1FA000",
    "price_ct_per_kwh": assumed(0),
    "surplus_ct_per_kwh": assumed(0),
    "surplus_by": "day_ahead",
    "members": [
        {"prosumer": "farm-1", "contracted_w": assumed(4600)},
        {"prosumer": "farm-5", "contracted_w": assumed(5750)},
        {"prosumer": "farm-7", "contracted_w": assumed(3450)},
    ],
}

# Farm 2's roof, 24.5 kW, shared by five farms and the charging park, whose vehicles come when they come.
SMALL: dict[str, Any] = SPANISH | {
    "modality": "compensation",
    "plants": ["farm-2"],
    "surplus_ct_per_kwh": assumed(5),
    "surplus_by": "fixed",
    "members": [
        *({"prosumer": f"farm-{k}", "contracted_w": assumed(5750), "cups": cups(k)} for k in (5, 7, 8, 9, 10)),
        {"prosumer": "charging-park", "contracted_w": assumed(15_000), "cups": cups(77)},
    ],
}


def spanish_site(community: dict[str, Any]) -> str:
    """Strem's site file with another community, as if it were in Spain."""
    raw = yaml.safe_load(_STREM.read_text(encoding="utf-8"))
    return str(yaml.safe_dump(raw | {"country": "ES", "community": community}))
