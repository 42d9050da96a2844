"""Publishing assets: every name and rating is checked, directions decide the swing, the register only grows by its owners."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.assets.publication import AssetPublication, AssetRegister
from market.contracts.contract import FlexElement

ASSET = AssetPublication("bess", "battery", "care.example", "AT001", "ea1.2026-01.example:mv", 250_000, -150_000)


@pytest.mark.parametrize("field", ["name", "kind", "owner", "usage_point", "congestion_point"])
def test_an_empty_name_is_refused_by_its_field(field: str) -> None:
    """Each of the five texts must say something."""
    with pytest.raises(BadInput, match=f"{field} is empty; expected a name"):
        replace(ASSET, **{field: ""})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("consumption_w", "generation_w", "good"), [(0, 0, True), (-1, 0, False), (0, 1, False), (1, -1, True)]
)
def test_ratings_have_their_sign(consumption_w: int, generation_w: int, good: bool) -> None:
    """Consumption from 0 up, generation from 0 down; both values are told when one is wrong."""
    if good:
        assert replace(ASSET, max_consumption_w=consumption_w, max_generation_w=generation_w)
        return
    with pytest.raises(BadInput, match=f"ratings {consumption_w} W and {generation_w} W"):
        replace(ASSET, max_consumption_w=consumption_w, max_generation_w=generation_w)


@pytest.mark.parametrize(
    ("up", "down", "increase_w", "decrease_w"),
    [(True, True, 400_000, -400_000), (True, False, 400_000, 0), (False, True, 0, -400_000), (False, False, 0, 0)],
)
def test_an_element_has_the_whole_swing_in_the_directions_it_offers(
    up: bool, down: bool, increase_w: int, decrease_w: int
) -> None:
    """From full generation to full consumption and back: 250 + 150 kW."""
    element = replace(ASSET, can_increase=up, can_decrease=down).element
    assert element == FlexElement("bess", "battery", increase_w, decrease_w, volume_price_e4_per_kwh=0)


PUBLICATIONS = st.builds(
    lambda name, owner, rating: replace(ASSET, name=name, owner=owner, max_consumption_w=rating),
    st.sampled_from("abcd"), st.sampled_from(["one.example", "two.example"]), st.integers(0, 9),
)  # fmt: skip


@given(batches=st.lists(st.lists(PUBLICATIONS, max_size=4), max_size=5))
def test_a_register_holds_the_last_publication_of_each_name_by_its_first_owner(
    batches: list[list[AssetPublication]],
) -> None:
    """Against a plain model: a batch with a foreign name changes nothing, any other renews, in order of name."""
    register, model = AssetRegister(), dict[str, AssetPublication]()
    for batch in batches:
        wanted = dict(model)
        foreign = next((a for a in batch if wanted.setdefault(a.name, a).owner != a.owner), None)
        before = dict(register.assets)
        if foreign is not None:
            owner = wanted[foreign.name].owner
            with pytest.raises(BadInput, match=f"owner {foreign.owner}; it is already published by {owner}"):
                register.published(batch)
            assert dict(register.assets) == before
            continue
        model |= {asset.name: asset for asset in batch}
        later = register.published(batch)
        assert dict(register.assets) == before  # a register is a value
        register = later
        assert list(register.assets.items()) == sorted(model.items())


def test_nobody_changes_a_register_from_outside() -> None:
    """Its assets are read-only, also those of the empty one."""
    for register in (AssetRegister(), AssetRegister().published([ASSET])):
        with pytest.raises(TypeError, match="does not support item assignment"):
            register.assets["x"] = ASSET  # type: ignore[index]
