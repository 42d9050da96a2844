"""All sharing rules by name: a new one is a file beside these, and a line here."""

from __future__ import annotations

from cim.model.errors import BadInput
from market.community.gains.equal import Equal
from market.community.gains.proportional import Proportional
from market.community.gains.rule import SharingRule
from market.community.gains.shapley import Shapley

SHARING_RULES: tuple[SharingRule, ...] = (Proportional(), Equal(), Shapley())


def sharing_rule(name: str) -> SharingRule:
    """A rule by its name.

    Raises:
        BadInput: it is unknown.
    """
    for known in SHARING_RULES:
        if known.name == name:
            return known
    raise BadInput(f"sharing rule {name!r} is unknown; expected one of {', '.join(r.name for r in SHARING_RULES)}")
