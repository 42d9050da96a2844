"""A statement of bills as what is published of it, for the portal's page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from cim.platform.later import put_later, span_of_run
from cim.platform.publications.base import Publication
from cim.platform.publications.community import CommunityBilled, CommunityLine, CommunityRegister, MemberBilled
from market.community.bill import NO_ADVICE, MoneyLine, RegisterLine, Statement


def publish(folder: Path, statement: Statement, by: str) -> int:
    """Put a run's bills into its folder, told by an agent at the run's end; how many publications are new.

    Raises:
        BadInput: it is no finished run's folder.
    """
    _, _, end = span_of_run(folder)
    return put_later(folder, ((by, one) for one in publications(statement, end)))


def publications(found: Statement, at: datetime) -> Iterator[Publication]:
    """The whole, then each member's bill."""
    yield CommunityBilled(
        at,
        community=found.community,
        law=found.law,
        first=found.first,
        last=found.last,
        currency=found.currency,
        members=len(found.bills),
        paid_e4=found.paid_e4,
        without_e4=sum(bill.without_e4 for bill in found.bills),
        registers=_registers(found.registers),
        income=_lines(found.income),
        notes=(*found.notes, NO_ADVICE),
    )
    for bill in found.bills:
        yield MemberBilled(
            at,
            community=found.community,
            law=found.law,
            first=bill.first,
            last=bill.last,
            member=bill.member,
            title=bill.title,
            currency=bill.currency,
            registers=_registers(bill.registers),
            lines=_lines(bill.lines),
            total_e4=bill.total_e4,
            without_e4=bill.without_e4,
            notes=bill.notes,
        )


def _registers(found: Iterable[RegisterLine]) -> tuple[CommunityRegister, ...]:
    return tuple(CommunityRegister(one.code, one.label, one.energy_wh) for one in found)


def _lines(found: Iterable[MoneyLine]) -> tuple[CommunityLine, ...]:
    return tuple(CommunityLine(one.label, one.account.value, one.energy_wh, one.amount_e4) for one in found)
