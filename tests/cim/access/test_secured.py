"""What leaves is judged again: a row or value that slipped through the condition stops everything."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cim.model.errors import ProgrammingFault
from cim.platform.access.attributes import READINGS, ROW_ATTRIBUTES, AttributeClass, Dataset
from cim.platform.access.policies import Policies
from cim.platform.access.secured import WITNESS, recheck, secured
from tests.worlds.access import HOMES, book


def leaving(home: int, level: str = "connection", meter: str | None = None) -> pa.Table:
    """One row as it would leave."""
    side = "east" if home < 6 else "west"
    row = dict.fromkeys(ROW_ATTRIBUTES) | {
        "usage_point": HOMES[home], "level": level, "aggregator": f"agr-{side}", "congestion_point": "cp-1",
    }  # fmt: skip
    names = {WITNESS + name: pa.array([value], pa.string()) for name, value in row.items()}
    return pa.table(names | {"meter": pa.array([meter], pa.string())})


def test_a_row_that_no_policy_permits_stops_everything() -> None:
    """Of two rows of which one is another's none leaves."""
    policies, owner = Policies.read(), book().principal("owner-0")
    recheck(policies, owner, READINGS, "operation", leaving(0))
    with pytest.raises(ProgrammingFault, match="a row that no policy permits"):
        recheck(policies, owner, READINGS, "operation", pa.concat_tables([leaving(0), leaving(1)]))


def test_a_value_that_no_policy_shows_stops_everything() -> None:
    """A DSO's row may leave, a device's name in it may not."""
    policies, dso = Policies.read(), book().principal("dso-1")
    recheck(policies, dso, READINGS, "operation", leaving(0))
    with pytest.raises(ProgrammingFault, match="a value that no policy shows"):
        recheck(policies, dso, READINGS, "operation", leaving(0, meter="agr-east:home-0.battery"))


def test_columns_are_an_allow_list() -> None:
    """A column that the dataset does not class never appears, whoever asks."""
    small = Dataset("small", {"usage_point": AttributeClass.HOME})
    decision = Policies.read().decide(book().principal("root"), small, "operation")
    named = [column.alias for column in secured(decision, small, "t").expressions]
    assert [name for name in named if not name.startswith(WITNESS)] == ["usage_point"]
