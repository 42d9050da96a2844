"""The contracts a party holds: which is in force on a day, and when the next ones are to be sought."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import product

from agents.roles.effects import Arm, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery
from agents.roles.parts.recovery import KEPT_DAYS, LedgerHistory
from cim.codec.codec import wire
from market.contracts.changes import TERMINATION, ContractTermination, terminated, terms_on
from market.contracts.contract import FlexContract, in_force

RENEWAL = timedelta(days=14)  # before a contract's end, its successor is sought
_HELD = 8  # contracts with a peer that are remembered at least: after a long standstill there are old days to settle
SEEKING_HOUR = 10  # local, of the days on which a contract is sought that could not be had before


@wire("part.timer.contracts")
@dataclass(frozen=True, slots=True)
class SeekContracts(Timer):
    """Look for contracts that are missing or about to end; the role's own part says with whom and how."""


@wire("part.Contracts")
@dataclass(slots=True)
class ContractsState:
    """Contracts by peer, as they were agreed."""

    contracts: dict[str, tuple[FlexContract, ...]] = field(default_factory=dict)


class Contracts(Part[ContractsState]):
    """What is agreed with whom.

    Args:
        remembers: which contracts of the ledger it takes up again after a loss of everything.
    """

    def __init__(self, me: AgentIdentity, remembers: Callable[[FlexContract], bool]) -> None:
        super().__init__(me, ContractsState())
        self._remembers = remembers

    def agreed(self, contract: FlexContract, now: datetime) -> None:
        """A contract is concluded: use it in its term. Of those that ended before all open days the last few are kept."""
        peer = self.rules.name_of(contract.seller if contract.buyer == self.me.domain else contract.buyer)
        if peer is None:
            return
        first = self.rules.day_of(now).next(-KEPT_DAYS).day
        held = (*self.state.contracts.get(peer, ()), contract)
        self.state.contracts[peer] = tuple(
            c for k, c in enumerate(held) if k >= len(held) - _HELD or c.end_date >= first
        )

    def with_peer(self, peer: str) -> tuple[FlexContract, ...]:
        """All contracts with an agent that are remembered."""
        return self.state.contracts.get(peer, ())

    def all(self) -> tuple[FlexContract, ...]:
        """All contracts that are remembered."""
        return tuple(contract for contracts in self.state.contracts.values() for contract in contracts)

    def versions(self, contract_id: str) -> tuple[FlexContract, ...]:
        """The versions of a contract, as they were agreed; none where it is unknown."""
        return tuple(contract for contract in self.all() if contract.contract_id == contract_id)

    def terms_on(self, peer: str, day: date) -> tuple[FlexContract, ...]:
        """All contracts with an agent, each by the version that counts on a local day."""
        return terms_on(self.with_peer(peer), day)

    def by_id(self, contract_id: str | None, day: date) -> FlexContract | None:
        """A contract by its name, by the version that counts on a local day; or None."""
        return next(iter(terms_on(self.versions(contract_id or ""), day)), None)

    def ended(self, termination: ContractTermination) -> None:
        """A contract is terminated: it cannot be called after its last day."""
        for peer, known in self.state.contracts.items():
            self.state.contracts[peer] = terminated(known, termination)

    def contract_on(self, peer: str, day: date) -> FlexContract | None:
        """The contract with an agent that is in force on a local day, one that reserves before a framework; or None."""
        contracts = self.contracts_on(peer, day)
        return contracts[0] if contracts else None

    def contracts_on(self, peer: str, day: date) -> tuple[FlexContract, ...]:
        """What an agent may be called under on a local day: the contract that reserves, then the framework."""
        known = self.state.contracts.get(peer, ())
        kinds = ([contract for contract in known if contract.reserved is reserved] for reserved in (True, False))
        return tuple(found for kind in kinds if (found := in_force(kind, day)) is not None)

    def wanted_from(self, peer: str, now: datetime, *, reserved: bool = True) -> date | None:
        """The first day for which a contract with an agent is to be sought now; None while there is one for long enough."""
        earliest = max(self.rules.day_of(now).day, self.rules.first_day)
        ends = [contract.end_date for contract in self.state.contracts.get(peer, ()) if contract.reserved is reserved]
        if not ends:
            return earliest
        first = max(ends) + timedelta(days=1)
        return None if first > earliest + RENEWAL else max(first, earliest)

    def seek_again(self, peers: Iterable[str], now: datetime, kinds: tuple[bool, ...] = (True,)) -> Arm:
        """When to look the next time: tomorrow while somebody's contract is missing, else when one is about to end.

        Args:
            kinds: of the contracts that are sought: whether they reserve.
        """
        first = self.rules.day_of(now).next(1)
        ends = []
        for peer, reserved in product(peers, kinds):
            if self.wanted_from(peer, now, reserved=reserved) is not None:
                return Arm(SeekContracts(), first.at(SEEKING_HOUR))
            held = self.state.contracts[peer]
            ends.append(max(contract.end_date for contract in held if contract.reserved is reserved))
        due = self.rules.day(min(ends) + timedelta(days=1) - RENEWAL) if ends else first
        return Arm(SeekContracts(), max(due.at(SEEKING_HOUR), first.at(SEEKING_HOUR)))

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Contracts that have not ended before all open days, as they are recorded."""
        for contract in history.contracts(self.me.domain, now):
            if self._remembers(contract):
                self.agreed(contract, now)
        for termination in history.of(TERMINATION, ContractTermination).values():
            self.ended(termination)
        return Recovery()
