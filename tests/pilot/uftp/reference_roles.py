# ruff: noqa: D102
"""Run by the reference environment's Python: the published client and service as one party, and nothing of ILES.

    python reference_roles.py ROLE CONFIG

CONFIG is a JSON file: domain, key (base 64), port, day, point, time_stamp and peers [{domain, role, url, public_key}].
Each message that the service is given is printed as a line of JSON; the party plays its share of a conversation, which it
begins when it reads "begin".
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from shapeshifter_uftp import ShapeshifterAgrService, ShapeshifterCroService, ShapeshifterDsoService
from shapeshifter_uftp import logging as their_logging
from shapeshifter_uftp import uftp as m
from xsdata.models.datatype import XmlDate, XmlDuration

their_logging.logger.setLevel("ERROR")
_ONE_LINE = threading.Lock()  # their services work in threads


def tell(**what):
    """A line for whoever started us."""
    with _ONE_LINE:
        sys.stdout.write(json.dumps(what, default=str) + "\n")
        sys.stdout.flush()


class Party:
    """What all roles share: whom they know, and that they tell what they are given."""

    def __init__(self, config):
        self.config = config
        peers = {(p["domain"], p["role"]): p for p in config["peers"]}
        super().__init__(
            config["domain"],
            config["key"],
            key_lookup_function=lambda domain, role: peers[domain, str(role)]["public_key"],
            endpoint_lookup_function=lambda domain, role: peers[domain, str(role)]["url"],
            host="127.0.0.1",
            port=config["port"],
        )
        self.server.config.log_level = "error"
        self.server.config.access_log = False

    def note(self, message):
        tell(got=type(message).__name__, **asdict(message))

    def process_test_message(self, message, sender_role):
        self.note(message)
        client = self._get_client(message.sender_domain, sender_role)
        client.send_test_message_response(m.TestMessageResponse(**self.dated(conversation_id=message.conversation_id)))

    def process_test_message_response(self, message):
        self.note(message)

    def flex(self, **more):
        return {
            "isp_duration": XmlDuration("PT15M"),
            "period": XmlDate.from_string(self.config["day"]),
            "time_zone": "Europe/Vienna",
            "congestion_point": self.config["point"],
            **more,
        }

    def dated(self, **more):
        return {"time_stamp": self.config.get("time_stamp"), **more}


class Aggregator(Party, ShapeshifterAgrService):
    """AGR: a prognosis, an offer of what is asked for, an answer to each order and settlement, a metering."""

    prognosis_id = None

    def begin(self):
        domain = self.config["dso"]
        dso, cro = self._get_client(domain, m.UsefRole.DSO), self._get_client(self.config["cro"], m.UsefRole.CRO)
        dso.send_test_message(m.TestMessage(**self.dated()))
        day = XmlDate.from_string(self.config["day"])
        connection = m.AgrPortfolioUpdateConnection(entity_address="ean.871685900012636543", start_period=day)
        cro.send_agr_portfolio_update(
            m.AgrPortfolioUpdate(**self.dated(connections=[connection], time_zone="Europe/Vienna"))
        )
        cro.send_agr_portfolio_query(m.AgrPortfolioQuery(**self.dated(period=day, time_zone="Europe/Vienna")))
        prognosis = m.DPrognosis(
            **self.dated(**self.flex(revision=1, isps=[m.DPrognosisISP(power=-40_000, start=1, duration=96)]))
        )
        dso.send_d_prognosis(prognosis)
        self.prognosis_id = prognosis.message_id

    def process_d_prognosis_response(self, message):
        self.note(message)

    def process_flex_request(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.DSO)
        told = {"conversation_id": message.conversation_id}
        client.send_flex_request_response(
            m.FlexRequestResponse(**self.dated(flex_request_message_id=message.message_id, **told))
        )
        isps = [
            m.FlexOfferOptionISP(power=row.min_power, start=row.start, duration=row.duration)
            for row in message.isps
            if str(row.disposition) == "Requested"
        ]
        option = m.FlexOfferOption(option_reference="all", price="12.34", min_activation_factor="0.50", isps=isps)
        for _ in range(2):  # the second is revoked
            offer = m.FlexOffer(
                **self.dated(
                    **self.flex(
                        offer_options=[option],
                        expiration_date_time=message.expiration_date_time,
                        flex_request_message_id=message.message_id,
                        d_prognosis_message_id=self.prognosis_id,
                        currency="EUR",
                        **told,
                    )
                )
            )
            client.send_flex_offer(offer)
        client.send_flex_offer_revocation(
            m.FlexOfferRevocation(**self.dated(flex_offer_message_id=offer.message_id, **told))
        )

    def process_flex_offer_response(self, message):
        self.note(message)

    def process_flex_offer_revocation_response(self, message):
        self.note(message)

    def process_flex_order(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.DSO)
        client.send_flex_order_response(
            m.FlexOrderResponse(
                **self.dated(flex_order_message_id=message.message_id, conversation_id=message.conversation_id)
            )
        )

    def process_flex_reservation_update(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.DSO)
        client.send_flex_reservation_update_response(
            m.FlexReservationUpdateResponse(
                **self.dated(
                    flex_reservation_update_message_id=message.message_id, conversation_id=message.conversation_id
                )
            )
        )

    def process_flex_settlement(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.DSO)
        statuses = [
            m.FlexOrderSettlementStatus(order_reference=one.order_reference, disposition=m.AcceptedDisputed.ACCEPTED)
            for one in message.flex_order_settlements
        ]
        client.send_flex_settlement_response(
            m.FlexSettlementResponse(
                **self.dated(
                    flex_settlement_message_id=message.message_id,
                    flex_order_settlement_statuses=statuses,
                    conversation_id=message.conversation_id,
                )
            )
        )
        rows = [m.MeteringISP(start=isp, value="-30.125") for isp in range(1, 97)]
        profile = m.MeteringProfile(profile_type=m.MeteringProfileEnum.POWER, unit=m.MeteringUnit.K_W, isps=rows)
        client.send_metering(
            m.Metering(
                **self.dated(
                    profiles=[profile],
                    revision=1,
                    isp_duration=XmlDuration("PT15M"),
                    time_zone="Europe/Vienna",
                    period=XmlDate.from_string(self.config["day"]),
                    ean="E871685900012636543",
                )
            )
        )

    def process_metering_response(self, message):
        self.note(message)

    def process_agr_portfolio_query_response(self, message):
        self.note(message)

    def process_agr_portfolio_update_response(self, message):
        self.note(message)


class Dso(Party, ShapeshifterDsoService):
    """DSO: answers a prognosis with a request, an offer with an order, and settles what was ordered."""

    def begin(self):
        cro = self._get_client(self.config["cro"], m.UsefRole.CRO)
        day = XmlDate.from_string(self.config["day"])
        point = m.DsoPortfolioUpdateCongestionPoint(
            entity_address=self.config["point"],
            start_period=day,
            mutex_offers_supported=True,
            day_ahead_redispatch_by=m.RedispatchBy.AGR,
            connections=[m.DsoPortfolioUpdateConnection(entity_address="ean.871685900012636543", start_period=day)],
        )
        cro.send_dso_portfolio_update(
            m.DsoPortfolioUpdate(**self.dated(congestion_points=[point], time_zone="Europe/Vienna"))
        )

    def process_dso_portfolio_update_response(self, message):
        self.note(message)
        cro, day = self._get_client(message.sender_domain, m.UsefRole.CRO), XmlDate.from_string(self.config["day"])
        told = self.dated(period=day, time_zone="Europe/Vienna", entity_address=self.config["point"])
        cro.send_dso_portfolio_query(m.DsoPortfolioQuery(**told))

    def process_d_prognosis(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.AGR)
        told = {"conversation_id": message.conversation_id}
        client.send_d_prognosis_response(
            m.DPrognosisResponse(**self.dated(d_prognosis_message_id=message.message_id, **told))
        )
        isp = m.FlexRequestISP(
            disposition=m.AvailableRequested.REQUESTED, min_power=10_000, max_power=12_000, start=49, duration=4
        )
        client.send_flex_request(
            m.FlexRequest(
                **self.dated(**self.flex(isps=[isp], revision=1, expiration_date_time=self.config["expiration"]))
            )
        )

    def process_flex_request_response(self, message):
        self.note(message)

    def process_flex_offer(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.AGR)
        told = {"conversation_id": message.conversation_id}
        client.send_flex_offer_response(
            m.FlexOfferResponse(**self.dated(flex_offer_message_id=message.message_id, **told))
        )
        option = message.offer_options[0]
        isps = [m.FlexOrderISP(power=row.power, start=row.start, duration=row.duration) for row in option.isps]
        client.send_flex_order(
            m.FlexOrder(
                **self.dated(
                    **self.flex(
                        isps=isps,
                        flex_offer_message_id=message.message_id,
                        option_reference=option.option_reference,
                        price=option.price,
                        currency="EUR",
                        order_reference="order-1",
                        **told,
                    )
                )
            )
        )

    def process_flex_offer_revocation(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.AGR)
        client.send_flex_offer_revocation_response(
            m.FlexOfferRevocationResponse(
                **self.dated(
                    flex_offer_revocation_message_id=message.message_id, conversation_id=message.conversation_id
                )
            )
        )

    def process_flex_order_response(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.AGR)
        isp = m.FlexReservationUpdateISP(power=5_000, start=49, duration=4)
        client.send_flex_reservation_update(
            m.FlexReservationUpdate(
                **self.dated(**self.flex(isps=[isp], contract_id="option-1", reference="reservation-1"))
            )
        )

    def process_flex_reservation_update_response(self, message):
        self.note(message)

    def process_metering(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.AGR)
        client.send_metering_response(
            m.MeteringResponse(
                **self.dated(metering_message_id=message.message_id, conversation_id=message.conversation_id)
            )
        )
        day = XmlDate.from_string(self.config["day"])
        isp = m.FlexOrderSettlementISP(
            start=49, duration=4, baseline_power=-40_000, ordered_flex_power=10_000, actual_power=-30_000,
            delivered_flex_power=10_000, power_deficiency=0,
        )  # fmt: skip
        one = m.FlexOrderSettlement(
            isps=[isp], order_reference="order-1", period=day, congestion_point=self.config["point"], price="12.34",
            penalty="0", net_settlement="12.34",
        )  # fmt: skip
        contract = m.ContractSettlement(
            contract_id="option-1",
            periods=[
                m.ContractSettlementPeriod(period=day, isps=[m.ContractSettlementISP(start=49, reserved_power=5_000)])
            ],
        )
        client.send_flex_settlement(
            m.FlexSettlement(
                **self.dated(
                    flex_order_settlements=[one], contract_settlements=[contract], period_start=day, period_end=day,
                    currency="EUR",
                )
            )
        )  # fmt: skip

    def process_flex_settlement_response(self, message):
        self.note(message)

    def process_dso_portfolio_query_response(self, message):
        self.note(message)


class Cro(Party, ShapeshifterCroService):
    """CRO: takes every update and answers every query with one connection."""

    point = "ea1.2016-01.at.strem:lv-rural1"

    def begin(self):
        """It begins nothing."""

    def process_agr_portfolio_update(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.AGR)
        client.send_agr_portfolio_update_response(
            m.AgrPortfolioUpdateResponse(
                **self.dated(
                    agr_portfolio_update_message_id=message.message_id, conversation_id=message.conversation_id
                )
            )
        )

    def process_agr_portfolio_query(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.AGR)
        connection = m.AgrPortfolioQueryResponseConnection(entity_address="ean.871685900012636543")
        point = m.AgrPortfolioQueryResponseCongestionPoint(
            connections=[connection], entity_address=self.point, mutex_offers_supported=True,
            day_ahead_redispatch_by=m.RedispatchBy.AGR,
        )  # fmt: skip
        portfolio = m.AgrPortfolioQueryResponseDSOPortfolio(congestion_points=[point], dso_domain=self.config["dso"])
        view = m.AgrPortfolioQueryResponseDSOView(dso_portfolios=[portfolio])
        client.send_agr_portfolio_query_response(
            m.AgrPortfolioQueryResponse(
                **self.dated(
                    agr_portfolio_query_message_id=message.message_id, dso_views=[view], period=message.period,
                    time_zone=message.time_zone, conversation_id=message.conversation_id,
                )
            )
        )  # fmt: skip

    def process_dso_portfolio_update(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.DSO)
        client.send_dso_portfolio_update_response(
            m.DsoPortfolioUpdateResponse(
                **self.dated(
                    dso_portfolio_update_message_id=message.message_id, conversation_id=message.conversation_id
                )
            )
        )

    def process_dso_portfolio_query(self, message):
        self.note(message)
        client = self._get_client(message.sender_domain, m.UsefRole.DSO)
        point = m.DsoPortfolioQueryCongestionPoint(
            entity_address=message.entity_address,
            connections=[
                m.DsoPortfolioQueryConnection(entity_address="ean.871685900012636543", agr_domain=self.config["agr"])
            ],
        )
        client.send_dso_portfolio_query_response(
            m.DsoPortfolioQueryResponse(
                **self.dated(
                    dso_portfolio_query_message_id=message.message_id, congestion_point=point, period=message.period,
                    time_zone=message.time_zone, conversation_id=message.conversation_id,
                )
            )
        )  # fmt: skip


ROLES = {"AGR": Aggregator, "DSO": Dso, "CRO": Cro}


def main():
    """Listen; begin when told by a line on standard input; end with it."""
    config = json.loads(Path(sys.argv[2]).read_text())
    service = ROLES[sys.argv[1]](config)
    with service:
        tell(listening=config["port"])
        for line in sys.stdin:
            if line.strip() == "begin":
                threading.Thread(target=service.begin, daemon=True).start()
            elif line.strip() == "end":
                break
        time.sleep(0.2)


if __name__ == "__main__":
    main()
