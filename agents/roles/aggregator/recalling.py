"""The aggregator's memory after a loss: contracts, promises to the DSO, members' orders, meters, as the ledger has them."""

from __future__ import annotations

from datetime import datetime

from agents.roles.aggregator.holding import HoldingDesk
from agents.roles.aggregator.state import place
from agents.roles.base import on
from agents.roles.contract import Effect, Recalled, Send, Started
from agents.roles.recalling import Past, ahead, by_period, forgotten, revision
from agents.roles.settling import payment_effects
from market.uftp import DPrognosis, FlexOrder, FlexOrderResponse, FlexSettlement, Metering


class RecallingDesk(HoldingDesk):
    """Goes on where the ledger ends, and says what it has forgotten.

    What was promised to the DSO is recorded whole, and is kept: the holding desk splits anew what the members, who are
    held to nothing any more, miss of it.
    """

    @on(Recalled)
    def recalled(self, event: Recalled, now: datetime) -> list[Effect]:
        """Remember what is recorded; ask nobody to do again what was done."""
        past, state = Past(event, self.rules), self.state
        state.recalled, state.head = now, past.head(self.domain)
        self._contracts(past, now)
        effects = [*ahead(self.handle(Started(), now), self.rules, now), *self._paid(past, now)]
        self._meters(past)
        baseless = self._promises(past, now)
        unsplit = self._member_orders(past)
        effects += self._unanswered(past, now)
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

    def _contracts(self, past: Past, now: datetime) -> None:
        for contract in past.contracts(self.domain, now):
            if contract.seller == self.domain:
                self.state.sale = contract
            elif (member := self.rules.name_of(contract.seller)) in self.members and member is not None:
                self.state.contracts[member] = contract

    def _paid(self, past: Past, now: datetime) -> list[Effect]:
        """Members that were settled are not settled again; who has not answered is told again; who has, is paid."""
        state, effects = self.state, list[Effect]()
        owed = past.owed_by(self.domain)
        for period, sellers in by_period(owed).items():
            told = tuple(name for name in self.members if self.rules.domains[name] in sellers)
            if set(state.contracts) <= set(told):
                state.settled = (*state.settled, period)
            else:
                state.told[period] = told
        for (_, seller), one in owed.items():
            name = self.rules.name_of(seller)
            if name is None or name not in state.contracts or one.paid:
                continue
            if one.response is None:
                state.settlements[one.settlement.header.message_id] = one.settlement
                effects.append(Send(name, one.settlement))
                continue
            contracts = (state.contracts[name],)
            effects += payment_effects(self, self.ledger, one.settlement, one.response, contracts, seller, now)
        return effects

    def _meters(self, past: Past) -> None:
        for told in past.of("metering", tuple).values():
            for message in told:
                if isinstance(message, Metering):
                    self.state.metering[f"{message.ean}|{message.period.isoformat()}"] = message

    def _promises(self, past: Past, now: datetime) -> list[str]:
        """The DSO's orders that were not refused, and the baselines they froze; returns those that cannot be used."""
        state = self.state
        refused = past.of("flex-order-refusal", FlexOrderResponse)
        prognoses = {p.header.message_id: p for p in past.of("d-prognosis", DPrognosis).values()}
        contracts = {None} if state.sale is None else {None, state.sale.contract_id}
        days = {day.day for day in past.open_days(now)}
        baseless = []
        for reference, order in past.of("flex-order", FlexOrder).items():
            if order.header.recipient_domain != self.domain or reference in refused or order.period not in days:
                continue
            prognosis = prognoses.get(order.d_prognosis_message_id or "")
            if prognosis is None or order.contract_id not in contracts:
                baseless.append(reference)
                continue
            state.orders = (*state.orders, order)
            key = place(order.congestion_point, order.period)
            frozen = state.baselines.setdefault(key, {})
            for row in order.isps:
                frozen.setdefault(row.start, prognosis.power_w[row.start - 1])
            state.sent[prognosis.header.message_id] = prognosis
        return baseless

    def _member_orders(self, past: Past) -> dict[str, int]:
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

    def _unanswered(self, past: Past, now: datetime) -> list[Effect]:
        """The DSO's settlements: those answered are, and the others are owed an answer."""
        effects: list[Effect] = []
        for (period, buyer), one in past.owed_to(self.domain).items():
            if buyer != self.rules.domains[self.config.dso]:
                continue
            if one.response is not None:
                self.state.answered[period] = one.settlement.header.message_id
            else:
                effects += self.dso_settled(one.settlement, self.config.dso, now)
        return effects

    def dso_settled(self, message: FlexSettlement, sender: str, now: datetime) -> list[Effect]:
        """The DSO settles; the market desk answers."""
        return []
