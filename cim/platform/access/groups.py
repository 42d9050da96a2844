"""Who may find what is known about data, as words that are indexed with each document: policies decide over rows, these
over whether somebody learns that there are any."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cim.platform.access.principals import Principal, Role, UsagePoint

EVERYBODY = "everybody"
_ADMINISTRATORS = "administrators"


def groups_of(principal: Principal) -> tuple[str, ...]:
    """The groups that a principal is in, consents that hold now among them.

    A researcher knows homes by pseudonym only, and so finds nothing that is one home's.
    """
    found = [EVERYBODY, f"party:{principal.name}", f"role:{principal.role}"]
    if principal.role is Role.ADMINISTRATOR:
        found.append(_ADMINISTRATORS)
    if principal.role in {Role.PROSUMER, Role.OCCUPANT}:
        found += [f"devices:{home}" for home in principal.homes]
    if principal.role is not Role.RESEARCHER:
        found += [f"{scope}:{home}" for scope, homes in principal.consented.items() for home in homes]
    return tuple(sorted(found))


def groups_for(point: UsagePoint, *, device: bool, first: datetime, last: datetime) -> tuple[str, ...]:
    """Who may find what is about a home's connection, or about a device behind it.

    Args:
        first, last: instants of the first and last that it is about; aggregators find it that marketed the home in between.
    """
    groups = {_ADMINISTRATORS, f"devices:{point.usage_point}"}
    groups |= {f"party:{one.aggregator}" for one in point.marketed() if one.aggregator and one.overlaps(first, last)}
    if not device:
        groups.add(f"connection:{point.usage_point}")
        groups |= {f"party:{point.dso}"} if point.dso else set()
    return tuple(sorted(groups))


def groups_between(*parties: str) -> tuple[str, ...]:
    """Who may find what is between parties, for example a contract: they, and administrators."""
    return tuple(sorted({_ADMINISTRATORS, *(f"party:{party}" for party in parties if party)}))


def groups_for_roles(roles: Iterable[Role]) -> tuple[str, ...]:
    """Who may find what is for these roles, for example a query; and administrators."""
    return tuple(sorted({_ADMINISTRATORS, *(f"role:{role}" for role in roles)}))
