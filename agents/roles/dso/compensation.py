"""After the day: what the DSO pays connections whose feed-in it limited."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

from agents.roles.dso.config import DsoConfig, PlantConnection
from agents.roles.dso.curtailment import Curtailment
from agents.roles.dso.non_firm_capacity import NonFirmCapacity
from agents.roles.effects import Effect, Publish, Send
from agents.roles.grid_messages import LimitedFeedIn
from agents.roles.identity import AgentIdentity
from agents.roles.messages import Filed
from agents.roles.meter_messages import MeteringHandedOver
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import Filing
from agents.roles.parts.meter_data import MeterDay
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import payments_made
from cim.codec.codec import wire
from cim.platform.publications.grid import FeedInAccounted
from market.settlement.curtailment import LimitedIsp, compensation, limited_isps
from market.settlement.day import METERED
from market.settlement.payments import Payment
from market.uftp import Metering

REASON = "curtailment"


@wire("dso.Compensating")
@dataclass(slots=True)
class CompensatingState:
    """Of days with limits: what the limited connections' meters told, and whose account is settled.

    Accounts in `waiting` came before what their meter showed, which goes by the meter-data company.
    """

    metered: dict[MeterDay, Metering] = field(default_factory=dict)
    settled: tuple[MeterDay, ...] = ()
    waiting: dict[MeterDay, LimitedFeedIn] = field(default_factory=dict)


class Compensating(Part[CompensatingState]):
    """Checks a connection's account against the DSO's own limits and meters, and pays."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, curtailment: Curtailment,
                 non_firm: NonFirmCapacity) -> None:  # fmt: skip
        super().__init__(me, CompensatingState())
        self._config, self._curtailment, self._non_firm = config, curtailment, non_firm

    @on(Metering)
    def metered(self, message: Metering, sender: str, now: datetime) -> list[Effect]:
        """Keep what the meter of a limited connection told; where a meter-data company reads it, its word alone counts."""
        if self.rules.meter_company or self.rules.domains.get(sender) != message.header.sender_domain:
            return []
        return self._keep(message, now)

    @on(MeteringHandedOver)
    def handed_over(self, message: MeteringHandedOver, sender: str, now: datetime) -> list[Effect]:
        """The same from the meter-data company."""
        return self._keep(message.metering, now) if sender == self.rules.meter_company else []

    def _keep(self, message: Metering, now: datetime) -> list[Effect]:
        key = MeterDay(message.ean, message.period)
        if self._curtailment.limited_isps(*key[:2]):
            self.state.metered[key] = message
        account, owner = self.state.waiting.pop(key, None), self.rules.name_of(message.header.sender_domain)
        return [] if account is None or owner is None else self.accounted(account, owner, now)

    @on(LimitedFeedIn)
    def accounted(self, message: LimitedFeedIn, sender: str, now: datetime) -> list[Effect]:
        """A connection says what its plants could have given in the ISPs that were limited: pay it, once."""
        key, control = MeterDay(message.usage_point, message.period), self._config.curtailing
        plants = () if control is None else control.plants
        plant = next((p for p in plants if p.usage_point == message.usage_point), None)
        metering = self.state.metered.get(key)
        limited = self._curtailment.limited_isps(key.ean, key.period)
        fault = None
        if control is None or plant is None or plant.owner != sender:
            fault = "it is not the sender's"
        elif key in self.state.settled:
            fault = "it is settled"
        elif metering is None and limited and self.rules.meter_company and key not in self.state.waiting:
            self.state.waiting[key] = message
            return []
        elif metering is None or not limited:
            fault = "nothing was limited, or the connection is not metered"
        if control is None or plant is None or metering is None or fault is not None:
            return [self.me.lapse("LimitedFeedIn", str(key), sender, fault or "", now)]
        self.state.settled = (*self.state.settled, key)
        self.state.metered.pop(key)
        rows = self._rows(message, metering, limited, plant)
        owed = compensation(rows.values(), Fraction(self.rules.isp_minutes, 60))
        figures = FeedInAccounted(
            now,
            plant.usage_point,
            message.period,
            round(owed.curtailed_wh),
            round(owed.lost_own_use_wh),
            owed.amount_e4,
            tuple(rows),
            tuple(max(row.given_w - row.available_w, 0) for row in rows.values()),
        )
        return [Publish(figures), *self._pay(key, sender, owed.amount_e4, now)]

    def _rows(
        self, message: LimitedFeedIn, metering: Metering, limited: dict[int, int], plant: PlantConnection
    ) -> dict[int, LimitedIsp]:
        """The ISPs that count, by number: limited by this DSO, metered, told once, and nothing above the plants' rating.

        Nor above what the connection's agreements let in: its cap, and what was left where capacity was withdrawn.
        """
        power, known = metering.profile("Power"), metering.profile(METERED)
        most = self._non_firm.left_w(plant.usage_point, message.period)
        cap = plant.rated_w if plant.terms.export_w is None else plant.terms.export_w
        rows: dict[int, tuple[int, int, int]] = {}
        for isp, available_w, given_w in message.isps:
            if power is None or isp not in limited or isp in rows or not 0 < isp <= len(power.values):
                continue
            if known is None or known.values[isp - 1]:
                rows[isp] = isp, max(available_w, -plant.rated_w, -cap, -most.get(isp, cap)), given_w
        rates = plant.tariff.rates(self.rules.day(message.period))
        return {} if power is None else dict(zip(rows, limited_isps(rows.values(), power.values, rates), strict=True))

    def _pay(self, key: MeterDay, payee: str, amount_e4: int, now: datetime) -> list[Effect]:
        if amount_e4 <= 0:
            return []
        me, domain = self.me.domain, self.rules.domains[payee]
        payment = Payment(me, domain, amount_e4, REASON, f"{key.ean}/{key.period}", self.rules.currency)
        name = f"{key.period}/{me}/{domain}/{REASON}"
        record = self.me.record("remuneration", name, (payment,), now, salted=True)
        filed = Send(self._config.ledger, Filed(Filing("remuneration", name), (record,)))
        return [filed, payments_made((payment,), now)]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.settled = tuple(key for key in self.state.settled if key.period >= before)
        self.state.metered = {key: value for key, value in self.state.metered.items() if key.period >= before}
        self.state.waiting = {key: value for key, value in self.state.waiting.items() if key.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What was paid is settled; recorded meterings of limited connections still count."""
        for told in history.of("metering", tuple).values():
            for message in told:
                if isinstance(message, Metering) and self._curtailment.limited_isps(message.ean, message.period):
                    self.state.metered[MeterDay(message.ean, message.period)] = message
        for payments in history.of("remuneration", tuple).values():
            for payment in payments:
                if isinstance(payment, Payment) and payment.payer == self.me.domain and payment.reason == REASON:
                    ean, _, period = payment.reference.rpartition("/")
                    self.state.settled = (*self.state.settled, MeterDay(ean, date.fromisoformat(period)))
        return Recovery()
