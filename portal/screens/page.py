"""What a page is: an address, a title, who may see it, and what makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from cim.platform.access.principals import Role
from portal.screens.markup import Html
from portal.screens.seen import Seen

Area = Literal["dso", "market", "data"]
Parts = Sequence[Html]  # each is fetched again by itself when something has changed

DSO_ROLES = frozenset({Role.DSO, Role.ADMINISTRATOR})
MARKET_ROLES = frozenset({Role.PROSUMER, Role.AGGREGATOR, Role.DSO, Role.ADMINISTRATOR})
ALL_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Screen:
    """A page.

    Attributes:
        area, name: its address is /AREA/pages/NAME.
        roles: who sees it in the menu and may open it.
        make: its parts; raises BadInput for a question that makes no sense.
    """

    area: Area
    name: str
    title: str
    roles: frozenset[Role]
    make: Callable[[Seen], Parts]

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/{self.area}/pages/{self.name}"
