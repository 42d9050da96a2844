"""Of random districts, callers and consents, no row ever leaves that the policies deny."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.platform.access.attributes import READINGS, ROW_ATTRIBUTES
from cim.platform.access.consents import Consent, Purpose, Scope
from cim.platform.access.control import AccessControl
from cim.platform.access.policies import Policies
from cim.platform.access.principals import Handover, Principal, PrincipalBook, Role, UsagePoint
from cim.platform.access.pseudonyms import Pseudonyms
from cim.platform.access.secured import Denied
from cim.platform.provisioning.definition import Definition
from cim.platform.provisioning.engine import Engine
from cim.platform.provisioning.provision import Page, Provision
from cim.platform.provisioning.rate import RateLimit
from cim.platform.provisioning.relations import TableRelation
from tests.worlds.access import NOW, readings

KEY = bytes(range(32))
ENGINE = Engine(KEY)
POLICIES = Policies.read()

BEGIN = readings()["begin"][0].as_py()  # of every row
HANDOVERS = st.lists(
    st.builds(
        Handover, st.sampled_from([BEGIN + timedelta(days=n) for n in (-2, -1, 0, 1, 2)]), st.sampled_from(["a1", "a2", "a3"])
    ),
    max_size=3, unique_by=lambda one: one.since,
)  # fmt: skip

homes = st.lists(
    st.builds(
        UsagePoint,
        st.sampled_from([f"u{n}" for n in range(9)]),
        owner=st.sampled_from(["o1", "o2", "o3", ""]),
        aggregator=st.sampled_from(["a1", "a2", ""]),
        congestion_point=st.sampled_from(["c1", "c2", ""]),
        dso=st.sampled_from(["d1", "d2", ""]),
        place=st.sampled_from(["north", ""]),
        occupants=st.sampled_from([(), ("t1",), ("t1", "t2")]),
        handovers=HANDOVERS.map(lambda made: tuple(sorted(made))),
    ),
    min_size=1, max_size=9, unique_by=lambda point: point.usage_point,
)  # fmt: skip
consents = st.lists(
    st.tuples(
        st.sampled_from([f"u{n}" for n in range(9)]),
        st.sampled_from(["lab", "a1", "d2", "t1"]),
        st.sampled_from(list(Purpose)),
        st.sampled_from(list(Scope)),
        st.sampled_from(["holds", "ended", "later", "withdrawn"]),
    ),
    max_size=12,
)


def table_of(points: list[UsagePoint]) -> pa.Table:
    """Two meters of each home, a row each."""
    rows = [
        readings().slice(0, 1).to_pylist()[0]
        | {"usage_point": point.usage_point, "meter": meter, "value": float(number)}
        for number, (point, meter) in enumerate(
            (point, meter) for point in points for meter in (point.usage_point, point.usage_point + ".pv")
        )
    ]
    return pa.Table.from_pylist(rows, schema=readings().schema)


def site_of(folder: Path, points: list[UsagePoint], given_: list[tuple[str, str, Purpose, Scope, str]]) -> Provision:
    """A site with those consents."""
    others = [Principal("lab", Role.RESEARCHER, project="x"), Principal("root", Role.ADMINISTRATOR)]
    book = PrincipalBook(points, others)
    access = AccessControl.open(folder, book, lambda: NOW)
    for number, (home, grantee, purpose, scope, state) in enumerate(given_):
        since = NOW + timedelta(days={"later": 1}.get(state, -2))
        until = NOW - timedelta(days=1) if state == "ended" else None
        access.consents.give(Consent(f"c{number}", "giver", grantee, purpose, scope, (home,), since, until))
        if state == "withdrawn":
            access.consents.withdraw(f"c{number}", "giver", NOW)
    keyed = AccessControl(book, POLICIES, access.consents, access.audit, KEY, access.now)
    return Provision(
        keyed, {"readings": TableRelation(READINGS, table_of(points), points)}, ENGINE, RateLimit(10**6, 10**6)
    )


def permitted(site: Provision, who: str, points: list[UsagePoint], purpose: Purpose) -> dict[float, bool]:
    """By its value, each row that Cedar, asked in full, permits, and whether it shows the device's name."""
    asking = site.access.book.principal(who)
    asking = asking.with_consents(site.access.consents.in_force(who, purpose, NOW))
    found = {}
    for number, (point, level) in enumerate((p, lev) for p in points for lev in ("connection", "device")):
        row = {name: getattr(point, name, None) or None for name in ROW_ATTRIBUTES} | {"level": level}
        row |= {"reading_type": readings()["reading_type"][0].as_py(), "quality": "GOOD"}
        before = [one.aggregator for one in point.handovers if one.since <= BEGIN]
        row |= {"aggregator": (before[-1] if before else point.aggregator) or None}
        if rules := POLICIES.judge(asking, READINGS, purpose, [row])[0]:
            found[float(number)] = any("device" in rule.shows for rule in rules)
    return found


@given(homes, consents, st.sampled_from(list(Purpose)), st.integers(0, 8))
@settings(max_examples=20, deadline=None)
def test_no_row_leaves_that_the_policies_deny(
    points: list[UsagePoint], given_: list[tuple[str, str, Purpose, Scope, str]], purpose: Purpose, turn: int
) -> None:
    """For every caller: each row that leaves is permitted by Cedar on its own, its device's name too where it shows.

    Homes change their aggregators before and after the rows' instant, and at it.
    Callers without a least number of homes are given all of what is permitted, a researcher all or nothing of a group.
    """
    with TemporaryDirectory() as folder:
        site = site_of(Path(folder), points, given_)
        callers = [name for name in site.access.book.names() if name != "lab"]
        for who in ("lab", callers[turn % len(callers)], callers[(turn + 1) % len(callers)]):
            allowed = permitted(site, who, points, purpose)
            for columns in (("usage_point", "value"), ("usage_point", "meter", "value")):
                asked = Definition(name="q", attributes=columns)
                try:
                    rows = site.ask(who, asked, {}, Page(), purpose).table.to_pylist()
                except Denied:
                    assert not allowed or ("meter" in columns and not any(allowed.values()))
                    continue
                values = {row["value"] for row in rows}
                assert values <= set(allowed)
                assert all(row.get("meter") is None or allowed[row["value"]] for row in rows)
                if who != "lab":
                    assert values == set(allowed)
                    continue
                names = {row["usage_point"] for row in rows}
                assert not rows or len(names) >= 5
                stand_ins = Pseudonyms(KEY, "x")
                assert names <= {stand_ins.of(point.usage_point) for point in points}
