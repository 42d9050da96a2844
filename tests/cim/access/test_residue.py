"""The condition that a policy leaves says of every row what Cedar itself says of it."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.platform.access.attributes import READINGS, ROW_ATTRIBUTES
from cim.platform.access.policies import Decision, Policies
from cim.platform.access.principals import Principal, Role
from cim.platform.access.secured import secured

DUCKDB = duckdb.connect()
ADMIN = Principal("root", Role.ADMINISTRATOR, homes=frozenset({"a", "b"}))
WORDS = ("a", "b", "c")
TESTED = ("kind", "place")  # two attributes that a row may lack


def policy(body: str, effect: str = "permit", name: str = "p") -> str:
    """A policy on rows for anybody."""
    return (
        f'@id("{name}") @says("s.") @shows("home,measure") '
        f'{effect}(principal, action == Action::"read", resource) when {{ {body} }};'
    )


def rows_of(decision: Decision, rows: list[Mapping[str, str | None]]) -> list[int]:
    """Which of the rows the decision's condition lets through, by DuckDB."""
    full = [{name: row.get(name) for name in ROW_ATTRIBUTES} | {"value": n} for n, row in enumerate(rows)]
    schema = pa.schema([*((name, pa.string()) for name in ROW_ATTRIBUTES), ("value", pa.int64())])
    table = pa.Table.from_pylist(full, schema=schema)
    tree = secured(decision, READINGS, "rows").select("value", append=False)
    text = tree.sql(dialect="duckdb")
    DUCKDB.register("rows", table)
    values = {name: value for name, value in decision.values.items() if f"${name}" in text}
    return sorted(value for (value,) in DUCKDB.execute(text, values).fetchall())


def bodies() -> st.SearchStrategy[str]:
    """Bodies of policies in the operators that are translated."""
    attribute = st.sampled_from(TESTED).map(lambda name: f"resource.{name}")
    word = st.sampled_from(WORDS).map(lambda text: f'"{text}"')
    leaf = st.one_of(
        st.tuples(attribute, st.sampled_from(("==", "!=")), word).map(" ".join),
        st.tuples(attribute, st.just("=="), attribute).map(" ".join),
        attribute.map(lambda name: f"principal.homes.contains({name})"),
        attribute.map(lambda name: f'["a", "c"].contains({name})'),
        st.sampled_from(TESTED).map(lambda name: f"resource has {name}"),
        st.sampled_from(("true", "false", 'context.purpose == "x"')),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(("&&", "||")), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
            inner.map(lambda body: f"!({body})"),
        ),
        max_leaves=6,
    )


ROWS: list[Mapping[str, str | None]] = [
    {"usage_point": "u", "kind": kind, "place": place} for kind in (*WORDS, None) for place in (*WORDS, None)
]


@given(bodies(), bodies())
@settings(max_examples=60, deadline=None)
def test_the_condition_agrees_with_cedar(permit: str, forbid: str) -> None:
    """Of random policies in the allowed operators, the condition lets through no row that Cedar, asked in full, denies.

    And without a forbidding policy exactly those that it permits, rows that lack the attribute included.
    """
    alone = Policies(policy(permit))
    allowed = [n for n, rules in enumerate(alone.judge(ADMIN, READINGS, "x", ROWS)) if rules]
    assert rows_of(alone.decide(ADMIN, READINGS, "x"), ROWS) == allowed
    both = Policies(policy(permit) + policy(forbid, "forbid", "f"))
    allowed = [n for n, rules in enumerate(both.judge(ADMIN, READINGS, "x", ROWS)) if rules]
    assert set(rows_of(both.decide(ADMIN, READINGS, "x"), ROWS)) <= set(allowed)


@pytest.mark.parametrize(
    "body",
    [
        'resource.kind like "a*"',
        "resource.secret == 3",
        "resource.kind == 3",
        'resource.tariff == "a"',
        'resource in Group::"g"',
        'if resource.kind == "a" then true else false',
        'resource.kind < "a"',
        "context.unheard_of == resource.kind",
    ],
)
def test_what_cannot_be_translated_is_denied(body: str) -> None:
    """A residue outside the allow-list denies the whole request, even where another policy would permit it."""
    policies = Policies(policy(body) + policy("true", name="everything"))
    assert policies.decide(ADMIN, READINGS, "x").denied


def test_values_are_bound_and_never_text() -> None:
    """What a policy or principal names reaches the query as a parameter's value, quotes and all."""
    evil = "x' OR 1=1 --"
    policies = Policies(policy("principal.homes.contains(resource.kind)"))
    decision = policies.decide(Principal("p", Role.PROSUMER, homes=frozenset({evil})), READINGS, "x")
    assert evil in decision.values.values()
    assert "1=1" not in secured(decision, READINGS, "rows").sql(dialect="duckdb")
    assert rows_of(decision, [{"usage_point": "u", "kind": "a"}, {"usage_point": "u", "kind": evil}]) == [1]
