"""Policies as data: a file in Cedar's language, checked when it is read, asked before and after every query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cedarpy
from cedarpy import pst
from sqlglot import exp

from cim.model.errors import BadInput
from cim.platform.access.attributes import ROW_ATTRIBUTES, AttributeClass, Dataset
from cim.platform.access.principals import Principal, Role
from cim.platform.access.residue import BoundValues, Json, Untranslatable, condition, either, is_false

DEFAULT = Path(__file__).parent / "policies" / "default.cedar"

Row = Mapping[str, str | None]  # a row's attributes, of ROW_ATTRIBUTES; None: it has none


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy as its annotations say it.

    Attributes:
        shows: classes of attributes that are seen of rows that it permits.
        pseudonyms: whether names are replaced.
        minimum_homes: of which a group in the answer must be made; 1: no bound.
    """

    name: str
    says: str
    shows: frozenset[AttributeClass] = frozenset()
    pseudonyms: bool = False
    minimum_homes: int = 1
    permits: bool = True


@dataclass(frozen=True, slots=True)
class Grant:
    """What one policy opens: which rows (a condition over columns), by which rule."""

    rule: Rule
    rows: exp.Expression


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody may see of a dataset, before any row was looked at.

    Attributes:
        grants: rows that one of them opens are seen, except those of `forbidden`.
        values: of the parameters in the conditions.
        denied: why nothing may be seen; empty where something may.
    """

    grants: tuple[Grant, ...] = ()
    forbidden: tuple[exp.Expression, ...] = ()
    values: Mapping[str, str | int] = field(default_factory=dict)
    denied: str = ""

    @property
    def rows(self) -> exp.Expression:
        """Which rows may be seen, as one condition."""
        allowed = either([grant.rows for grant in self.grants])
        for one in self.forbidden:
            allowed = exp.and_(allowed, exp.not_(one.copy()))
        return allowed

    def shown(self, kind: AttributeClass) -> exp.Expression:
        """In which of those rows columns of a class are seen."""
        return either([grant.rows for grant in self.grants if kind in grant.rule.shows])

    @property
    def pseudonyms(self) -> bool:
        """Whether names are replaced: as soon as one of the grants asks for it."""
        return any(grant.rule.pseudonyms for grant in self.grants)

    @property
    def minimum_homes(self) -> int:
        """Of how many homes each group must be made: the most that a grant asks for."""
        return max((grant.rule.minimum_homes for grant in self.grants), default=1)

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the policies that opened something."""
        return tuple(sorted(grant.rule.name for grant in self.grants))


class Policies:
    """A set of policies.

    Args:
        text: in Cedar's language, each policy with `@id` and `@says`; see `policies/default.cedar`.

    Raises:
        BadInput: a policy cannot be read, or says something that nothing here keeps.
    """

    def __init__(self, text: str) -> None:
        try:
            nodes = cedarpy.PolicySet.from_str(text).to_pst().static_policies
        except ValueError as error:
            raise BadInput(f"policies: they cannot be read ({_first_line(error)}); expected Cedar policies") from error
        self._rules = {key: _rule(node.annotations, node.effect) for key, node in nodes.items()}
        read = {key: node for key, node in nodes.items() if _action(self._rules[key].name, node.action) == "read"}
        # What is for another role is left out before it is asked: a decision takes half as long.
        self._reading = {role: _handle({k: n for k, n in read.items() if _is_for(n.principal, role)}) for role in Role}
        self._judging = _handle(read)
        self._acting = _handle({key: node for key, node in nodes.items() if key not in read})
        names = [rule.name for rule in self._rules.values()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadInput(f"policies: two have the @id {twice[0]!r}; expected a name of its own for each")

    @staticmethod
    def read(path: Path = DEFAULT) -> Policies:
        """Those of a file.

        Raises:
            BadInput: it cannot be read.
        """
        try:
            return Policies(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"policies: {path} cannot be read ({error}); expected a file of Cedar policies") from error

    def rules(self) -> tuple[Rule, ...]:
        """All of them, by name."""
        return tuple(sorted(self._rules.values(), key=lambda rule: rule.name))

    def decide(self, principal: Principal, dataset: Dataset, purpose: str) -> Decision:
        """What a principal may read of a dataset, for a purpose: by partial evaluation, the row left open.

        Denied is also who meets a policy whose residue cannot be translated.
        """
        asked = {"principal": principal.uid(), "action": 'Action::"read"', "context": _context(dataset.name, purpose)}
        answer = cedarpy.is_authorized_partial(asked, self._reading[principal.role], [principal.entity()])
        if answer.diagnostics.errors:
            return Decision(denied="a policy could not be evaluated")
        bound = BoundValues("policy_")
        grants: list[Grant] = []
        forbidden: list[exp.Expression] = []
        try:
            for key, left in answer.residuals.items():
                rows = condition(_conditions(left), bound)
                if is_false(rows):
                    continue
                if self._rules[key].permits:
                    grants.append(Grant(self._rules[key], rows))
                else:
                    forbidden.append(rows)
        except (Untranslatable, KeyError, TypeError) as error:
            return Decision(denied=f"a policy cannot become a condition over rows ({error})")
        if not grants:
            return Decision(denied="no policy permits it")
        grants.sort(key=lambda grant: grant.rule.name)
        return Decision(tuple(grants), tuple(forbidden), bound.values)

    def judge(
        self, principal: Principal, dataset: Dataset, purpose: str, rows: Sequence[Row]
    ) -> list[tuple[Rule, ...]]:
        """For each row, in full, the policies by which it may be seen; none: it may not. Independent of `decide`'s way."""
        entities = [principal.entity(), *(_row_entity(number, row) for number, row in enumerate(rows))]
        context = _context(dataset.name, purpose)
        requests = [
            {
                "principal": principal.uid(),
                "action": 'Action::"read"',
                "resource": f'Row::"{number}"',
                "context": context,
            }
            for number in range(len(rows))
        ]
        answers = cedarpy.is_authorized_batch(requests, self._judging, entities) if rows else []
        return [
            tuple(self._rules[key] for key in answer.diagnostics.reasons) if answer.allowed else ()
            for answer in answers
        ]

    def may(self, principal: Principal, act: str, usage_point: str = "") -> tuple[str, ...]:
        """The policies by which a principal may do something beside reading, on a home or on none; empty: it may not."""
        row: Row = {"usage_point": usage_point or None}
        asked = {
            "principal": principal.uid(),
            "action": f"Action::{json.dumps(act)}",
            "resource": 'Row::"0"',
            "context": {},
        }
        answer = cedarpy.is_authorized(asked, self._acting, [principal.entity(), _row_entity(0, row)])
        return tuple(self._rules[key].name for key in answer.diagnostics.reasons) if answer.allowed else ()


def _handle(nodes: Mapping[str, pst.Template]) -> cedarpy.PolicySet:
    """Policies of one kind: what a decision need not look at costs it nothing."""
    return cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=nodes, template_links=()))


def _is_for(scope: pst.PrincipalOrResourceConstraint, role: Role) -> bool:
    """False only where a policy's scope names another role."""
    named = scope.entity if isinstance(scope, pst.ScopeIn) else None
    if not isinstance(named, pst.EntityUid) or str(named.type) != "Role":
        return True
    return str(named.id) == role.value


def _action(policy: str, action: pst.ActionConstraint) -> str:
    if not isinstance(action, pst.ActionEq):
        raise BadInput(f'policy {policy}: it is not for one action; expected `action == Action::"read"` or another')
    return str(action.entity.id)


def _context(dataset: str, purpose: str) -> dict[str, str]:
    return {"dataset": dataset, "purpose": purpose}


def _row_entity(number: int, row: Row) -> dict[str, object]:
    attributes = {name: value for name in ROW_ATTRIBUTES if (value := row.get(name)) is not None}
    return {"uid": {"type": "Row", "id": str(number)}, "attrs": attributes, "parents": []}


def _conditions(left: Mapping[str, Json]) -> list[Json]:
    """Those of a residual policy; partial evaluation has moved its scope there too."""
    scopes = [left[scope] for scope in ("principal", "action", "resource")]
    if any(scope != {"op": "All"} for scope in scopes):
        raise Untranslatable("a residue with a scope")
    conditions = left["conditions"]
    if not isinstance(conditions, list):
        raise Untranslatable("a residue without conditions")
    return conditions


def _rule(annotations: Mapping[str, str], effect: str) -> Rule:
    name = annotations.get("id", "")
    unknown = set(annotations) - {"id", "says", "shows", "pseudonyms", "minimum_homes"}
    if not name or not annotations.get("says") or unknown:
        what = f"@{min(unknown)} is not known" if unknown else "@id or @says is missing"
        raise BadInput(
            f"policy {name or '(without a name)'}: {what}; expected @id, @says, and of @shows, @pseudonyms, @minimum_homes"
        )
    try:
        shows = frozenset(
            AttributeClass(word.strip()) for word in annotations.get("shows", "").split(",") if word.strip()
        )
    except ValueError:
        raise BadInput(
            f"policy {name}: @shows is {annotations['shows']!r}; expected some of {', '.join(AttributeClass)}"
        ) from None
    least = annotations.get("minimum_homes", "1")
    if not least.isdecimal() or not least.isascii() or int(least) < 1:
        raise BadInput(f"policy {name}: @minimum_homes is {least!r}; expected a whole number from 1")
    pseudonyms = annotations.get("pseudonyms")
    if pseudonyms not in {None, "project"}:
        raise BadInput(f'policy {name}: @pseudonyms is {pseudonyms!r}; expected "project", or nothing')
    return Rule(name, annotations["says"], shows, pseudonyms is not None, int(least), effect == "permit")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["?"])[0]
