"""Policies as data: what the default ones open to each role, and which files are refused."""

from __future__ import annotations

import pytest

from cim.model.errors import BadInput
from cim.platform.access.attributes import READINGS, AttributeClass
from cim.platform.access.policies import Policies
from cim.platform.access.principals import Principal, Role
from cim.platform.access.secured import visible
from tests.worlds.access import HOMES, book

DEFAULT = Policies.read()
GROUPS = {"aggregator", "congestion_point", "kind", "place"}
MEASURED = {"level", "reading_type", "begin", "duration_s", "value", "quality"}


def seen(name: str, consented: dict[str, frozenset[str]] | None = None) -> set[str]:
    """The columns of the readings that somebody sees."""
    principal = book().principal(name).with_consents(consented or {})
    return set(visible(DEFAULT.decide(principal, READINGS, "research"), READINGS))


def test_each_role_sees_its_own_columns() -> None:
    """Prosumer: all; occupant: what is measured; aggregator: devices, no provenance; DSO: connections; researcher: as consented."""
    assert seen("owner-0") == set(READINGS.columns) == seen("root")
    assert seen("tenant-0") == {"usage_point", "meter"} | MEASURED
    assert seen("agr-east") == {"usage_point", "meter"} | MEASURED | GROUPS
    assert seen("dso-1") == {"usage_point"} | MEASURED | GROUPS
    assert seen("lab") == set()
    assert seen("lab", {"connection": frozenset(HOMES)}) == {"usage_point"} | MEASURED | GROUPS
    assert seen("lab", {"devices": frozenset(HOMES)}) == {"usage_point", "meter"} | MEASURED | GROUPS


@pytest.mark.parametrize(
    ("name", "home", "level", "expected"),
    [
        ("owner-0", 0, "device", True),
        ("owner-0", 1, "connection", False),
        ("tenant-0", 0, "device", True),
        ("tenant-0", 1, "device", False),
        ("agr-east", 0, "device", True),
        ("agr-east", 7, "connection", False),
        ("dso-1", 0, "connection", True),
        ("dso-1", 0, "device", False),
        ("dso-1", 7, "connection", False),
        ("lab", 0, "connection", False),
        ("root", 7, "device", True),
    ],
)
def test_whose_rows_a_role_sees(name: str, home: int, level: str, expected: bool) -> None:
    """Each role sees rows of its own homes, members or grid, and no other's."""
    books = book()
    row = {"usage_point": HOMES[home], "level": level, "aggregator": "agr-east" if home < 6 else "agr-west"}
    row["congestion_point"] = "cp-1" if home < 6 else "cp-2"
    assert bool(DEFAULT.judge(books.principal(name), READINGS, "operation", [row])[0]) is expected


def test_research_is_by_pseudonym_in_groups_and_for_research_only() -> None:
    """A researcher's decision asks for pseudonyms and five homes a group; for another purpose nothing is seen at all."""
    lab = book().principal("lab").with_consents({"connection": frozenset(HOMES)})
    decision = DEFAULT.decide(lab, READINGS, "research")
    assert (decision.pseudonyms, decision.minimum_homes) == (True, 5)
    assert DEFAULT.decide(lab, READINGS, "operation").denied == "no policy permits it"


def test_no_policy_is_a_denial() -> None:
    """Where no policy permits, nothing is opened: an empty file denies even the administrator."""
    assert Policies("").decide(book().principal("root"), READINGS, "operation").denied


def test_acts_beside_reading() -> None:
    """Consent is the prosumer's for its own homes, defining and auditing the administrator's; erasing both's."""
    owner, root, lab = (book().principal(name) for name in ("owner-0", "root", "lab"))
    assert DEFAULT.may(owner, "consent", HOMES[0]) == ("prosumer-consents",)
    assert DEFAULT.may(owner, "consent", HOMES[1]) == DEFAULT.may(root, "consent", HOMES[0]) == ()
    assert DEFAULT.may(owner, "erase", HOMES[0])
    assert DEFAULT.may(root, "erase", HOMES[0])
    assert DEFAULT.may(root, "define")
    assert DEFAULT.may(root, "audit")
    assert not any(DEFAULT.may(one, act) for one in (owner, lab) for act in ("define", "audit", "unheard-of"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("permit(", "cannot be read"),
        ('permit(principal, action == Action::"read", resource);', "@id or @says is missing"),
        ('@id("a") @says("b") permit(principal, action, resource);', "not for one action"),
        ('@id("a") @says("b") @shows("all") permit(principal, action == Action::"read", resource);', "@shows is 'all'"),
        (
            '@id("a") @says("b") @show("home") permit(principal, action == Action::"read", resource);',
            "@show is not known",
        ),
        (
            '@id("a") @says("b") @minimum_homes("0") permit(principal, action == Action::"read", resource);',
            "@minimum_homes is '0'",
        ),
        (
            '@id("a") @says("b") @pseudonyms("no") permit(principal, action == Action::"read", resource);',
            "@pseudonyms is 'no'",
        ),
        ('@id("a") @says("b") permit(principal, action == Action::"read", resource);' * 2, "two have the @id 'a'"),
    ],
)
def test_a_file_that_says_what_nothing_keeps_is_refused(text: str, words: str) -> None:
    """A policy file with a mistake is refused when it is read, in one sentence that names the policy and what is wrong."""
    with pytest.raises(BadInput) as refused:
        Policies(text)
    assert words in str(refused.value)


def test_every_default_policy_explains_itself() -> None:
    """Each policy of the package says in a sentence what it does, and each reading one which classes it shows."""
    rules = DEFAULT.rules()
    assert len(rules) > 10
    assert all(rule.says.endswith(".") for rule in rules)
    assert {kind for rule in rules for kind in rule.shows} == set(AttributeClass)


def test_a_hostile_name_stays_a_name() -> None:
    """A principal whose name has quotes and line breaks is decided on as such, and opens nothing."""
    name = '"; permit(principal, action, resource); //\n'
    assert DEFAULT.decide(Principal(name, Role.AGGREGATOR), READINGS, "x").values["policy_1"] != ""
    row = {"usage_point": "u", "aggregator": "other", "level": "connection"}
    assert DEFAULT.judge(Principal(name, Role.AGGREGATOR), READINGS, "x", [row]) == [()]
