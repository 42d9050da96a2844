"""What partial evaluation left of a policy becomes a condition over columns: an SQL tree with bound values, never text.

Only an allow-list of operators is translated. Cedar has errors where SQL has NULL (an attribute that a row lacks), and both
mean "not permitted"; `||` and negation are written so that they agree there too.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from cim.platform.access.attributes import ROW_ATTRIBUTES

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


class Untranslatable(Exception):
    """A residue has a part outside the allow-list; whoever asked is denied."""


class BoundValues:
    """Values of a query, by the name of the parameter that stands for each in its tree."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.values: dict[str, str | int] = {}

    def bind(self, value: str | int) -> exp.Expression:
        """The parameter that stands for `value`."""
        name = f"{self._prefix}{len(self.values)}"
        self.values[name] = value
        return exp.Placeholder(this=name)


def condition(conditions: Sequence[Json], bound: BoundValues) -> exp.Expression:
    """The conjunction of a residual policy's `when` and `unless`; TRUE or FALSE where nothing is left open.

    Raises:
        Untranslatable: some part is not in the allow-list.
    """
    found: exp.Expression = exp.true()
    for one in conditions:
        if not isinstance(one, dict) or one.get("kind") not in {"when", "unless"}:
            raise Untranslatable(f"condition {one!r}")
        body = _truth(one["body"], bound, negated=one["kind"] == "unless")
        found = _and(found, _not(body) if one["kind"] == "unless" else body, negated=False)
    return found


def is_true(tree: exp.Expression) -> bool:
    """Whether a condition holds for every row."""
    return isinstance(tree, exp.Boolean) and bool(tree.this)


def is_false(tree: exp.Expression) -> bool:
    """Whether a condition holds for no row."""
    return isinstance(tree, exp.Boolean) and not tree.this


def either(conditions: Sequence[exp.Expression]) -> exp.Expression:
    """Whether one of several holds; FALSE of none."""
    if any(is_true(one) for one in conditions):
        return exp.true()
    left = [one.copy() for one in conditions if not is_false(one)]
    return exp.or_(*left) if left else exp.false()


def _truth(node: Json, bound: BoundValues, *, negated: bool) -> exp.Expression:
    operator, inside = _only(node)
    if operator == "Value" and isinstance(inside, bool):
        return exp.true() if inside else exp.false()
    if operator == "&&":
        left, right = (_truth(side, bound, negated=negated) for side in _sides(inside))
        return _and(left, right, negated=negated)
    if operator == "||":
        left, right = (_truth(side, bound, negated=negated) for side in _sides(inside))
        return _or(left, right)
    if operator == "!" and isinstance(inside, dict):
        return _not(_truth(inside["arg"], bound, negated=not negated))
    if operator in {"==", "!="}:
        return _equal(*_sides(inside), bound, same=operator == "==")
    if operator == "contains":
        return _contains(*_sides(inside), bound)
    if operator == "has" and isinstance(inside, dict) and _is_row(inside["left"]):
        return exp.Not(this=exp.Is(this=_named(inside["attr"]), expression=exp.null()))
    raise Untranslatable(f"operator {operator!r}")


def _equal(left: Json, right: Json, bound: BoundValues, *, same: bool) -> exp.Expression:
    column, other = (left, right) if _attribute(left) is not None else (right, left)
    name = _attribute(column)
    if name is None:
        raise Untranslatable("an equality without an attribute of the row")
    kind = exp.EQ if same else exp.NEQ
    again = _attribute(other)
    if again is not None:
        return kind(this=_named(name), expression=_named(again))
    return kind(this=_named(name), expression=bound.bind(_word(other)))


def _contains(words: Json, wanted: Json, bound: BoundValues) -> exp.Expression:
    operator, inside = _only(words)
    name = _attribute(wanted)
    if operator == "Value" and isinstance(inside, list):
        values: list[Json] = [{"Value": one} for one in inside]
    elif operator == "Set" and isinstance(inside, list):
        values = inside
    else:
        raise Untranslatable("`contains` of something that is no set of words")
    if name is None:
        raise Untranslatable("`contains` of something that is no attribute of the row")
    if not values:
        return exp.false()
    return exp.In(this=_named(name), expressions=[bound.bind(_word(value)) for value in values])


def _and(left: exp.Expression, right: exp.Expression, *, negated: bool) -> exp.Expression:
    """Cedar's `&&`; under a negation an error on the left must stay one, so it hides what is on the right."""
    if is_false(left) or is_true(right):
        return left
    if is_true(left):
        return right
    if is_false(right) and not negated:
        return right  # false or an error, so never true
    if negated:
        right = exp.or_(right, exp.Is(this=exp.paren(left.copy()), expression=exp.null()))
    return exp.and_(left, right)


def _or(left: exp.Expression, right: exp.Expression) -> exp.Expression:
    """Cedar's `||`: an error on the left is an error, whatever is on the right."""
    if is_true(left) or is_false(right):
        return left
    if is_false(left):
        return right
    known = exp.Not(this=exp.Is(this=exp.paren(left.copy()), expression=exp.null()))
    return exp.or_(left, exp.and_(right, known))


def _not(tree: exp.Expression) -> exp.Expression:
    if isinstance(tree, exp.Boolean):
        return exp.false() if tree.this else exp.true()
    return exp.not_(tree)


def _only(node: Json) -> tuple[str, Json]:
    if not isinstance(node, dict) or len(node) != 1:
        raise Untranslatable(f"node {node!r}")
    return next(iter(node.items()))


def _sides(inside: Json) -> tuple[Json, Json]:
    if not isinstance(inside, dict) or set(inside) != {"left", "right"}:
        raise Untranslatable(f"operands {inside!r}")
    return inside["left"], inside["right"]


def _is_row(node: Json) -> bool:
    return node == {"unknown": [{"Value": "resource"}]}


def _attribute(node: Json) -> str | None:
    """Which attribute of the row a node reads; None where it is something else."""
    if isinstance(node, dict) and isinstance(read := node.get("."), dict) and _is_row(read.get("left")):
        name = read.get("attr")
        return name if isinstance(name, str) else None
    return None


def _named(name: Json) -> exp.Expression:
    if name not in ROW_ATTRIBUTES:
        raise Untranslatable(f"attribute {name!r}")
    return exp.column(name)


def _word(node: Json) -> str:
    operator, inside = _only(node)
    if operator != "Value" or not isinstance(inside, str):
        raise Untranslatable(f"value {inside!r}: row attributes are words")
    return inside
