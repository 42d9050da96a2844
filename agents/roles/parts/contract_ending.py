"""Ending a contract before its term: by notice, where the contract gives a right to it, or because both consent."""

from __future__ import annotations

from datetime import date, datetime

from agents.roles.contract_messages import TerminationAnswered, TerminationGiven
from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import LedgerFiling, NoState
from cim.codec.codec import decode
from cim.model.errors import BadInput
from cim.platform.publications.agreements import ContractEnded
from cim.platform.publications.incidents import RuleBroken
from market.contracts.changes import TERMINATION, ContractTermination, termination_fault
from market.contracts.contract import FlexContract
from market.ledger.records import Record
from market.ledger.signing import verify


class ContractEnding(Part[NoState]):
    """Gives and takes terminations; whose signature completes it files the record, and both end the contract with it."""

    def __init__(self, me: AgentIdentity, contracts: Contracts, filing: LedgerFiling) -> None:
        super().__init__(me, NoState())
        self._contracts, self._filing = contracts, filing

    def give(self, contract: FlexContract, last_day: date, now: datetime, reason: str, *, notice: bool) -> list[Effect]:
        """End a contract after a day: by notice at once, else when the other side has signed as well; or tell why not."""
        by = self.me.domain if notice else ""
        termination = ContractTermination(contract.contract_id, contract.buyer, contract.seller, last_day, by, reason)
        fault = self._fault(termination, now)
        if fault is not None:
            return [self.me.lapse("ContractTermination", contract.contract_id, self.me.name, fault, now)]
        record = self.me.record(TERMINATION, contract.contract_id, termination, now)
        other = self.rules.name_of(contract.seller if contract.buyer == self.me.domain else contract.buyer)
        told: list[Effect] = [] if other is None else [Send(other, TerminationGiven(record))]
        return [*told, *(self._ended(termination, record, now) if notice else [])]

    @on(TerminationGiven)
    def given(self, message: TerminationGiven, sender: str, now: datetime) -> list[Effect]:
        """The other side ends a contract: by notice it is ended; where it asks for consent, it has it, recorded here."""
        record, termination = message.record, self._of(message.record)
        domain = self.rules.domains.get(sender, "")
        if termination is None or not self._has_signed(record, domain) or record.author != domain:
            return [Publish(RuleBroken(now, sender, self.me.name, "a termination that it has not signed"))]
        fault = self._fault(termination, now)
        if fault is None and termination.by not in ("", domain):
            fault = f"by: {termination.by}; it is {domain} that says so"
        if fault is not None:
            return [Send(sender, TerminationAnswered(record, fault))]
        if termination.by:
            self._contracts.ended(termination)
            return [Publish(ContractEnded(now, termination.contract_id, termination.last_day, termination.by))]
        signed = record.signed(self.me.domain, self.me.signer)
        return [Send(sender, TerminationAnswered(signed, None)), *self._ended(termination, signed, now)]

    @on(TerminationAnswered)
    def answered(self, message: TerminationAnswered, sender: str, now: datetime) -> list[Effect]:
        """The other side has signed as well, or says why it does not hold the contract for ended."""
        record, termination = message.record, self._of(message.record)
        domain = self.rules.domains.get(sender, "")
        if termination is None or not self._has_signed(record, self.me.domain):
            return [Publish(RuleBroken(now, sender, self.me.name, "an answer to no termination of ours"))]
        if message.fault is not None:
            return [self.me.lapse("ContractTermination", termination.contract_id, sender, message.fault, now)]
        if not self._has_signed(record, domain):
            return [Publish(RuleBroken(now, sender, self.me.name, "a consent that it has not signed"))]
        self._contracts.ended(termination)
        return [Publish(ContractEnded(now, termination.contract_id, termination.last_day, ""))]

    def _ended(self, termination: ContractTermination, record: Record, now: datetime) -> list[Effect]:
        self._contracts.ended(termination)
        told = Publish(ContractEnded(now, termination.contract_id, termination.last_day, termination.by))
        return [self._filing.file(TERMINATION, termination.contract_id, record), told]

    def _fault(self, termination: ContractTermination, now: datetime) -> str | None:
        versions = self._contracts.versions(termination.contract_id)
        return termination_fault(versions, termination, self.rules.day_of(now).day)

    def _of(self, record: Record) -> ContractTermination | None:
        try:
            body = decode(record.body)
        except BadInput:
            return None
        fits = isinstance(body, ContractTermination) and (record.kind, record.key) == (TERMINATION, body.contract_id)
        return body if fits else None

    def _has_signed(self, record: Record, domain: str) -> bool:
        key = self.me.keys.get(domain, b"")
        return any(s.party == domain and verify(key, record.message, s.value) for s in record.signatures)
