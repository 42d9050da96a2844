"""The DSO's memory after a loss: contracts, orders and baselines, meters and settlements, as the ledger has them."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from agents.roles.base import on
from agents.roles.contract import Effect, Recalled, Send, Started
from agents.roles.dso.ordering import DsoOrderingDesk
from agents.roles.dso.state import place
from agents.roles.recalling import Past, ahead, by_period, forgotten, revision
from agents.roles.settling import lost_isps, payment_effects
from market.uftp import DPrognosis, FlexOrder, FlexOrderResponse, Metering


class DsoRecallingDesk(DsoOrderingDesk):
    """Goes on where the ledger ends, and says what it has forgotten."""

    @on(Recalled)
    def recalled(self, event: Recalled, now: datetime) -> list[Effect]:
        """Remember what is recorded; ask nobody to do again what was done."""
        past, state = Past(event, self.rules), self.state
        state.head = past.head(self.domain)
        for contract in past.contracts(self.domain, now):
            seller = self.rules.name_of(contract.seller)
            if seller is not None and contract.buyer == self.domain:
                state.contracts[seller] = contract
        effects = [*ahead(self.handle(Started(), now), self.rules, now), *self._settlements(past, now)]
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

    def _settlements(self, past: Past, now: datetime) -> list[Effect]:
        """Who was settled is not settled again; who has not answered is told again; who has, is paid."""
        state, effects = self.state, list[Effect]()
        owed = past.owed_by(self.domain)
        domains = self.rules.domains
        for period, sellers in by_period(owed).items():
            told = tuple(name for name in self.config.aggregators if domains[name] in sellers)
            if len(told) == len(self.config.aggregators):
                state.settled = (*state.settled, period)
            else:
                state.told[period] = told
        for (_, seller), one in owed.items():
            name = self.rules.name_of(seller)
            if name is None or one.paid:
                continue
            if one.response is None:
                state.settlements[one.settlement.header.message_id] = one.settlement
                effects.append(Send(name, one.settlement))
                continue
            contract = state.contracts.get(name)
            contracts = () if contract is None else (contract,)
            effects += payment_effects(self, self.ledger, one.settlement, one.response, contracts, seller, now)
        return effects

    def _orders(self, past: Past, now: datetime) -> list[str]:
        """Orders that were not refused, and the baselines that they froze; returns those that cannot be used."""
        state = self.state
        refused = past.of("flex-order-refusal", FlexOrderResponse)
        prognoses = {p.header.message_id: p for p in past.of("d-prognosis", DPrognosis).values()}
        contracts = {None, *(c.contract_id for c in state.contracts.values())}
        days = {day.day: day for day in past.open_days(now)}
        baseless = []
        for reference, order in past.of("flex-order", FlexOrder).items():
            seller = self.rules.name_of(order.header.recipient_domain)
            day = days.get(order.period)
            mine = order.header.sender_domain == self.domain and reference not in refused
            if not mine or seller is None or day is None or order.period.isoformat() in state.settled:
                continue
            prognosis = prognoses.get(order.d_prognosis_message_id or "")
            if prognosis is None or order.contract_id not in contracts:
                baseless.append(reference)
                continue
            key = place(seller, order.congestion_point, day)
            state.orders[key] = (*state.orders.get(key, ()), order)
            frozen = state.baselines.setdefault(key, {})
            for row in order.isps:
                frozen.setdefault(row.start, prognosis.power_w[row.start - 1])
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

    def _meters(self, past: Past) -> None:
        """Meterings of days to be settled, and the days before as history."""
        known = {c.usage_point for c in self.config.connections}
        for told in past.of("metering", tuple).values():
            for message in told:
                if not isinstance(message, Metering) or message.ean not in known:
                    continue
                period = message.period.isoformat()
                profile = message.profile("Power")
                if period not in self.state.settled:
                    self.state.metering[f"{message.ean}|{period}"] = message
                elif profile is not None and not lost_isps([message]):
                    day = np.array(profile.values, dtype=np.float64) / 1000
                    held = self.state.history_kw[message.ean]
                    self.state.history_kw[message.ean] = (*held, day)[-10:]
