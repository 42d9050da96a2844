"""One run of the market for each loss: what was settled, what really changed, what was paid and fined."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from cim.model.errors import BadInput
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.incidents import PointNotMetered
from cim.platform.publications.settlement import SettledOrder, SettlementTold, last_revisions
from cim.platform.store import values
from environment.sites import load_site
from environment.sites.schema import Site
from experiments.run.columns.column import Column
from experiments.run.columns.with_agents import run_agents
from experiments.run.run import RunResult, run_site
from experiments.run.settings import RunSettings
from experiments.run.study.study_command import program_digest
from experiments.run.workers import pool_of, write_whole
from market.rules import Control

Loss = tuple[str, int | None]  # a device or meter; the minute of the first day from which it is lost, None: all day


@dataclass(frozen=True)
class PartyRow:
    """What a day came to for one seller: a member, or an aggregator with all its members' elements.

    Attributes:
        settled_wh, true_wh: of its elements, as those of `LossRow`.
        paid_e4, fined_e4: to it and by it, for orders: a member's by its aggregator, an aggregator's by the DSO.
    """

    party: str
    settled_wh: int
    true_wh: int
    paid_e4: int
    fined_e4: int


@dataclass(frozen=True)
class LossRow:
    """What a day came to with a loss (or with none: `device` is empty).

    Attributes:
        device, since: what was lost, and from when: `12:00`, `day`.
        settled_wh: delivered by members' elements, as settled.
        true_wh: by how much the same elements' power differs from the column `local`.
        paid_e4, fined_e4: by the DSO, for delivery; from its sellers, for what was missing.
        members_paid_e4, members_fined_e4: the same between aggregators and members.
        lost_settled_wh, lost_paid_e4, lost_fined_e4: of it what falls to what nobody metered: must be nothing.
        told_isps: ISPs of a congestion point of which the DSO was told that they were not metered completely.
        parties: the sellers, each by itself.
        run: of which program, site, day and seed it is (`run_key`).
    """

    run: str
    device: str
    since: str
    settled_wh: int
    true_wh: int
    paid_e4: int
    fined_e4: int
    members_paid_e4: int
    members_fined_e4: int
    lost_settled_wh: int
    lost_paid_e4: int
    lost_fined_e4: int
    told_isps: int
    parties: tuple[PartyRow, ...] = ()

    @property
    def loss(self) -> tuple[str, str]:
        """What was lost, and from when on, as in `name_of`."""
        return self.device, self.since


def name_of(loss: Loss) -> tuple[str, str]:
    """A loss in words: the device, and `12:00` or `day`."""
    device, minute = loss
    return device, "day" if minute is None else f"{minute // 60:02d}:{minute % 60:02d}"


def run_key(settings: RunSettings) -> str:
    """Program and site (a digest), day and seed: rows of another run say nothing of this one."""
    return f"{program_digest(settings.site)} {settings.day or load_site(settings.site).default_day} {settings.seed}"


def read_rows(path: Path, run: str) -> dict[tuple[str, str], LossRow]:
    """The rows of this run that a file holds; those of others, and what is no row, are left out."""
    found: dict[tuple[str, str], LossRow] = {}
    try:
        rows = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return found
    for row in rows if isinstance(rows, list) else ():
        try:
            known = TypeAdapter(LossRow).validate_python(row)
        except ValidationError:
            continue
        if known.run == run:
            found[known.loss] = known
    return found


def keep_rows(path: Path, rows: Iterable[LossRow]) -> None:
    """Write the file, whole or not at all."""
    write_whole(path, json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def losses_of(site: Site, since: Sequence[int | None], only: Iterable[str] = ()) -> list[Loss]:
    """No loss first, then every meter and device of a site (or those named), lost from each of these minutes on.

    Raises:
        BadInput: a name is none of them.
    """
    names = [name for p in site.prosumers for name in (p.meter, *(p.device_name(d) for d in p.devices))]
    wanted = set(only) or set(names)
    for name in sorted(wanted - set(names)):
        raise BadInput(f"only: {name!r} is no meter or device of {site.name}; expected for example {min(names)}")
    return [("", None), *((name, minute) for name in names if name in wanted for minute in since)]


def run_losses(settings: RunSettings, losses: Sequence[Loss], run: str, processes: int) -> Iterator[LossRow]:
    """A row for each loss as it is finished, as many at once as there are processes; the column `local` is run once."""
    local = run_agents(settings, Control.LOCAL)
    with pool_of(processes) as pool:
        futures = [pool.submit(run_loss, settings, loss, run, local) for loss in losses]
        for future in as_completed(futures):
            yield future.result()


def run_loss(settings: RunSettings, loss: Loss, run: str, local: Column) -> LossRow:
    """The market's day with one loss, in this process and without sockets."""
    device, _ = loss
    quiet = replace(settings, runtime="local", wire="direct", durable=False, allow_missing=True,
                    lose=(loss,) if device else ())  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="iles-") as folder:
        result = run_site(
            quiet, Path(folder) / "l.db", MemoryStore(keep_readings=False), Control.MARKET, lambda _: None
        )
    return row_of(result, loss, run, local)


def row_of(result: RunResult, loss: Loss, run: str, local: Column) -> LossRow:
    """What a run with a loss came to."""
    device, minute = loss
    site, hours = result.site, result.site.isp_minutes / 60
    told = last_revisions(values(result.store, SettlementTold))
    above = [order for one in told if one.buyer == site.dso.domain for order in one.orders]
    below = [order for one in told if one.buyer != site.dso.domain for order in one.orders]
    elements = {order.congestion_point for order in below}
    lost = [order for order in below if order.congestion_point in _behind(site, device)]
    first = 1 + (minute or 0) // site.isp_minutes
    dead = [isp for order in lost for isp in order.isps if isp.start >= first]
    true_wh = {
        name: float(np.abs(result.devices.power_w[name] - local.devices.power_w[name]).sum()) * hours
        for name in elements
    }
    prices = {id(isp): _unit_price(order) for order in lost for isp in order.isps}
    return LossRow(
        run=run,
        device=device,
        since=name_of(loss)[1],
        settled_wh=_wh(below, hours),
        true_wh=round(sum(true_wh.values())),
        paid_e4=sum(order.price_e4 for order in above),
        fined_e4=sum(order.penalty_e4 for order in above),
        members_paid_e4=sum(order.price_e4 for order in below),
        members_fined_e4=sum(order.penalty_e4 for order in below),
        lost_settled_wh=round(sum(abs(isp.delivered_flex_power_w) for isp in dead) * hours),
        lost_paid_e4=round(sum(abs(isp.delivered_flex_power_w) * prices[id(isp)] for isp in dead)),
        lost_fined_e4=sum(o.penalty_e4 for o in lost if any(i in dead and i.power_deficiency_w for i in o.isps)),
        told_isps=sum(len(one.isps) for one in values(result.store, PointNotMetered)),
        parties=parties_of(told, true_wh, hours),
    )


def parties_of(told: Sequence[SettlementTold], true_wh: Mapping[str, float], hours: float) -> tuple[PartyRow, ...]:
    """What settlements came to, seller by seller; a seller that buys itself has what its own sellers' elements did.

    Args:
        told: the settlements that count.
        true_wh: by how much each element's power really differs.
    """
    found = []
    for seller in sorted({one.seller for one in told}):
        own = [order for one in told if one.seller == seller for order in one.orders]
        bought = [order for one in told if one.buyer == seller for order in one.orders]
        elements = bought if any(one.buyer == seller for one in told) else own
        found.append(
            PartyRow(
                seller,
                _wh(elements, hours),
                round(sum(true_wh.get(name, 0.0) for name in {order.congestion_point for order in elements})),
                sum(order.price_e4 for order in own),
                sum(order.penalty_e4 for order in own),
            )
        )
    return tuple(found)


def _behind(site: Site, device: str) -> frozenset[str]:
    """The elements of which nobody knows anything when this is lost: itself, or all behind a connection's meter."""
    for prosumer in site.prosumers:
        if device == prosumer.meter:
            return frozenset(prosumer.device_name(d) for d in prosumer.devices)
    return frozenset((device,))


def _wh(orders: Iterable[SettledOrder], hours: float) -> int:
    return round(sum(abs(isp.delivered_flex_power_w) * isp.duration for o in orders for isp in o.isps) * hours)


def _unit_price(order: SettledOrder) -> float:
    delivered = sum(abs(isp.delivered_flex_power_w) * isp.duration for isp in order.isps)
    return order.price_e4 / delivered if delivered else 0.0
