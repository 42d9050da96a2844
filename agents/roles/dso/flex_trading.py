"""The DSO's trading desk: prognoses in, safety analysis, requests, offers, the choice, orders; from the bottom up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import numpy as np

from agents.planning.grid_safety.assessment import Assessment
from agents.roles.dso.state import DsoBase, TradingRound, place
from agents.roles.effects import Arm, Compute, Disarm, Effect, Send
from agents.roles.part import MOMENT, on
from agents.roles.publications import flex_offered, flex_requested, prognosis_taken, safety_analysed
from cim.model.intervals import LocalDay
from market.uftp import (
    Disposition,
    DPrognosis,
    DPrognosisResponse,
    FlexOffer,
    FlexOfferResponse,
    FlexRequest,
    FlexRequestResponse,
    RequestIsp,
    Result,
    fault_of_isps,
    header_faults,
)

_GRAIN_W = 100  # needs are rounded up to this


class DsoTradingDesk(DsoBase):
    """One round per period at a time; a newer prognosis after it starts the next."""

    @on(DPrognosis)
    def forecast(self, message: DPrognosis, sender: str, now: datetime) -> list[Effect]:
        """A seller's prognosis; with the last one of a cycle the analysis starts (or an interval later without it)."""
        day = self.rules.day(message.period)
        fault = header_faults(message, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        if fault is None and (sender, message.congestion_point) not in self.config.pairs:
            fault = f"CongestionPoint: {message.congestion_point} has no connection of {sender}"
        if fault is None and len(message.power_w) != day.count:
            fault = f"ISP: {len(message.power_w)} values; expected {day.count} on {day.day}"
        if fault is None and now >= day.end:
            fault = f"Period: {message.period} is over"
        key = place(sender, message.congestion_point, day)
        known = self.state.prognoses.get(key)
        if fault is None and known is not None and known.revision >= message.revision:
            fault = f"Revision: {message.revision} is not above {known.revision}"
        answer = Send(sender, DPrognosisResponse(*self.reply(sender, now, message, fault)))
        if fault is not None:
            return [answer]
        self.state.prognoses[key] = message
        self.state.by_id[message.header.message_id] = message
        period, told = message.period.isoformat(), prognosis_taken(message)
        fresh = {*self.state.fresh.get(period, ()), f"{sender}|{message.congestion_point}"}
        self.state.fresh[period] = tuple(sorted(fresh))
        if len(fresh) == len(self.config.pairs):
            return [answer, told, Disarm(f"begin {period}"), *self._begin(period, now)]
        return [answer, told, Arm(f"begin {period}", self.rules.patience(now))]

    def timer_begin(self, period: str, now: datetime) -> list[Effect]:
        """Somebody is late: go on with what is known."""
        return self._begin(period, now) if self.state.fresh.get(period) else []

    def _begin(self, period: str, now: datetime) -> list[Effect]:
        self.state.fresh[period] = ()
        if not self.rules.flexibility or period in self.state.rounds:
            return []
        if now >= self.rules.day(date.fromisoformat(period)).end:
            return []
        points = tuple(point.identity for point in self.config.points)
        return self.analyse(period, points, now)

    def analyse(self, period: str, points: tuple[str, ...], now: datetime) -> list[Effect]:
        """Look at the next congestion point, or end the round."""
        if not points:
            self.state.rounds.pop(period, None)
            return []
        self.state.rounds[period] = TradingRound(period, points[0], points[1:], None, (), {})
        names, powers = self.node_powers(self.rules.day(date.fromisoformat(period)))
        config = self.config
        arguments = (config.network, config.limits, config.margin_pct, self.points[points[0]], names, powers)
        return [Compute(f"safety {period}", "safety", arguments)]

    def computed_safety(self, period: str, result: Assessment, now: datetime) -> list[Effect]:
        """The analysis is done: ask for what is needed and can still be ordered."""
        current = self.state.rounds.get(period)
        day = self.rules.day(date.fromisoformat(period))
        if current is None or now >= day.end:
            self.state.rounds.pop(period, None)
            return [self.lapse("safety analysis", period, self.name, "its day is over", now)]
        first = 1 if now < day.start else day.isp_of(now) + self.config.gate_isps
        last = day.count if now < day.start else first + self.config.lookahead_isps - 1
        isps = np.arange(1, day.count + 1)
        need = np.where((isps >= first) & (isps <= last), result.need_w, 0.0)
        need = np.sign(need) * np.ceil(np.abs(need) / _GRAIN_W) * _GRAIN_W
        figures = safety_analysed(current.point, day.day, need, result.loading_pct, now)
        if not need.any():
            return [figures, *self.analyse(period, current.todo, now)]
        assessment = replace(result, need_w=need)
        sellers = self.config.sellers(current.point)
        expires = now + 2 * self.rules.interval
        self.state.rounds[period] = replace(current, assessment=assessment, asked=sellers)
        effects: list[Effect] = [figures]
        for seller in sellers:
            request = self._request(seller, current.point, day, assessment, first, expires, now)
            self.state.requests[request.header.message_id] = request
            self.state.requested_w[place(seller, current.point, day)] = {
                isp: int(need[isp - 1]) for isp in range(1, day.count + 1) if need[isp - 1]
            }
            effects += [Send(seller, request), flex_requested(request)]
        # Not on the grid, where meters are read and elements report: whoever is ordered something has heard those then.
        return [*effects, Arm(f"choose {period}", expires - self.rules.interval + MOMENT)]

    def _request(
        self,
        seller: str,
        point: str,
        day: LocalDay,
        assessment: Assessment,
        first: int,
        expires: datetime,
        now: datetime,
    ) -> FlexRequest:
        """Every seller is asked for all of the need; the room for rebound is shared by the size of their portfolios."""
        mine = sum(c.contracted_w for c in self.config.at(point) if c.aggregator == seller)
        share = mine / sum(c.contracted_w for c in self.config.at(point))
        rows = []
        for isp in range(first, day.count + 1):
            need = int(assessment.need_w[isp - 1])
            up = int(assessment.room_up_w[isp - 1] * share)
            down = -int(-assessment.room_down_w[isp - 1] * share)
            if need > 0:
                rows.append(RequestIsp(isp, Disposition.REQUESTED, need, max(need, up)))
            elif need < 0:
                rows.append(RequestIsp(isp, Disposition.REQUESTED, min(need, down), need))
            else:
                rows.append(RequestIsp(isp, Disposition.AVAILABLE, down, up))
        key = place(seller, point, day)
        revision = self.state.revisions[key] = self.state.revisions.get(key, 0) + 1
        contract = self.contract_on(seller, day.day)
        header = self.header(seller, now, None, "FlexRequest", day.key, point, str(revision))
        return FlexRequest(
            header, day.day, point, revision, expires, tuple(rows), self.rules.timezone,
            self.rules.isp_minutes, None if contract is None else contract.contract_id,
        )  # fmt: skip

    @on(FlexRequestResponse)
    def request_answered(self, message: FlexRequestResponse, sender: str, now: datetime) -> list[Effect]:
        """A refusal counts as answered."""
        request = self.state.requests.get(message.flex_request_message_id)
        if message.result is Result.ACCEPTED or request is None:
            return []
        return self._heard(request.period.isoformat(), request.congestion_point, sender, None)

    @on(FlexOffer)
    def offered(self, message: FlexOffer, sender: str, now: datetime) -> list[Effect]:
        """An offer for a request of the running round."""
        request = self.state.requests.get(message.flex_request_message_id or "")
        fault = header_faults(message, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        count = self.rules.day(message.period).count
        for option in message.options:
            fault = fault or fault_of_isps([(row.start, row.duration) for row in option.isps], count)
        asked = None if request is None else (request.congestion_point, request.period)
        if request is None or asked != (message.congestion_point, message.period) or now >= request.expiration:
            fault = fault or f"FlexRequestMessageID: {message.flex_request_message_id} is no open request"
        if message.contract_id not in {None, *(c.contract_id for c in self.state.contracts.get(sender, ()))}:
            fault = fault or f"ContractID: {message.contract_id} is no contract with {sender}"
        prognosis = self.state.by_id.get(message.d_prognosis_message_id or "")
        if prognosis is None or self.rules.domains[sender] != prognosis.header.sender_domain:
            fault = fault or f"D-PrognosisMessageID: {message.d_prognosis_message_id} is unknown"
        answer = Send(sender, FlexOfferResponse(*self.reply(sender, now, message, fault)))
        usable = message if fault is None and message.options else None
        if fault is not None:
            return [answer, self.lapse("FlexOffer", message.header.message_id, sender, fault, now)]
        published = [flex_offered(message)] if usable is not None else []
        return [
            answer,
            *published,
            *(
                self._heard(message.period.isoformat(), message.congestion_point, sender, usable)
                or self._unheard(message, sender, now)
            ),
        ]

    def _unheard(self, offer: FlexOffer, seller: str, now: datetime) -> list[Effect]:
        """An offer that no running round waits for: it came after the choice, or was made twice."""
        current = self.state.rounds.get(offer.period.isoformat())
        if not offer.options or (current is not None and current.offers.get(seller) == offer):
            return []
        return [self.lapse("FlexOffer", offer.header.message_id, seller, "the choice has been made", now)]

    def _heard(self, period: str, point: str, seller: str, offer: FlexOffer | None) -> list[Effect]:
        current = self.state.rounds.get(period)
        if current is None or seller not in current.asked or point != current.point:
            return []
        offers = current.offers if offer is None else {**current.offers, seller: offer}
        current = replace(current, asked=tuple(name for name in current.asked if name != seller), offers=offers)
        self.state.rounds[period] = current
        if offer is not None:
            key = place(seller, current.point, self.rules.day(offer.period))
            self.state.offered_w[key] = {row.start: row.power_w for row in offer.options[0].isps}
        return self._choose(period) if not current.asked else []

    def timer_choose(self, period: str, now: datetime) -> list[Effect]:
        """Time is up: choose among what came."""
        current = self.state.rounds.get(period)
        if current is None or not current.asked:
            return []
        self.state.rounds[period] = replace(current, asked=())
        return self._choose(period)

    def _choose(self, period: str) -> list[Effect]:
        current = self.state.rounds[period]
        count = self.rules.day(date.fromisoformat(period)).count
        sellers = sorted(current.offers)
        profiles, prices, minima = [], [], []
        for seller in sellers:
            option = current.offers[seller].options[0]
            profile = np.zeros(count)
            for row in option.isps:
                profile[row.start - 1 : row.start - 1 + row.duration] = row.power_w / 1000
            profiles.append(profile)
            prices.append(option.price)
            minima.append(option.min_activation_factor_pct)
        assert current.assessment is not None  # noqa: S101 - a round chooses only after its analysis
        arguments = (current.assessment.need_w / 1000, tuple(profiles), tuple(prices), tuple(minima))
        return [Compute(f"selection {period}", "selection", arguments)]
