"""The aggregator's memory after a loss: contracts, promises to the DSO, members' orders, meters, as the ledger has them."""

from __future__ import annotations

from datetime import datetime

from agents.roles.aggregator.correction import HoldingDesk
from agents.roles.aggregator.state import place
from agents.roles.effects import Effect
from agents.roles.events import Recalled, Started
from agents.roles.part import on
from agents.roles.parts.recovery import LedgerHistory, forgotten, revision
from agents.roles.parts.settlement_recovery import answer_owed, note_settled, tell_or_pay
from market.settlement.day import freeze
from market.uftp import FlexOrder, FlexSettlement, Metering


class RecallingDesk(HoldingDesk):
    """Goes on where the ledger ends, and says what it has forgotten.

    What was promised to the DSO is recorded whole, and is kept: the holding desk splits anew what the members, who are
    held to nothing any more, miss of it.
    """

    @on(Recalled)
    def recalled(self, event: Recalled, now: datetime) -> list[Effect]:
        """Remember what is recorded; ask nobody to do again what was done."""
        past, state = LedgerHistory(event, self.rules), self.state
        state.recalled, state.head = now, past.head(self.domain)
        self._contracts(past, now)
        effects = [*self.handle(Started(), now), *self._settlements(past, now)]
        self._meters(past)
        baseless = self._promises(past, now)
        unsplit = self._member_orders(past)
        effects += answer_owed(self, past, self.config.dso, self.dso_settled, now)
        for day in past.open_days(now):
            for point in self.config.congestion_points:
                state.revisions[place(point, day.day)] = revision(day, now)
        state.forgotten, told = forgotten(
            self.name,
            past,
            (
                "negotiations that were running; with whom no contract is recorded one is sought again",
                "running splits among the members, offers not ordered yet, and requests not answered",
                "members' forecasts, and prognoses under which nothing was ordered: revisions go on in seconds",
                f"what members' meters took of the running ISP until {now.isoformat()}: nothing of it is corrected",
                *(f"how {count} orders to members on {period} fall on their elements: neither paid nor fined"
                  for period, count in unsplit.items()),
                *(f"order {reference} of {self.config.dso}: its prognosis or contract is not recorded"
                  for reference in baseless),
            ),
            now,
        )  # fmt: skip
        return [*effects, told]

    def _contracts(self, past: LedgerHistory, now: datetime) -> None:
        for contract in past.contracts(self.domain, now):
            if contract.seller == self.domain or self.rules.name_of(contract.seller) in self.members:
                self.agreed(contract, now)

    def _settlements(self, past: LedgerHistory, now: datetime) -> list[Effect]:
        """Members' settlements go on; a member whose contract ended before all open days is neither told nor paid."""
        owed, contracted = past.owed_by(self.domain), [name for name in self.members if name in self.state.contracts]
        note_settled(self, owed, self.members, contracted)
        return tell_or_pay(self, {k: one for k, one in owed.items() if self.rules.name_of(k[1]) in contracted}, now)

    def _meters(self, past: LedgerHistory) -> None:
        for told in past.of("metering", tuple).values():
            for message in told:
                if isinstance(message, Metering):
                    self.state.metering[f"{message.ean}|{message.period.isoformat()}"] = message

    def _promises(self, past: LedgerHistory, now: datetime) -> list[str]:
        """The DSO's orders that were not refused, and the baselines they froze; returns those that cannot be used."""
        state = self.state
        contracts = {None, *(sale.contract_id for sale in state.contracts.get(self.config.dso, ()))}
        baseless = []
        for reference, order, prognosis in past.standing_orders(now):
            if order.header.recipient_domain != self.domain:
                continue
            if prognosis is None or order.contract_id not in contracts:
                baseless.append(reference)
                continue
            state.orders = (*state.orders, order)
            freeze(state.baselines.setdefault(place(order.congestion_point, order.period), {}), order, prognosis)
            state.sent[prognosis.header.message_id] = prognosis
        return baseless

    def _member_orders(self, past: LedgerHistory) -> dict[str, int]:
        """Members' orders as recorded; returns how many there are by open period: their splits are recorded nowhere."""
        state, unsplit = self.state, dict[str, int]()
        for reference, order in past.of("member-order", FlexOrder).items():
            name = self.rules.name_of(order.header.recipient_domain)
            if name is None or name not in state.contracts or order.header.sender_domain != self.domain:
                continue
            state.member_orders[reference], state.order_member[reference] = order, name
            state.activated[name] = tuple(sorted({*state.activated.get(name, ()), *self._starts(order)}))
            period = order.period.isoformat()
            if period not in state.settled:
                unsplit[period] = unsplit.get(period, 0) + 1
        return unsplit

    def dso_settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The DSO settles; the market desk answers."""
        return []
