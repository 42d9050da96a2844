"""What may cross between hosts is found by whoever reads it first, whatever else that process has loaded."""

from __future__ import annotations

import re
from pathlib import Path

import agents.assembly.wire_types  # noqa: F401 - declares which modules define which tags
from cim.codec import codec

ROOT = Path(__file__).parents[2]
ROOMS = ("agents", "cim", "devices", "environment", "market")
GATHERED = {"published": "cim.platform.publications"}  # a family whose one home imports a whole package
BESIDE = {"physics"}  # told by the simulators' process to the one that started it, which has loaded them


def test_every_wire_type_stands_in_a_module_of_its_family() -> None:
    """A module with a type of a family is declared for it, by itself or with its package: a new process knows no other."""
    strays, found = [], 0
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for family in re.findall(r'^@wire\("(\w+)\.', path.read_text(encoding="utf-8"), re.MULTILINE):
            found += 1
            homes = (*codec._homes.get(family, ()), GATHERED.get(family, "-"))
            if family not in BESIDE and not any(f"{module}.".startswith(f"{home}.") for home in homes):
                strays.append(f"{family} in {module}")
    assert found > 100
    assert strays == []
