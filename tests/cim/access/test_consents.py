"""Consents: given, withdrawn, run out, and read from ODRL."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.access.attributes import READINGS
from cim.platform.access.consents import Consent, ConsentBook, Purpose, Scope
from cim.platform.access.odrl import from_odrl, to_odrl
from cim.platform.access.secured import Denied
from tests.worlds.access import HOMES, NOW, consent, control

LATER = NOW + timedelta(days=1)


def test_a_consent_holds_from_when_it_is_given_until_it_ends(tmp_path: Path) -> None:
    """It opens its homes to its grantee, for its purpose and time only; devices open the connection too."""
    book = ConsentBook(tmp_path / "consents.sqlite")
    book.give(consent(0))
    book.give(consent(1, scope=Scope.DEVICES))
    both, one = frozenset(HOMES[:2]), frozenset(HOMES[1:2])
    assert book.in_force("lab", "research", NOW) == {"connection": both, "devices": one}
    for grantee, purpose, now in (
        ("other-lab", "research", NOW),
        ("lab", "operation", NOW),
        ("lab", "research", NOW - timedelta(seconds=1)),
        ("lab", "research", NOW + timedelta(days=365)),
    ):
        assert book.in_force(grantee, purpose, now) == {"connection": frozenset(), "devices": frozenset()}


def test_a_withdrawn_consent_is_gone_at_once_and_for_every_process(tmp_path: Path) -> None:
    """After withdrawal another book on the same file, opened before, does not see it in force; the history keeps it."""
    book, other = (ConsentBook(tmp_path / "consents.sqlite") for _ in range(2))
    book.give(consent(0))
    assert other.in_force("lab", "research", LATER)["connection"]
    book.withdraw("c-0-lab", "owner-0", LATER)
    assert other.in_force("lab", "research", LATER)["connection"] == frozenset()
    assert [one.withdrawn for one in other.given_by("owner-0")] == [LATER]


def test_only_its_giver_withdraws_a_consent_and_once(tmp_path: Path) -> None:
    """Another's consent, an unknown one and one withdrawn before are refused, in the same words."""
    book = ConsentBook(tmp_path / "consents.sqlite")
    book.give(consent(0))
    for identity, giver in (("c-0-lab", "owner-1"), ("c-9", "owner-0")):
        with pytest.raises(BadInput, match="none of yours that holds"):
            book.withdraw(identity, giver, LATER)
    book.withdraw("c-0-lab", "owner-0", LATER)
    with pytest.raises(BadInput, match="none of yours that holds"):
        book.withdraw("c-0-lab", "owner-0", LATER)
    with pytest.raises(BadInput, match="is there already"):
        book.give(consent(0))


def test_nobody_consents_for_another(tmp_path: Path) -> None:
    """Who gives consent in another's name, or for a home that is not its own, is denied, and it is in the audit log."""
    access = control(tmp_path)
    owner, lab = access.book.principal("owner-0"), access.book.principal("lab")
    for principal, given in ((lab, consent(0)), (owner, consent(1))):
        with pytest.raises(Denied):
            access.give(principal, given)
    others = Consent("x", "owner-0", "lab", Purpose.RESEARCH, Scope.CONNECTION, (HOMES[0], HOMES[1]), NOW)
    with pytest.raises(Denied):
        access.give(owner, others)
    assert [entry.allowed for entry in access.audit.entries()] == [False] * 3
    access.give(owner, consent(0))
    assert access.decide(lab, READINGS, "research")[1].grants
    with pytest.raises(BadInput, match="none of yours"):
        access.withdraw(lab, "c-0-lab")
    assert [(entry.who, entry.act, entry.allowed) for entry in access.audit.entries(last=1)] == [
        ("lab", "withdraw", False)
    ]
    access.withdraw(owner, "c-0-lab")
    assert access.decide(lab, READINGS, "research")[1].denied


def test_a_consent_that_says_nothing_is_refused() -> None:
    """One without a home, or that ends before it begins, is no consent."""
    with pytest.raises(BadInput, match="names no home"):
        Consent("x", "a", "b", Purpose.RESEARCH, Scope.CONNECTION, (), NOW)
    with pytest.raises(BadInput, match="is not after"):
        Consent("x", "a", "b", Purpose.RESEARCH, Scope.CONNECTION, ("u",), NOW, NOW)


def test_a_consent_goes_through_odrl_and_back() -> None:
    """Written as an ODRL agreement and read again, a consent says the same."""
    for given in (consent(0), Consent("y", "a", "b", Purpose.ADVICE, Scope.DEVICES, ("u", "v"), NOW)):
        assert from_odrl(json.loads(json.dumps(to_odrl(given))), NOW) == given


def test_an_agreement_written_by_hand_is_read() -> None:
    """A single target, permission and constraint need no lists; no uid gets a new one; a target alone is the connection."""
    text = """{"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Agreement", "permission": {
        "target": "urn:iles:usage-point:agr-east:home-0", "assigner": "owner-0", "assignee": "lab", "action": "read",
        "constraint": {"leftOperand": "purpose", "operator": "eq", "rightOperand": "research"}}}"""
    read = from_odrl(json.loads(text), NOW)
    assert (read.usage_points, read.scope, read.until) == (("agr-east:home-0",), Scope.CONNECTION, None)
    assert read.identity.startswith("urn:uuid:")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("prohibition",), [], "says 'prohibition'"),
        (("@type",), "Offer", "@type is 'Offer'"),
        (("@context",), "http://elsewhere.example/", "@context"),
        (("permission", 0, "duty"), [], "says 'duty'"),
        (("permission", 0, "action"), "sell", "action is 'sell'"),
        (("permission", 0, "target"), "urn:other:x", "target is 'urn:other:x'"),
        (("permission", 0, "target"), ["urn:iles:usage-point:x#all"], "target is"),
        (("permission", 0, "assignee"), {"a": 1}, "assignee is"),
        (("permission", 0, "constraint", 0, "rightOperand"), "marketing", "purpose 'marketing'"),
        (("permission", 0, "constraint", 0, "operator"), "neq", "constraint 'purpose' 'neq'"),
        (("permission", 0, "constraint", 1, "rightOperand"), "2027-01-01T00:00:00", "has no offset"),
        (("permission", 0, "constraint", 1, "rightOperand"), "soon", "dateTime 'soon'"),
        (("permission", 0, "constraint", 1, "operator"), "gt", "constraint 'dateTime' 'gt'"),
        (("permission", 0, "constraint"), [], "names no purpose"),
        (("permission",), [], "0 of permission"),
    ],
)
def test_an_agreement_that_says_more_or_less_is_refused(path: tuple[str | int, ...], value: object, words: str) -> None:
    """What an agreement says beyond what is kept here, or leaves out, is refused in one sentence that names it."""
    document = deepcopy(to_odrl(consent(0)))
    place = document
    for step in path[:-1]:
        place = place[step]  # type: ignore[index, assignment]
    place[path[-1]] = value  # type: ignore[index, assignment]
    with pytest.raises(BadInput) as refused:
        from_odrl(document, NOW)
    assert words in str(refused.value)
