"""A small district and its principals, for the tests of access, search and provisioning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cim.platform.access.attributes import READINGS
from cim.platform.access.consents import Consent, Purpose, Scope
from cim.platform.access.control import AccessControl
from cim.platform.access.principals import Principal, PrincipalBook, Role, UsagePoint
from cim.platform.provisioning.engine import Engine
from cim.platform.provisioning.provision import Provision
from cim.platform.provisioning.rate import RateLimit
from cim.platform.provisioning.relations import TableRelation

if TYPE_CHECKING:
    import pyarrow as pa

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOMES = tuple(f"agr-{'east' if n < 6 else 'west'}:home-{n}" for n in range(8))
POWER = "0.0.2.4.4.1.37.0.0.0.0.0.0.0.0.0.38.0"


def point(number: int) -> UsagePoint:
    """Of home 0 to 7: six of agr-east at cp-1, two of agr-west at cp-2."""
    side = "east" if number < 6 else "west"
    return UsagePoint(
        HOMES[number],
        owner=f"owner-{number}",
        aggregator=f"agr-{side}",
        congestion_point="cp-1" if side == "east" else "cp-2",
        dso="dso-1" if side == "east" else "dso-2",
        kind="home",
        place=side,
        occupants=(f"tenant-{number}",),
    )


OTHERS = (
    Principal("lab", Role.RESEARCHER, project="storage-study"),
    Principal("other-lab", Role.RESEARCHER, project="heat-study"),
    Principal("root", Role.ADMINISTRATOR),
)


def book() -> PrincipalBook:
    """Owners, tenants, aggregators, DSOs, two researchers and an administrator."""
    return PrincipalBook([point(n) for n in range(8)], OTHERS)


def control(folder: Path, now: datetime = NOW) -> AccessControl:
    """Access to the district, in a folder of its own."""
    return AccessControl.open(folder, book(), lambda: now)


def consent(number: int, grantee: str = "lab", scope: Scope = Scope.CONNECTION) -> Consent:
    """What a home's owner gives, for research and a year."""
    until = NOW + timedelta(days=365)
    return Consent(
        f"c-{number}-{grantee}", f"owner-{number}", grantee, Purpose.RESEARCH, scope, (HOMES[number],), NOW, until
    )


def readings() -> pa.Table:
    """Of each home its connection's and its battery's power in four quarter-hours: 100 W times the home's number and so on."""
    import pyarrow as pa

    rows = [
        {
            "usage_point": home,
            "meter": home if device == "" else f"{home}.{device}",
            "reading_type": POWER,
            "begin": datetime(2026, 5, 1, 10, 15 * quarter, tzinfo=UTC),
            "duration_s": 900,
            "value": 100.0 * number + 10 * quarter + (1 if device else 0),
            "quality": "GOOD",
            "recorded": datetime(2026, 5, 1, 12, tzinfo=UTC),
            "revision": 1,
            "source": "test",
        }
        for number, home in enumerate(HOMES)
        for device in ("", "battery")
        for quarter in range(4)
    ]
    instant = pa.timestamp("us", tz="UTC")
    schema = pa.schema(
        [
            ("usage_point", pa.string()), ("meter", pa.string()), ("reading_type", pa.string()), ("begin", instant),
            ("duration_s", pa.int32()), ("value", pa.float64()), ("quality", pa.string()), ("recorded", instant),
            ("revision", pa.int64()), ("source", pa.string()),
        ]
    )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def provision(folder: Path, access: AccessControl | None = None, table: pa.Table | None = None) -> Provision:
    """Queries over the district's readings."""
    access = access or control(folder)
    relation = TableRelation(READINGS, readings() if table is None else table, access.book.usage_points)
    return Provision(access, {"readings": relation}, Engine(access.key), RateLimit(10_000, 10_000))
