"""Our messages as the published library's models and back: one table of both sides' names."""

from __future__ import annotations

from datetime import date
from typing import Final, cast

from market import uftp as ours
from market.uftp.exchange import Asked
from market.uftp.header import UftpMessage
from pilot.uftp.conversions import (
    DAY,
    FACTOR,
    FLAG,
    INSTANT,
    MINUTES,
    MONEY,
    PLAIN,
    UUID,
    Conversion,
    NotForUs,
    NotOnTheWire,
    Pair,
    Rows,
    many,
    plain,
    unrolled,
    words,
)
from pilot.uftp.library import built
from pilot.uftp.library import uftp as theirs
from pilot.uftp.portfolio_mapping import (
    AgrQueryResponse,
    DsoQueryResponse,
    agr_query,
    agr_update,
    dso_query,
    dso_update,
)
from pilot.uftp.settlement_mapping import METERING, SETTLEMENT, SETTLEMENT_STATUS

_RESULT = words(ours.Result, theirs.AcceptedRejected)
ANSWER: Final[Rows] = {"result": ("result", _RESULT), **plain("rejection_reason")}
_FLEX: Final[Rows] = {
    "period": ("period", DAY),
    "congestion_point": ("congestion_point", PLAIN),
    "timezone": ("time_zone", PLAIN),
    "isp_minutes": ("isp_duration", MINUTES),
}
_EXPIRES: Final[Rows] = {"expiration": ("expiration_date_time", INSTANT)}
_BASELINE: Final[Rows] = {
    **plain("contract_id", "baseline_reference"),
    "d_prognosis_message_id": ("d_prognosis_message_id", UUID),
}


def _isps(kind: type) -> tuple[str, Conversion]:
    return "isps", many(Pair(ours.IspPower, kind, {"power_w": ("power", PLAIN), **plain("start", "duration")}))


def _answer(kind: type, model: type, answered: str, more: Rows | None = None) -> Pair:
    return Pair(kind, model, {answered: (answered, UUID), **ANSWER, **(more or {})}, headed=True)


def _message(kind: type, model: type, *rows: Rows) -> Pair:
    return Pair(kind, model, {name: how for part in rows for name, how in part.items()}, headed=True)


class _Prognosis(Pair):
    """Ours has a value for each ISP of the day; the wire joins equal neighbours."""

    def write(self, value: object) -> object:
        """With the ISPs joined."""
        model = super().write(value)
        rows = value.isps if isinstance(value, ours.DPrognosis) else ()
        made = [
            built(theirs.DPrognosisISP, {"power": r.power_w, "start": r.start, "duration": r.duration}) for r in rows
        ]
        vars(model)["isps"] = made
        return model

    def read(self, model: object) -> object:
        """With the ISPs unrolled."""
        rows = [(row.start, row.duration, row.power) for row in getattr(model, "isps", ())]
        return self.reading(model, {"power_w": unrolled(rows, "D-Prognosis")})


_REQUEST_ISP = Pair(
    ours.RequestIsp,
    theirs.FlexRequestISP,
    {
        **plain("start", "duration"),
        "disposition": ("disposition", words(ours.Disposition, theirs.AvailableRequested)),
        "min_power_w": ("min_power", PLAIN),
        "max_power_w": ("max_power", PLAIN),
    },
)
_OPTION = Pair(
    ours.OfferOption,
    theirs.FlexOfferOption,
    {
        **plain("option_reference"),
        "price": ("price", MONEY),
        "isps": _isps(theirs.FlexOfferOptionISP),
        "min_activation_factor_pct": ("min_activation_factor", FACTOR),
    },
)
_STATUS = Pair(
    ours.FlexOrderStatus,
    theirs.FlexOrderStatus,
    {"flex_order_message_id": ("flex_order_message_id", UUID), **plain("is_validated")},
)
_REQUEST, _OFFER, _OFFER_REFERENCE = "flex_request_message_id", "flex_offer_message_id", "option_reference"

PAIRS: Final = (
    _Prognosis(ours.DPrognosis, theirs.DPrognosis, {**_FLEX, **plain("revision")}, headed=True),
    _answer(
        ours.DPrognosisResponse,
        theirs.DPrognosisResponse,
        "d_prognosis_message_id",
        {"flex_order_statuses": ("flex_order_statuses", many(_STATUS))},
    ),
    _message(
        ours.FlexRequest,
        theirs.FlexRequest,
        _FLEX,
        _EXPIRES,
        plain("revision", "contract_id", "service_type"),
        {"isps": ("isps", many(_REQUEST_ISP))},
    ),
    _answer(ours.FlexRequestResponse, theirs.FlexRequestResponse, _REQUEST),
    _message(
        ours.FlexOffer,
        theirs.FlexOffer,
        _FLEX,
        _EXPIRES,
        _BASELINE,
        plain("currency"),
        {_REQUEST: (_REQUEST, UUID), "unsolicited": ("unsolicited", FLAG), "options": ("offer_options", many(_OPTION))},
    ),
    _answer(ours.FlexOfferResponse, theirs.FlexOfferResponse, _OFFER),
    _message(ours.FlexOfferRevocation, theirs.FlexOfferRevocation, {_OFFER: (_OFFER, UUID)}),
    _answer(ours.FlexOfferRevocationResponse, theirs.FlexOfferRevocationResponse, "flex_offer_revocation_message_id"),
    _message(
        ours.FlexOrder,
        theirs.FlexOrder,
        _FLEX,
        _BASELINE,
        plain("order_reference", "currency", _OFFER_REFERENCE),
        {
            "price": ("price", MONEY),
            "isps": _isps(theirs.FlexOrderISP),
            _OFFER: (_OFFER, UUID),
            "activation_factor_pct": ("activation_factor", FACTOR),
            "unsolicited": ("unsolicited", FLAG),
        },
    ),
    _answer(ours.FlexOrderResponse, theirs.FlexOrderResponse, "flex_order_message_id"),
    _message(
        ours.FlexReservationUpdate,
        theirs.FlexReservationUpdate,
        _FLEX,
        plain("contract_id", "reference"),
        {"isps": _isps(theirs.FlexReservationUpdateISP)},
    ),
    _answer(
        ours.FlexReservationUpdateResponse, theirs.FlexReservationUpdateResponse, "flex_reservation_update_message_id"
    ),
    METERING,
    _answer(ours.MeteringResponse, theirs.MeteringResponse, "metering_message_id"),
    SETTLEMENT,
    _answer(
        ours.FlexSettlementResponse,
        theirs.FlexSettlementResponse,
        "flex_settlement_message_id",
        {"statuses": ("flex_order_settlement_statuses", many(SETTLEMENT_STATUS))},
    ),
    agr_update(),
    _answer(ours.AgrPortfolioUpdateResponse, theirs.AgrPortfolioUpdateResponse, "agr_portfolio_update_message_id"),
    agr_query(),
    AgrQueryResponse(ANSWER),
    dso_update(),
    _answer(ours.DsoPortfolioUpdateResponse, theirs.DsoPortfolioUpdateResponse, "dso_portfolio_update_message_id"),
    dso_query(),
    DsoQueryResponse(ANSWER),
    _message(ours.TestMessage, theirs.TestMessage),
    _message(ours.TestMessageResponse, theirs.TestMessageResponse, ANSWER),
)
_BY_OURS: Final = {pair.ours: pair for pair in PAIRS}
_BY_THEIRS: Final = {pair.theirs: pair for pair in PAIRS}


def to_model(message: UftpMessage) -> object:
    """The library's model of a message.

    Raises:
        NotOnTheWire: UFTP has no words for it.
    """
    pair = _BY_OURS.get(type(message))
    if pair is None:
        raise NotOnTheWire(f"{type(message).__name__}: no message of UFTP; it is only said inside a site")
    if isinstance(message, ours.FlexOffer) and not message.options:
        raise NotOnTheWire(
            "FlexOffer: no option; expected at least one, as on the wire no offer says that there is none"
        )
    return pair.write(message)


def from_model(model: object) -> UftpMessage:
    """The message that a model of the library holds.

    Raises:
        NotForUs: ILES cannot take it; the text is a RejectionReason.
    """
    pair = _BY_THEIRS.get(type(model))
    if pair is None:
        raise NotForUs(f"{type(model).__name__}; expected a message")
    return cast("UftpMessage", pair.read(model))


def asked_in(model: object) -> Asked:
    """What an answer to a model repeats, where the model itself cannot be taken.

    Raises:
        NotForUs: it is no message.
    """
    pair, said = _BY_THEIRS.get(type(model)), vars(model)
    if pair is None:
        raise NotForUs(f"{type(model).__name__}; expected a message")
    period = said.get("period")
    return Asked(
        pair.ours,
        str(said["message_id"]).lower(),
        None if period is None else date.fromisoformat(str(period)),
        str(said.get("entity_address", said.get("congestion_point", ""))),
        str(said.get("time_zone", "")),
    )
