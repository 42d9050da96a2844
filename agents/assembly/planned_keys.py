"""Which keys a site's parties go over to, and when: from its `key_changes` to what the agents know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.sites.schema import Site
from market.ledger.signing import Signer
from market.rules import PlannedKeyChange


def planned_keys(
    site: Site, domains: Mapping[str, str], first_day: LocalDay, key: Callable[[str], bytes], spares: int = 0
) -> tuple[tuple[PlannedKeyChange, ...], dict[str, bytes]]:
    """All planned changes in their order, and by party the seeds of the keys that it goes over to.

    Args:
        domains: of all agents, by name.
        first_day: on which the changes are.
        key: 32 bytes for a name; a party's second key is that of its domain followed by `.key-2`.
        spares: how many more each party gets, for rotations that are asked for on a living site.

    Raises:
        BadInput: a change is of no party of the site, or of the ledger's keeper.
    """
    later: dict[str, bytes] = {}
    changes: list[PlannedKeyChange] = []
    company = () if site.meter_data_company is None else (site.meter_data_company,)
    parties = {party.name for party in (site.dso, site.iles, *company, *site.aggregators)}
    parties |= {p.name for p in site.prosumers}
    for change in sorted(site.key_changes, key=lambda change: change.hour):
        if change.party not in parties:
            raise BadInput(
                f"key_changes: {change.party!r}; expected a party of the site other than the ledger's keeper"
            )
        domain, replacement = domains[change.party], b""
        if change.revoked is None or change.replaced:
            number = 2 + sum(known.party == domain and bool(known.replacement) for known in changes)
            seed = key(f"{domain}.key-{number}")
            later[change.party] = later.get(change.party, b"") + seed
            replacement = Signer(seed).public
        at = first_day.start + timedelta(hours=change.hour)
        changes.append(PlannedKeyChange(domain, at, replacement, change.revoked or ""))
    for party in sorted(parties) if spares else ():
        domain = domains[party]
        first = 2 + sum(known.party == domain and bool(known.replacement) for known in changes)
        for number in range(first, first + spares):
            later[party] = later.get(party, b"") + key(f"{domain}.key-{number}")
    return tuple(changes), later
