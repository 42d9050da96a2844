"""The point tables against pysunspec2's own layout."""

from __future__ import annotations

import pytest
from sunspec2 import device as reference

from cim.model.errors import ProgrammingFault
from devices.sunspec.models import is_defined, model


@pytest.mark.parametrize("model_id", [1, 101, 103, 120, 121, 123, 124, 203, 701, 702, 703, 704, 713])
def test_every_point_lies_where_the_reference_library_has_it(model_id: int) -> None:
    """Offsets, sizes and lengths of the models that ILES uses equal pysunspec2's."""
    table = model(model_id)
    theirs = reference.Model(model_id)
    assert table.size == theirs.len
    for name, point in theirs.points.items():
        assert (table.point(name).offset, table.point(name).size) == (point.offset, point.len), name


def test_groups_are_laid_out_after_the_points() -> None:
    """704's four power-factor groups follow its 59 registers, as `Group.Point`."""
    table = model(704)
    assert table.point("PFWInj.PF").offset == 59
    assert table.point("PFWAbsRvrt.Ext").offset == 66
    assert table.length == 65


def test_repeating_groups_are_counted_by_the_length() -> None:
    """714 has as many ports as its length has room for."""
    one, two = model(714, 43), model(714, 68)
    assert "Prt.0.DCW" in one.points
    assert "Prt.1.DCW" not in one.points
    assert two.point("Prt.1.DCW").offset == one.point("Prt.0.DCW").offset + 25


def test_symbols_and_access_come_along() -> None:
    """Enumerations and what may be written are part of the table."""
    assert model(704).point("WSetMod").symbols["WATTS"] == 1
    assert model(123).point("WMaxLimPct").writable
    assert not model(103).point("W").writable


def test_a_vendor_model_has_no_table() -> None:
    """An unknown model is named, not guessed."""
    assert not is_defined(64999)
    with pytest.raises(ProgrammingFault, match="64999"):
        model(64999)
    with pytest.raises(ProgrammingFault, match="Nope"):
        model(103).point("Nope")
