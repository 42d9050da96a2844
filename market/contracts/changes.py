"""How a contract changes after both have signed it: amended from a day on by a new version, or terminated.

An amendment is a contract of the same name with the next version and signed by both, so that it is negotiated and recorded
like any contract; the version before it counts until the day before. A termination is a record of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from cim.codec.codec import wire
from market.contracts.contract import FlexContract

TERMINATION = "contract-termination"  # the kind of its record; a contract ends once, so its key is the contract's


@wire("market.ContractTermination")
@dataclass(frozen=True, slots=True)
class ContractTermination:
    """A contract ends before its term.

    Attributes:
        contract_id, buyer, seller: the contract and its parties (domains).
        last_day: the last local day on which it may be called.
        by: the party that gives notice, whose signature is enough; empty where both consent, and both sign.
        reason: in words.
    """

    contract_id: str
    buyer: str
    seller: str
    last_day: date
    by: str
    reason: str

    @property
    def signers(self) -> frozenset[str]:
        """Whose signatures it needs."""
        return frozenset({self.by}) if self.by else frozenset({self.buyer, self.seller})


def amended(contract: FlexContract, first: date) -> FlexContract:
    """The next version of a contract from a day on, as yet with the same terms."""
    return replace(contract, version=contract.version + 1, start_date=first)


def dearer_elements(old: FlexContract, new: FlexContract) -> tuple[str, ...]:
    """The elements that a new version pays more for than the one before it, in order."""
    return tuple(
        element.name
        for element in new.flex_elements
        if old.element(element.name) is not None
        and new.price_e4_per_kwh(element.name) > old.price_e4_per_kwh(element.name)
    )


def amendment_fault(versions: Iterable[FlexContract], new: FlexContract, today: date) -> str | None:
    """Why a contract cannot amend those known, or None.

    Args:
        versions: of its contract id, as they were agreed; none where the id is unknown.
    """
    known = tuple(versions)
    if not known:
        return f"contract_id: {new.contract_id} has no version {new.version - 1} to amend"
    last = known[-1]
    if new.version != last.version + 1:
        return f"version: {new.version}; expected {last.version + 1}"
    if (new.buyer, new.seller, new.reserved) != (last.buyer, last.seller, last.reserved):
        return f"contract_id: {new.contract_id} is between {last.buyer} and {last.seller} and stays what it is"
    if not last.start_date <= new.start_date <= last.end_date:
        return f"start_date: {new.start_date} is outside {last.start_date}..{last.end_date} of version {last.version}"
    if new.start_date <= today:
        return f"start_date: {new.start_date}; expected a day after {today}: what is past or running is not changed"
    return None


def termination_fault(versions: Iterable[FlexContract], termination: ContractTermination, today: date) -> str | None:
    """Why a termination given on a day does not end a contract, or None.

    Args:
        versions: of its contract id, as they were agreed.
    """
    known = tuple(versions)
    if not known:
        return f"contract_id: {termination.contract_id} is no contract"
    last = known[-1]
    if (termination.buyer, termination.seller) != (last.buyer, last.seller):
        return f"contract_id: {termination.contract_id} is between {last.buyer} and {last.seller}"
    if termination.last_day >= last.end_date:
        return f"last_day: {termination.last_day}; it ends on {last.end_date} by itself"
    if termination.last_day < today:
        return f"last_day: {termination.last_day} is past"
    if not termination.by:
        return None
    if termination.by not in (last.buyer, last.seller):
        return f"by: {termination.by} is no party of contract {termination.contract_id}"
    if not last.notice_days:
        return f"by: contract {termination.contract_id} gives no right of notice; expected both signatures"
    earliest = today + timedelta(days=last.notice_days)
    if termination.last_day < earliest:
        return (
            f"last_day: {termination.last_day}; a notice of {last.notice_days} days given on {today} ends on {earliest}"
        )
    return None


def terminated(versions: Iterable[FlexContract], termination: ContractTermination) -> tuple[FlexContract, ...]:
    """Contracts after a termination: the versions of the one that ends have no day after its last; others stay."""
    last = termination.last_day
    return tuple(
        replace(c, end_date=min(c.end_date, last)) if c.contract_id == termination.contract_id else c
        for c in versions
        if c.contract_id != termination.contract_id or c.start_date <= last
    )


def terms_on(contracts: Iterable[FlexContract], day: date) -> tuple[FlexContract, ...]:
    """Of each contract the version that counts on a day, in the order of the contracts; its last one outside its term."""
    found: dict[str, FlexContract] = {}
    for contract in contracts:  # as they were agreed
        before = found.get(contract.contract_id)
        if (
            before is None
            or contract.start_date <= day <= contract.end_date
            or not before.start_date <= day <= before.end_date
        ):
            found[contract.contract_id] = contract
    return tuple(found.values())
