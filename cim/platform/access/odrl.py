"""Consents as ODRL 2.2 agreements in JSON-LD (W3C Information Model and its JSON-LD context), read strictly.

What we keep of ODRL: one permission to `read`, its target, assigner, assignee, and the constraints `purpose eq` and
`dateTime lt`. Whatever else an agreement says would bind us to something that nothing here keeps, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cim.model.errors import BadInput
from cim.platform.access.consents import Consent, Purpose, Scope, new_identity
from cim.platform.access.residue import Json

CONTEXT = "http://www.w3.org/ns/odrl.jsonld"
_TARGET = "urn:iles:usage-point:"
_TEXT = 300  # characters that a name may have


def from_odrl(document: Json, now: datetime) -> Consent:
    """The consent that an agreement is; it holds from `now` on.

    Raises:
        BadInput: it is no such agreement, or says more than is kept here.
    """
    top = _fields(document, "agreement", {"@context", "@type", "permission"}, {"uid"})
    _expect(top["@context"] == CONTEXT, "@context", top["@context"], repr(CONTEXT))
    _expect(top["@type"] == "Agreement", "@type", top["@type"], "'Agreement'")
    one = _one(top["permission"], "permission")
    permission = _fields(one, "permission", {"target", "assigner", "assignee", "action", "constraint"}, set())
    _expect(permission["action"] == "read", "permission.action", permission["action"], "'read'")
    targets = permission["target"] if isinstance(permission["target"], list) else [permission["target"]]
    homes = [_home(target) for target in targets]
    scopes = {scope for _, scope in homes}
    _expect(len(scopes) == 1, "permission.target", permission["target"], "targets of one depth")
    purpose, until = _constraints(permission["constraint"])
    return Consent(
        _name(top["uid"], "uid") if "uid" in top else new_identity(),
        _name(permission["assigner"], "permission.assigner"),
        _name(permission["assignee"], "permission.assignee"),
        purpose,
        scopes.pop(),
        tuple(home for home, _ in homes),
        now,
        until,
    )


def to_odrl(consent: Consent) -> dict[str, Json]:
    """A consent as an agreement; read back it says the same."""
    constraints: list[Json] = [{"leftOperand": "purpose", "operator": "eq", "rightOperand": consent.purpose.value}]
    if consent.until is not None:
        end: Json = {"@value": consent.until.isoformat(), "@type": "xsd:dateTime"}
        constraints.append({"leftOperand": "dateTime", "operator": "lt", "rightOperand": end})
    targets: list[Json] = [f"{_TARGET}{home}#{consent.scope}" for home in consent.usage_points]
    permission: dict[str, Json] = {
        "target": targets,
        "assigner": consent.giver,
        "assignee": consent.grantee,
        "action": "read",
        "constraint": constraints,
    }
    return {"@context": CONTEXT, "@type": "Agreement", "uid": consent.identity, "permission": [permission]}


def _constraints(given: Json) -> tuple[Purpose, datetime | None]:
    purpose: Purpose | None = None
    until: datetime | None = None
    for one in given if isinstance(given, list) else [given]:
        parts = _fields(one, "constraint", {"leftOperand", "operator", "rightOperand"}, set())
        what = (parts["leftOperand"], parts["operator"])
        right = parts["rightOperand"]
        if what == ("purpose", "eq") and purpose is None:
            if right not in list(Purpose):
                raise BadInput(f"consent: purpose {right!r}; expected one of {', '.join(Purpose)}")
            purpose = Purpose(str(right))
        elif what == ("dateTime", "lt") and until is None:
            until = _instant(right)
        else:
            raise BadInput(
                f"consent: constraint {what[0]!r} {what[1]!r}; expected `purpose eq` once and `dateTime lt` at most once"
            )
    if purpose is None:
        raise BadInput("consent: it names no purpose; expected a constraint `purpose eq`")
    return purpose, until


def _instant(given: Json) -> datetime:
    text = given.get("@value") if isinstance(given, dict) and given.get("@type") == "xsd:dateTime" else given
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadInput(f"consent: dateTime {text!r}; expected an instant such as 2027-01-01T00:00:00+00:00") from None
    if found.tzinfo is None:
        raise BadInput(f"consent: dateTime {text!r} has no offset; expected one, such as +00:00")
    return found


def _home(target: Json) -> tuple[str, Scope]:
    name = _name(target, "permission.target")
    home, _, depth = name.removeprefix(_TARGET).partition("#")
    fits = name.startswith(_TARGET) and home and depth in {"", *Scope}
    _expect(bool(fits), "permission.target", target, f"{_TARGET}NAME#connection or #devices")
    return home, Scope(depth or Scope.CONNECTION)


def _one(given: Json, what: str) -> Json:
    found = given if isinstance(given, list) else [given]
    if len(found) != 1:
        raise BadInput(f"consent: {len(found)} of {what}; expected one")
    return found[0]


def _name(given: Json, what: str) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= _TEXT or not given.isprintable():
        raise BadInput(f"consent: {what} is {str(given)[:40]!r}; expected a name of 1 to {_TEXT} characters")
    return given


def _fields(given: Json, what: str, needed: set[str], also: set[str]) -> Mapping[str, Json]:
    if not isinstance(given, dict):
        raise BadInput(f"consent: {what} is no JSON object; expected one with {', '.join(sorted(needed))}")
    if missing := needed - set(given):
        raise BadInput(f"consent: {what} has no {min(missing)}; expected {', '.join(sorted(needed))}")
    if more := set(given) - needed - also:
        raise BadInput(f"consent: {what} says {min(more)!r}, which is not kept here; expected it left out")
    return given


def _expect(fits: bool, what: str, given: Json, expected: str) -> None:
    if not fits:
        raise BadInput(f"consent: {what} is {str(given)[:80]!r}; expected {expected}")
