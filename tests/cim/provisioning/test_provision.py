"""The same query by different callers; what is denied; what never leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from cim.model.errors import BadInput
from cim.platform.access.attributes import READINGS
from cim.platform.access.consents import Scope
from cim.platform.access.control import AccessControl
from cim.platform.access.policies import Decision, Policies
from cim.platform.access.principals import Role
from cim.platform.access.secured import Denied
from cim.platform.provisioning.definition import Aggregation, Definition, Filter, Measure, Parameter, Window
from cim.platform.provisioning.engine import Engine, TooLong
from cim.platform.provisioning.provision import Answer, Page, Provision
from cim.platform.provisioning.rate import RateLimit, TooOften
from cim.platform.provisioning.reach import homes_within_reach
from cim.platform.provisioning.relations import ReadingsRelation
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.table import ReadingsTable
from tests.worlds.access import HOMES, NOW, consent, control, provision, readings

ROWS = Definition(name="rows", attributes=("usage_point", "begin", "value"))
METERS = Definition(name="meters", attributes=("usage_point", "meter", "value"))
SUMS = Definition(
    name="sums",
    aggregation=Aggregation(
        by=("congestion_point",), every="day", timezone="Europe/Vienna",
        measures=(Measure(function="sum", column="value", name="sum"), Measure(function="count", column="value", name="n")),
    ),
)  # fmt: skip
ONE_HOME = Definition(
    name="one-home",
    attributes=("begin", "value"),
    filters=(Filter(column="usage_point", test="==", value="$home"),),
    parameters=(Parameter(name="home", type="text"),),
)


@pytest.fixture
def site(tmp_path: Path) -> Provision:
    """The district, all of agr-east's owners having consented to the lab's research."""
    found = provision(tmp_path)
    for number in range(6):
        found.access.give(found.access.book.principal(f"owner-{number}"), consent(number))
    return found


def ask(site: Provision, who: str, definition: Definition, purpose: str | None = None, **given: str) -> Answer:
    """The first page."""
    return site.ask(who, definition, dict(given), Page(), purpose)


def homes(answer: Answer) -> set[str]:
    """Whose rows an answer has."""
    return set(answer.table["usage_point"].to_pylist())


def test_the_same_query_gives_each_role_its_own_rows(site: Provision) -> None:
    """Prosumer: its home; aggregator: its members and their devices; DSO: connections at its point; researcher: pseudonyms."""
    rows = {who: ask(site, who, ROWS) for who in ("owner-0", "agr-east", "agr-west", "dso-1", "root")}
    rows["lab"] = ask(site, "lab", ROWS, "research")
    assert {who: answer.table.num_rows for who, answer in rows.items()} == {
        "owner-0": 8, "agr-east": 48, "agr-west": 16, "dso-1": 24, "root": 64, "lab": 24,
    }  # fmt: skip
    assert homes(rows["owner-0"]) == {HOMES[0]}
    assert homes(rows["agr-east"]) == homes(rows["dso-1"]) == set(HOMES[:6])
    assert homes(rows["agr-west"]) == set(HOMES[6:])
    assert all(name.startswith("p-") for name in homes(rows["lab"]))
    assert len(homes(rows["lab"])) == 6
    assert rows["dso-1"].policies == ("dso-connections-of-its-grid",)


def test_the_same_query_gives_each_role_its_own_columns(site: Provision) -> None:
    """The devices' names are for prosumer and aggregator; the DSO and a researcher without that consent are denied them."""
    assert "agr-east:home-0.battery" in ask(site, "owner-0", METERS).table["meter"].to_pylist()
    assert "agr-east:home-3.battery" in ask(site, "agr-east", METERS).table["meter"].to_pylist()
    for who, purpose in (("dso-1", None), ("lab", "research")):
        with pytest.raises(Denied):
            ask(site, who, METERS, purpose)


def test_sums_are_over_what_each_may_see(site: Provision) -> None:
    """The DSO's sum has no device in it, the aggregator's no other's member."""
    connection = sum(100.0 * home + 10 * quarter for home in range(6) for quarter in range(4))
    found = {who: ask(site, who, SUMS).table.to_pylist() for who in ("dso-1", "agr-east", "root")}
    assert [(row["congestion_point"], row["sum"], row["n"]) for row in found["dso-1"]] == [("cp-1", connection, 24)]
    assert [(row["congestion_point"], row["sum"]) for row in found["agr-east"]] == [("cp-1", 2 * connection + 24)]
    assert [row["congestion_point"] for row in found["root"]] == ["cp-1", "cp-2"]
    assert found["root"][0]["begin"] == datetime(2026, 4, 30, 22, tzinfo=UTC)


def test_a_withdrawn_consent_is_gone_at_the_next_request(site: Provision) -> None:
    """With six consents the lab sees six homes, with five five, with four none: a group of four is too small."""
    sizes = [len(homes(ask(site, "lab", ROWS, "research")))]
    for number in range(3):
        site.access.withdraw(site.access.book.principal(f"owner-{number}"), f"c-{number}-lab")
        sizes.append(len(homes(ask(site, "lab", ROWS, "research"))))
    assert sizes == [6, 5, 0, 0]
    assert ask(site, "lab", SUMS, "research").table.num_rows == 0


def test_small_groups_do_not_show_by_a_filter(site: Provision) -> None:
    """A researcher who filters down to fewer than five homes gets nothing, by rows and by sums; extremes are denied."""
    few = (Filter(column="value", test=">=", value=200.0),)
    assert ask(site, "lab", ROWS.model_copy(update={"filters": few}), "research").table.num_rows == 0
    assert ask(site, "lab", SUMS.model_copy(update={"filters": few}), "research").table.num_rows == 0
    assert ask(site, "dso-1", SUMS.model_copy(update={"filters": few})).table.num_rows == 1
    extreme = Aggregation(measures=(Measure(function="max", column="value", name="most"),))
    with pytest.raises(Denied):
        ask(site, "lab", Definition(name="extreme", aggregation=extreme), "research")


def test_pseudonyms_of_two_projects_do_not_join(site: Provision) -> None:
    """Two researchers with consents of the same homes are given different names, each the same from day to day."""
    for number in range(6):
        site.access.give(site.access.book.principal(f"owner-{number}"), consent(number, "other-lab"))
    one, other = (homes(ask(site, who, ROWS, "research")) for who in ("lab", "other-lab"))
    assert not one & other
    assert one == homes(ask(site, "lab", ROWS, "research"))


def test_asking_for_anothers_home_is_denied_as_if_it_were_not_there(site: Provision) -> None:
    """One's own is answered; another's and one that does not exist are denied in the same words, and written down."""
    assert ask(site, "owner-0", ONE_HOME, home=HOMES[0]).table.num_rows == 8
    words = []
    for home in (HOMES[1], "no-such-home"):
        with pytest.raises(Denied) as denied:
            ask(site, "owner-0", ONE_HOME, home=home)
        words.append(str(denied.value))
    assert words[0] == words[1]
    last = site.access.audit.entries(last=2)
    assert [(entry.who, entry.allowed, entry.rows) for entry in last] == [("owner-0", False, 0)] * 2
    assert not any(HOMES[1] in str(entry) for entry in last)


def test_a_query_of_its_own_roles_is_for_no_other(site: Provision) -> None:
    """A query for DSOs is denied even to who could see all of its rows."""
    only = ROWS.model_copy(update={"roles": (Role.DSO,)})
    assert ask(site, "dso-1", only).table.num_rows == 24
    with pytest.raises(Denied):
        ask(site, "root", only)


def test_every_access_is_in_the_log(site: Provision) -> None:
    """An answer leaves an entry with its policies, columns and rows, and none of its values."""
    before = len(site.access.audit.entries())
    ask(site, "owner-0", ONE_HOME, home=HOMES[0])
    entry = site.access.audit.entries()[before]
    assert (entry.who, entry.what, entry.allowed, entry.rows) == ("owner-0", "one-home", True, 8)
    assert entry.policies == ("prosumer-own-home",)
    assert entry.asked == ("dataset readings", "purpose operation", "begin", "usage_point", "value")


def test_pages_follow_each_other(site: Provision) -> None:
    """Pages of five have each row once, and the last says that there is no next."""
    found, start = [], 0
    while start is not None:
        answer = site.ask("owner-0", METERS, {}, Page(5, start))
        found += answer.table.to_pylist()
        start = answer.next_start  # type: ignore[assignment]
    assert found == ask(site, "owner-0", METERS).table.to_pylist()
    with pytest.raises(BadInput, match="page"):
        Page(10_001)


def test_the_window_is_half_open(site: Provision) -> None:
    """A window has its begin and not its end."""
    window = Window(begin="$since", end="2026-05-01T10:30:00Z")
    windowed = ROWS.model_copy(update={"window": window, "parameters": (Parameter(name="since", type="instant"),)})
    rows = ask(site, "owner-0", windowed, since="2026-05-01T12:15:00+02:00").table
    assert set(rows["begin"].to_pylist()) == {datetime(2026, 5, 1, 10, 15, tzinfo=UTC)}


def test_a_caller_who_asks_too_often_waits(tmp_path: Path) -> None:
    """After a burst the next request is refused with the seconds to wait; another caller is not held up."""
    now = [0.0]
    limited = provision(tmp_path)
    site = Provision(limited.access, limited._relations, limited._engine, RateLimit(2, 0.5, lambda: now[0]))
    for _ in range(2):
        ask(site, "owner-0", ROWS)
    with pytest.raises(TooOften) as refused:
        ask(site, "owner-0", ROWS)
    assert refused.value.wait_s == 2
    ask(site, "owner-1", ROWS)
    now[0] = 2.0
    ask(site, "owner-0", ROWS)


def test_a_query_that_runs_too_long_is_stopped(tmp_path: Path) -> None:
    """A query beyond its time is interrupted with one sentence, and the next is answered."""
    site = provision(tmp_path, table=pa.concat_tables([readings()] * 20_000))
    engine = Engine(site.access.key, patience_s=0.005)
    slow = Provision(site.access, site._relations, engine, RateLimit(100, 100))
    wide = Definition(name="wide", attributes=("usage_point", "meter", "begin", "value", "quality", "recorded"))
    with pytest.raises(TooLong, match=r"more than 0\.005 s"):
        ask(slow, "root", wide)
    assert ask(site, "owner-0", ROWS.model_copy(update={"attributes": ("usage_point",)})).table.num_rows == 1000


def test_a_condition_that_opens_too_much_is_caught_on_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the condition let all rows through by a fault, the check by Cedar itself stops every one of them."""
    site = provision(tmp_path)
    right = Policies.decide

    def wrong(self: Policies, *args: object) -> Decision:
        found = right(self, site.access.book.principal("root"), *args[1:])  # type: ignore[arg-type]
        return Decision(found.grants, (), found.values)

    monkeypatch.setattr(Policies, "decide", wrong)
    for definition in (ROWS, SUMS):
        with pytest.raises(Exception, match="the check on the way out"):
            ask(site, "owner-0", definition)
    assert [entry.allowed for entry in site.access.audit.entries()] == [False, False]


def test_over_the_readings_table_the_newest_revision_counts(tmp_path: Path) -> None:
    """Over a real table a corrected value is answered, once, and only to whom it belongs."""
    access: AccessControl = control(tmp_path / "data")
    first = readings().drop_columns(["revision"])
    mended = first.slice(0, 1).set_column(5, "value", pa.array([777.0]))
    with ReadingsTable(tmp_path / "readings") as table:
        table.append(ReadingBatch(first), "test", 1)
        table.append(ReadingBatch(mended), "test", 2)
    relation = ReadingsRelation(tmp_path / "readings", access.book.usage_points)
    site = Provision(access, {"readings": relation}, Engine(access.key), RateLimit())
    values = ask(site, "owner-0", ROWS).table["value"].to_pylist()
    assert len(values) == 8
    assert 777.0 in values
    assert 777.0 not in ask(site, "owner-1", ROWS).table["value"].to_pylist()
    counts = {who: ask(site, who, ROWS).table.num_rows for who in ("agr-east", "dso-1", "root")}
    assert counts == {"agr-east": 48, "dso-1": 24, "root": 64}


def test_consent_for_devices_opens_them_by_pseudonym(site: Provision) -> None:
    """Where enough homes consented to their devices, a researcher sees these too, under pseudonyms."""
    for number in range(6):
        given = consent(number, scope=Scope.DEVICES)
        owner = site.access.book.principal(f"owner-{number}")
        site.access.withdraw(owner, given.identity)
        site.access.give(owner, type(given)(f"d-{number}", *(getattr(given, name) for name in (
            "giver", "grantee", "purpose", "scope", "usage_points", "given", "until"))))  # fmt: skip
    meters = set(ask(site, "lab", METERS, "research").table["meter"].to_pylist())
    assert len(meters) == 12
    assert all(name.startswith("p-") for name in meters)
    assert site.access.now() == NOW


def test_only_homes_within_reach_are_read(site: Provision) -> None:
    """A decision over homes, groups and levels reaches exactly its homes; the administrator's is not bound to any."""
    reach = {}
    for who in ("owner-0", "agr-west", "dso-1", "root"):
        asking, decision = site.access.decide(site.access.book.principal(who), READINGS, "operation")
        with duckdb.connect() as connection:
            found = homes_within_reach(decision, asking, site.access.book.usage_points, connection)
        reach[who] = None if found is None else set(found)
    assert reach == {"owner-0": {HOMES[0]}, "agr-west": set(HOMES[6:]), "dso-1": set(HOMES[:6]), "root": None}
