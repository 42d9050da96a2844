"""The DSO's memory after a loss: contracts, orders and baselines, meters and settlements, as the ledger has them."""

from __future__ import annotations

from datetime import datetime

from agents.roles.dso.ordering import DsoOrderingDesk
from agents.roles.dso.state import place
from agents.roles.effects import Effect, Send
from agents.roles.events import Recalled, Started
from agents.roles.part import on
from agents.roles.parts.recovery import LedgerHistory, forgotten, revision
from agents.roles.parts.settlement_recovery import note_settled, tell_or_pay
from market.settlement.day import freeze
from market.uftp import Metering


class DsoRecallingDesk(DsoOrderingDesk):
    """Goes on where the ledger ends, and says what it has forgotten."""

    @on(Recalled)
    def recalled(self, event: Recalled, now: datetime) -> list[Effect]:
        """Remember what is recorded; ask nobody to do again what was done."""
        past, state = LedgerHistory(event, self.rules), self.state
        state.head = past.head(self.domain)
        for contract in past.contracts(self.domain, now):
            if contract.buyer == self.domain:
                self.agreed(contract, now)
        effects = [*self.handle(Started(), now), *self._settlements(past, now)]
        baseless = self._orders(past, now)
        effects += self._send_again(now)
        self._meters(past)
        for day in past.open_days(now):
            for seller, point in self.config.pairs:
                state.revisions[place(seller, point, day)] = revision(day, now)
        state.forgotten, told = forgotten(
            self.name,
            past,
            (
                "negotiations that were running; with whom no contract is recorded one is sought again",
                "requests, offers and choices of the running round: what was not ordered yet is asked for anew",
                "which flexibility was asked for and offered before: on days not settled yet, contracts count as available",
                "prognoses under which nothing was ordered, and meterings that were told but not recorded",
                *(f"order {reference}: its prognosis or contract is not recorded" for reference in baseless),
            ),
            now,
        )
        return [*effects, told]

    def _settlements(self, past: LedgerHistory, now: datetime) -> list[Effect]:
        owed, sellers = past.owed_by(self.domain), self.config.aggregators
        note_settled(self, owed, sellers, sellers)
        return tell_or_pay(self, owed, now)

    def _orders(self, past: LedgerHistory, now: datetime) -> list[str]:
        """Orders that were not refused, and the baselines that they froze; returns those that cannot be used."""
        state = self.state
        contracts = {None, *(c.contract_id for agreed in state.contracts.values() for c in agreed)}
        baseless = []
        for reference, order, prognosis in past.standing_orders(now):
            seller = self.rules.name_of(order.header.recipient_domain)
            mine = order.header.sender_domain == self.domain
            if not mine or seller is None or order.period.isoformat() in state.settled:
                continue
            if prognosis is None or order.contract_id not in contracts:
                baseless.append(reference)
                continue
            key = place(seller, order.congestion_point, self.rules.day(order.period))
            state.orders[key] = (*state.orders.get(key, ()), order)
            freeze(state.baselines.setdefault(key, {}), order, prognosis)
            state.by_id[prognosis.header.message_id] = prognosis
            known = state.prognoses.get(key)
            if known is None or known.revision < prognosis.revision:
                state.prognoses[key] = prognosis
        return baseless

    def _send_again(self, now: datetime) -> list[Effect]:
        """A recorded order may not have reached its seller; one that has it says so."""
        return [
            Send(key.partition("|")[0], order)
            for key, orders in self.state.orders.items()
            for order in orders
            if now < self.rules.day(order.period).end
        ]

    def _meters(self, past: LedgerHistory) -> None:
        """Meterings of days to be settled, and the days before as history."""
        known = {c.usage_point for c in self.config.connections}
        for told in past.of("metering", tuple).values():
            for message in told:
                if not isinstance(message, Metering) or message.ean not in known:
                    continue
                period = message.period.isoformat()
                if period not in self.state.settled:
                    self.state.metering[f"{message.ean}|{period}"] = message
                else:
                    self.into_history(message)
