"""What pages show beside the store: the network with its power flow, and the ledger. Whoever starts the portal fills them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from cim.model.arrays import Floats
from cim.platform.readings.files import Place


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A node of the feeder at its place in the drawing; nominal volts phase to phase.

    Attributes:
        x, y: where `surveyed`, metres east and south of the north-west corner of all such nodes; else steps of a plan.
    """

    name: str
    x: float
    y: float
    nominal_v: float
    surveyed: bool = False


@dataclass(frozen=True, slots=True)
class DrawnBranch:
    """A line or transformer between two nodes, and its rating in volt-amperes; `kind` is `line` or `transformer`."""

    name: str
    from_node: str
    to_node: str
    kind: str
    rated_va: float


@dataclass(frozen=True)
class Drawing:
    """A site's network as it is drawn.

    Attributes:
        nodes, branches: in the order of every array over them.
        node_of: connection (usage point) -> its node.
        points_of: connection -> the congestion points it is fed through, the nearest first.
        meter_of: connection -> its meter, as readings name it.
        kind_of: device, as readings name it -> its kind.
        point_branches: congestion point -> the branch that limits it.
        titles: congestion points and connections in words.
        min_voltage_pu, max_voltage_pu, max_loading_pct: the site's limits.
        placed_by: who says where the surveyed nodes stand, in words; empty where there are none.
    """

    nodes: tuple[DrawnNode, ...]
    branches: tuple[DrawnBranch, ...]
    node_of: Mapping[str, str]
    points_of: Mapping[str, tuple[str, ...]]
    meter_of: Mapping[str, str]
    kind_of: Mapping[str, str]
    point_branches: Mapping[str, str]
    titles: Mapping[str, str]
    min_voltage_pu: float
    max_voltage_pu: float
    max_loading_pct: float
    placed_by: str = ""


@dataclass(frozen=True, slots=True)
class GridFlow:
    """A power flow for T instants.

    Attributes:
        voltage_pu: shape (T, nodes), per unit of the nominal voltage.
        loading_pct: shape (T, branches), percent of the rating.
        slack_w, losses_w: shape (T,), what comes from the grid above, and what of it becomes heat.
    """

    voltage_pu: Floats
    loading_pct: Floats
    slack_w: Floats
    losses_w: Floats


class GridSource(Protocol):
    """A site's network."""

    @property
    def drawing(self) -> Drawing:
        """As it is drawn."""
        ...

    def flow(
        self,
        power_w: Mapping[str, Floats],
        reactive_var: Mapping[str, Floats],
        more_w: Mapping[str, Floats] = MappingProxyType({}),
    ) -> GridFlow:
        """The power flow of connections' net power, each of shape (T,), + = consumption.

        Args:
            more_w: by node, what is drawn there beside.

        Raises:
            IlesError: there is no solution.
        """
        ...


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """A block's head: `digest` stands for everything recorded up to it; the period's end is excluded."""

    number: int
    digest: str
    period_start: datetime
    period_end: datetime
    records: int
    size: int
    cosigned_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """A record that stands in a block, by the kind and key that a proof takes."""

    kind: str
    key: str
    at: datetime
    author: str


@dataclass(frozen=True, slots=True)
class LedgerInvoice:
    """An invoice, or a credit note that corrects one (`corrects`: its number); parties are domains, days both included.

    Attributes:
        lines: (service, entries, energy in Wh or None, ten-thousandths of the currency unit).
        total_e4: what the recipient pays; below 0 it is paid.
    """

    number: str
    issuer: str
    recipient: str
    period_start: date
    period_end: date
    lines: tuple[tuple[str, int, int | None, int], ...]
    total_e4: int
    currency: str
    volume_wh: int
    deviation_wh: int
    corrects: str | None
    revision: int


class LedgerSource(Protocol):
    """A site's ledger, read."""

    def heads(self) -> tuple[LedgerHead, ...]:
        """All heads, oldest first."""
        ...

    def records(self, party: str | None) -> tuple[LedgerRecord, ...]:
        """Records in blocks that concern a party (a domain; None: all), newest first."""
        ...

    def invoices(self, party: str | None) -> tuple[LedgerInvoice, ...]:
        """Invoices and credit notes by what is recorded, that a party (a domain; None: anybody) issues or receives."""
        ...

    def invoice_page(self, number: str, party: str | None) -> str:
        """One of them as a whole page to print, HTML.

        Raises:
            BadInput: there is none of this number that the party issues or receives.
        """
        ...

    def proof(self, kind: str, key: str, *, shown: bool) -> str:
        """The proof (JSON) that a record stands under the last head; `shown`: with its salted body.

        Raises:
            BadInput: there is no such record, or it is in no block yet.
        """
        ...


@dataclass(frozen=True)
class PageSources:
    """What the pages of a site are made from, beside its `SiteView`.

    Attributes:
        readings: where the readings table is; it may not be there yet.
        grid: None where the network is not known.
        ledger: None where there is none.
        missing: why something of this is not there, a sentence each, by its name.
    """

    readings: Place | Path
    grid: GridSource | None = None
    ledger: LedgerSource | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
