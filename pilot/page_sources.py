"""Fills what the portal's pages need of a site's network and ledger (`portal.sources`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import MappingProxyType

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput, IlesError
from cim.platform.readings.storage import readings_place
from environment.feeder import Feeder, rated_va
from environment.profiles.grid import load_grid
from environment.sites.loader import load_site
from environment.sites.network import build_coordinates, build_limits, build_network
from environment.sites.schema import Site
from market.settlement.billed_records import KINDS, BilledRecords
from market.settlement.invoices import Invoice
from pilot.feeder_plan import feeder_plan, metres, plan_of_others
from portal.sources import (
    Drawing,
    DrawnBranch,
    DrawnNode,
    GridFlow,
    LedgerHead,
    LedgerInvoice,
    LedgerRecord,
    PageSources,
)


class SiteGrid:
    """A `portal.sources.GridSource` of a site file's network."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @cached_property
    def _feeder(self) -> Feeder:
        return Feeder(build_network(self._site))

    @cached_property
    def drawing(self) -> Drawing:
        """The network with each connection's node, drawn by its coordinates, or by its topology where it has none."""
        site, network, limits = self._site, self._feeder.network, build_limits(self._site)
        surveyed, rated = metres(build_coordinates(site)), rated_va(network)
        places = {**plan_of_others(network, surveyed), **surveyed} if surveyed else feeder_plan(network)
        lines = [DrawnBranch(one.name, one.from_node, one.to_node, "line", rated[one.name]) for one in network.lines]
        lines += [
            DrawnBranch(one.name, one.hv_node, one.lv_node, "transformer", rated[one.name])
            for one in network.transformers
        ]
        parents = {point.id: point.parent for point in site.congestion_points}
        titles = {point.id: point.title for point in site.congestion_points}
        return Drawing(
            tuple(
                DrawnNode(node.name, *places[node.name], node.nominal_v, node.name in surveyed)
                for node in network.nodes
            ),
            tuple(lines),
            {prosumer.name: prosumer.node for prosumer in site.prosumers},
            {prosumer.name: _upwards(prosumer.congestion_point, parents) for prosumer in site.prosumers},
            {prosumer.name: prosumer.meter for prosumer in site.prosumers},
            {one.device_name(device): device.kind for one in site.prosumers for device in one.devices},
            {point.id: point.branch for point in site.congestion_points},
            titles
            | {f"ean.{prosumer.ean}": prosumer.title for prosumer in site.prosumers}
            | {prosumer.name: prosumer.title for prosumer in site.prosumers},
            limits.min_voltage_pu,
            limits.max_voltage_pu,
            limits.max_loading_pct,
            _placed_by(site),
        )

    def flow(
        self,
        power_w: Mapping[str, Floats],
        reactive_var: Mapping[str, Floats],
        more_w: Mapping[str, Floats] = MappingProxyType({}),
    ) -> GridFlow:
        """See `portal.sources.GridSource`."""
        drawn = self._by_node(power_w)
        for node, row in more_w.items():
            drawn[:, self._feeder.node_index[node]] += row
        found = self._feeder.flow(drawn, self._by_node(reactive_var) if reactive_var else None)
        return GridFlow(found.voltage_pu, found.loading_pct, found.slack_p_w, found.losses_w)

    def _by_node(self, values: Mapping[str, Floats]) -> Floats:
        count = len(next(iter(values.values())))
        summed = np.zeros((count, len(self._feeder.node_names)))
        for connection, row in values.items():
            node = self.drawing.node_of.get(connection)
            if node is not None:
                summed[:, self._feeder.node_index[node]] += row
        return summed


class LedgerFile:
    """A `portal.sources.LedgerSource` of a ledger's file, opened anew for each question: its keeper goes on writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._billed, self._billed_to, self._billing = BilledRecords(), (0, 0), Lock()
        self._bills: tuple[Invoice, ...] = ()

    def heads(self) -> tuple[LedgerHead, ...]:
        """See `portal.sources.LedgerSource`."""
        from market.ledger.reader import LedgerReader

        with LedgerReader(self._path) as ledger:
            return tuple(
                LedgerHead(
                    head.number,
                    head.digest.hex(),
                    head.period_start,
                    head.period_end,
                    head.count,
                    head.size,
                    tuple(one.party for one in ledger.cosignatures(head.number)),
                )
                for head in ledger.heads()
            )

    def records(self, party: str | None) -> tuple[LedgerRecord, ...]:
        """See `portal.sources.LedgerSource`."""
        from agents.runtime.ledger_history import concerned
        from market.ledger.reader import LedgerReader

        with LedgerReader(self._path) as ledger:
            still_open = {(record.kind, record.key) for record in ledger.records(block=0)}
            found = [one for one in ledger.records() if (one.kind, one.key) not in still_open]
        return tuple(
            LedgerRecord(one.kind, one.key, one.at, one.author)
            for one in reversed(found)
            if party is None or party in concerned(one)
        )

    def invoices(self, party: str | None) -> tuple[LedgerInvoice, ...]:
        """See `portal.sources.LedgerSource`."""
        return tuple(_shown(one) for one in self._invoices() if party is None or party in (one.issuer, one.recipient))

    def invoice_page(self, number: str, party: str | None) -> str:
        """See `portal.sources.LedgerSource`."""
        from market.settlement.invoice_page import invoice_page

        for one in self._invoices():
            if one.number == number and (party is None or party in (one.issuer, one.recipient)):
                return invoice_page(one)
        whose = "" if party is None else " that you issue or receive"
        raise BadInput(f"number: there is no invoice {number[:120]!r}{whose}")

    def _invoices(self) -> tuple[Invoice, ...]:
        """All of them: what was settled or paid since is read, and the months that it concerns are made anew."""
        import agents.assembly.wire_types  # noqa: F401 - what the ledger's bodies are made of
        from market.ledger.reader import LedgerReader

        with self._billing, LedgerReader(self._path) as ledger:
            last, bodies = ledger.mark_of(KINDS)
            if (last, bodies) != self._billed_to:
                fresh = ledger.records_of(KINDS, self._billed_to[0])
                kept = sum(1 for one in fresh if one.salt)
                if self._billed_to[1] + kept != bodies:  # a body was erased: what it said is billed no more
                    self._billed, fresh = BilledRecords(), ledger.records_of(KINDS)
                self._billed.add(fresh)
                self._billed_to, self._bills = (last, bodies), self._billed.invoices()
        return self._bills

    def proof(self, kind: str, key: str, *, shown: bool) -> str:
        """See `portal.sources.LedgerSource`."""
        from market.ledger.proofs import to_json
        from market.ledger.prover import Prover

        with Prover(self._path) as prover:
            return to_json((prover.inclusion(kind, key, None, shown),))


def _shown(one: Invoice) -> LedgerInvoice:
    lines = tuple((line.reason, line.count, line.energy_wh, line.amount_e4) for line in one.lines)
    return LedgerInvoice(
        one.number, one.issuer, one.recipient, one.period_start, one.period_end, lines, one.total_e4, one.currency, one.volume_wh,
        one.deviation_wh, one.corrects, one.revision,
    )  # fmt: skip


def sources_of(folder: Path, site: Site | None, why_not: str = "") -> PageSources:
    """What the pages of a run's or site's folder are made from.

    Args:
        site: its site file; None where there is none (any more), for the reason `why_not`.
    """
    ledger = folder / "ledger.db"
    return PageSources(
        readings_place(folder),
        None if site is None else SiteGrid(site),
        LedgerFile(ledger) if ledger.exists() else None,
        {"grid": why_not} if site is None else {},
    )


def site_named(name: str) -> tuple[Site | None, str]:
    """The site file of this name, or why it cannot be used."""
    try:
        return load_site(name), ""
    except (BadInput, IlesError) as error:
        return None, f"the network of {name} is not known here ({error})"


def _placed_by(site: Site) -> str:
    """Who says where nodes stand."""
    below, said = site.network.low_voltage, []
    if below is not None and (pack := load_grid(below.pack)).coordinates:
        said.append(f"the publisher of the grid {pack.code}")
    if any(node.at is not None for node in site.network.nodes):
        said.append("the site file")
    return " and ".join(said)


def _upwards(point: str, parents: Mapping[str, str | None]) -> tuple[str, ...]:
    found: list[str] = []
    at: str | None = point
    while at is not None and at not in found:
        found.append(at)
        at = parents.get(at)
    return tuple(found)
