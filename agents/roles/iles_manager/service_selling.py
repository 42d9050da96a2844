"""The community as a service: it tells what the whole could move, signs the level, checks the sums, and divides what it earns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.iles_manager.instance import EnvelopeDue, InstanceAggregation
from agents.roles.messages import Filed
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import Filing, LedgerFiling
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement import response_effects
from agents.roles.parts.told_in_time import told_in_time
from agents.roles.publications import payments_made
from agents.roles.service_messages import ServiceLevelOffered, ServiceLevelSigned, ServiceTold
from cim.codec.codec import decode, wire
from cim.model.errors import BadInput
from market.balancing.pool import divided
from market.contracts.contract import FlexContract
from market.contracts.service_level import LEVEL, SERVICE, ServiceLevel, availability_row
from market.negotiation.concession import NegotiationPreferences
from market.settlement.payments import Payment, capacity_amount
from market.uftp import ContractSettlement, FlexOrderSettlement, FlexSettlement


@wire("iles.ServiceSale")
@dataclass(frozen=True, slots=True)
class ServiceSale:
    """What the community sells, and the worst that it takes.

    Attributes:
        selling: its prices.
        least_response_min, most_availability_pct, most_deduction_pct: a level beyond them is not signed.
    """

    selling: NegotiationPreferences
    least_response_min: int
    most_availability_pct: int
    most_deduction_pct: int


@wire("iles.ServiceSelling")
@dataclass(slots=True)
class ServiceSellingState:
    """What is signed, and told.

    Attributes:
        levels: by contract id.
        told_w: by day, ISP (from 1) -> watts in the service's direction that were told in time.
        sellers_w: the same by seller (an agent): of what its own portfolios told.
        passed_on: days whose payments have been divided.
    """

    levels: dict[str, ServiceLevel] = field(default_factory=dict)
    told_w: dict[date, dict[int, int]] = field(default_factory=dict)
    sellers_w: dict[date, dict[str, dict[int, int]]] = field(default_factory=dict)
    passed_on: tuple[date, ...] = ()


class ServiceSelling(Part[ServiceSellingState]):
    """Sells to the DSO."""

    def __init__(
        self,
        me: AgentIdentity,
        dso: str,
        sale: ServiceSale,
        *,
        contracts: Contracts,
        instance: InstanceAggregation,
        filing: LedgerFiling,
    ) -> None:
        super().__init__(me, ServiceSellingState())
        self._dso, self._sale, self._contracts = dso, sale, contracts
        self._instance, self._filing = instance, filing

    @on(ServiceLevelOffered)
    def offered(self, message: ServiceLevelOffered, sender: str, now: datetime) -> list[Effect]:
        """Sign a level that is not beyond what is sold, and have it recorded."""
        record = message.record
        fault = self._fault(message, sender)
        if fault is not None:
            return [self.me.lapse("ServiceLevelOffered", record.key, sender, fault, now)]
        level: ServiceLevel = decode(record.body)
        self.state.levels[level.contract_id] = level
        both = record.signed(self.me.domain, self.me.signer)
        filed = Send(self._filing.ledger, Filed(Filing(LEVEL, record.key), (both,)))
        return [filed, Send(self._dso, ServiceLevelSigned(both))]

    def _fault(self, message: ServiceLevelOffered, sender: str) -> str | None:
        record = message.record
        if sender != self._dso or not self.me.has_signed(self.rules.domains[self._dso], record):
            return "it is not signed by the DSO"
        try:
            level = decode(record.body)
        except BadInput as error:
            return str(error)
        if not isinstance(level, ServiceLevel) or (record.kind, record.key) != (LEVEL, level.contract_id):
            return f"record {record.kind} {record.key}: expected a level under its contract's id"
        if record.key in self.state.levels:
            return "its level is signed already"
        if not any(one.contract_id == record.key for one in self._contracts.with_peer(self._dso)):
            return f"contract_id: {record.key} is no contract with {self._dso}"
        sale = self._sale
        if level.response_min < sale.least_response_min:
            return f"response_min: {level.response_min}; expected at least {sale.least_response_min}"
        if level.availability_pct > sale.most_availability_pct or level.deduction_pct > sale.most_deduction_pct:
            return (
                f"availability_pct and deduction_pct: {level.availability_pct} and {level.deduction_pct}; expected at most "
                f"{sale.most_availability_pct} and {sale.most_deduction_pct}"
            )
        return None

    @on(EnvelopeDue)
    def tell(self, timer: EnvelopeDue, now: datetime) -> list[Effect]:
        """Each new envelope."""
        whole = self._instance.once_w(timer.period)
        if whole is None:
            return []
        message = ServiceTold(timer.period, *whole)
        contract = self._contract(timer.period)
        level = None if contract is None else self.state.levels.get(contract.contract_id)
        if contract is not None:
            period, day, up = timer.period, self.rules.day(timer.period), contract.amount_up_w > 0
            response_min = self._sale.least_response_min if level is None else level.response_min

            def kept(known: dict[int, int], told: ServiceTold) -> dict[int, int]:
                return told_in_time(known, told, day, up=up, response_min=response_min, now=now)

            self.state.told_w[period] = kept(self.state.told_w.get(period, {}), message)
            sellers = self.state.sellers_w.setdefault(period, {})
            for name, rows in self._instance.sellers_once_w(period).items():
                sellers[name] = kept(sellers.get(name, {}), ServiceTold(period, *rows))
        return [Send(self._dso, message)]

    def _contract(self, period: date) -> FlexContract | None:
        contract = self._contracts.contract_on(self._dso, period)
        return contract if contract is not None and contract.template == SERVICE else None

    @on(FlexSettlement)
    def settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The DSO settles: its rows must be what was told, less only where it ordered; what is accepted is divided."""
        period = message.period_start
        if sender != self._dso:
            return []
        contract = self._contract(period)
        level = None if contract is None else self.state.levels.get(contract.contract_id)
        parts = [one for one in message.contract_settlements if contract and one.contract_id == contract.contract_id]
        ours: tuple[FlexOrderSettlement, ...] = ()
        if contract is not None and level is not None and parts and self._fits(period, parts[0]):
            row = availability_row(contract, level, parts[0])
            ours = () if row is None else (row,)
        _, effects = response_effects(
            self.me, sender, self._filing.ledger, message, ours, now, fines_at_most=False, salted=False
        )
        if contract is None or not parts or period in self.state.passed_on:
            return effects
        self.state.passed_on = (*self.state.passed_on, period)
        fine = sum(row.penalty for row in ours)
        hours = tuple(row.start for row in parts[0].isps if row.reserved_power_w)
        due = capacity_amount(contract, parts[0].isps) - fine
        return [*effects, *self._divided(contract, period, hours, due, now)]

    def _fits(self, period: date, part: ContractSettlement) -> bool:
        """Whether the DSO counts what was told: of an ISP without its orders all of that, as far as it was reserved."""
        told = self.state.told_w.get(period, {})
        return all(
            abs(row.available_power_w) == min(told.get(row.start, 0), abs(row.reserved_power_w))
            for row in part.isps
            if row.reserved_power_w and not row.ordered_power_w
        )

    def _divided(
        self, contract: FlexContract, period: date, isps: Collection[int], amount_e4: int, now: datetime
    ) -> list[Effect]:
        """To each seller by what its portfolios told in time that they could move in these ISPs; equally if none could."""
        told = self.state.sellers_w.get(period, {})
        weights = {name: sum(row.get(isp, 0) for isp in isps) for name, row in told.items()}
        if not amount_e4 or not weights:
            return []
        sellers = sorted(weights)
        shares = [weights[name] for name in sellers]
        parts = divided(amount_e4, shares if any(shares) else [1] * len(sellers))
        effects: list[Effect] = []
        for name, part in zip(sellers, parts, strict=True):
            if not part:
                continue
            mine, theirs = self.me.domain, self.rules.domains[name]
            payer, payee = (mine, theirs) if part > 0 else (theirs, mine)
            reference = f"{contract.contract_id}/{period.isoformat()}"
            payment = Payment(payer, payee, abs(part), "capacity", reference, contract.currency)
            key = f"{period.isoformat()}/{mine}/{theirs}/{SERVICE}"
            record = self.me.record("remuneration", key, (payment,), now)
            effects += [self._filing.file("remuneration", key, record), payments_made((payment,), now)]
        return effects

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.told_w = {period: row for period, row in self.state.told_w.items() if period >= before}
        self.state.sellers_w = {period: rows for period, rows in self.state.sellers_w.items() if period >= before}
        self.state.passed_on = tuple(period for period in self.state.passed_on if period >= before)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Levels are recorded, and which days' payments were divided."""
        self.state.levels = history.of(LEVEL, ServiceLevel)
        keys = history.of("remuneration", tuple)
        done = {key.split("/")[0] for key in keys if key.endswith(f"/{SERVICE}") and f"/{self.me.domain}/" in key}
        self.state.passed_on = tuple(sorted(date.fromisoformat(day) for day in done))
        return Recovery(forgotten=("what was told to be ready before: the buyer's word on it is disputed, for people",))
