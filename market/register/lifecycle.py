"""A controllable unit's life in the register, for one product, as a table of states and transitions.

The states are those of the European network code on demand response as drafted: application, prequalification for a
product at a congestion point, temporary limits set by the system operator, a switch of provider, withdrawal.
"""

from __future__ import annotations

from enum import StrEnum

from cim.codec.codec import wire
from market.conversations import ConversationTable


@wire("market.UnitState")
class UnitState(StrEnum):
    """Where a unit stands for one product."""

    UNKNOWN = "unknown"
    APPLIED = "applied"
    PREQUALIFIED = "prequalified"
    LIMITED = "limited"  # prequalified, and held to less until an instant
    SWITCHING = "switching"  # prequalified, and about to go to another provider
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@wire("market.UnitParty")
class UnitParty(StrEnum):
    """Who moves: the unit's owner, the system operator (DSO), the provider it is to go to, or time."""

    OWNER = "owner"
    OPERATOR = "system operator"
    PROVIDER = "new provider"
    TIME = "time"


@wire("market.UnitEvent")
class UnitEvent(StrEnum):
    """What is said, or happens."""

    APPLICATION = "application"  # for the first time, or with other ratings
    REVISION = "revision"  # of price, settings or availability: nothing that was prequalified
    PREQUALIFICATION = "prequalification"
    REFUSAL = "refusal"
    LIMIT = "limit"
    LIMIT_LIFTED = "limit lifted"
    LIMIT_END = "end of the limit"
    SWITCH = "switch asked for"
    TAKE_OVER = "take-over"
    TAKE_OVER_REFUSED = "take-over refused"
    SWITCH_LAPSED = "switch lapsed"
    WITHDRAWAL = "withdrawal"


_OWNER, _DSO, _NEW, _TIME = UnitParty.OWNER, UnitParty.OPERATOR, UnitParty.PROVIDER, UnitParty.TIME
_S, _E = UnitState, UnitEvent

LIFE_CYCLE = ConversationTable(
    title="Life of a controllable unit in the register",
    about="An owner applies with its provider for a product, the system operator prequalifies the unit for it at its "
    "congestion point, may limit it for a time, and the owner may take it to another provider; only what is "
    "prequalified is found by aggregators. A revision of price, settings or availability changes no state.",
    start=UnitState.UNKNOWN,
    rows={
        _S.UNKNOWN: {(_OWNER, _E.APPLICATION): _S.APPLIED},
        _S.APPLIED: {
            (_OWNER, _E.APPLICATION): _S.APPLIED,
            (_OWNER, _E.REVISION): _S.APPLIED,
            (_OWNER, _E.WITHDRAWAL): _S.WITHDRAWN,
            (_DSO, _E.PREQUALIFICATION): _S.PREQUALIFIED,
            (_DSO, _E.REFUSAL): _S.REFUSED,
        },
        _S.PREQUALIFIED: {
            (_OWNER, _E.APPLICATION): _S.APPLIED,
            (_OWNER, _E.REVISION): _S.PREQUALIFIED,
            (_OWNER, _E.SWITCH): _S.SWITCHING,
            (_OWNER, _E.WITHDRAWAL): _S.WITHDRAWN,
            (_DSO, _E.LIMIT): _S.LIMITED,
            (_DSO, _E.REFUSAL): _S.REFUSED,
        },
        _S.LIMITED: {
            (_OWNER, _E.APPLICATION): _S.APPLIED,
            (_OWNER, _E.REVISION): _S.LIMITED,
            (_OWNER, _E.WITHDRAWAL): _S.WITHDRAWN,
            (_DSO, _E.LIMIT): _S.LIMITED,
            (_DSO, _E.LIMIT_LIFTED): _S.PREQUALIFIED,
            (_DSO, _E.REFUSAL): _S.REFUSED,
            (_TIME, _E.LIMIT_END): _S.PREQUALIFIED,
        },
        _S.SWITCHING: {
            (_OWNER, _E.REVISION): _S.SWITCHING,
            (_OWNER, _E.WITHDRAWAL): _S.WITHDRAWN,
            (_NEW, _E.TAKE_OVER): _S.PREQUALIFIED,
            (_NEW, _E.TAKE_OVER_REFUSED): _S.PREQUALIFIED,
            (_DSO, _E.REFUSAL): _S.REFUSED,
            (_TIME, _E.SWITCH_LAPSED): _S.PREQUALIFIED,
        },
        _S.REFUSED: {
            (_OWNER, _E.APPLICATION): _S.APPLIED,
            (_OWNER, _E.WITHDRAWAL): _S.WITHDRAWN,
        },
        _S.WITHDRAWN: {(_OWNER, _E.APPLICATION): _S.APPLIED},
    },
)

BY_PROVIDER = frozenset({UnitEvent.TAKE_OVER, UnitEvent.TAKE_OVER_REFUSED})
USABLE = frozenset({UnitState.PREQUALIFIED, UnitState.LIMITED, UnitState.SWITCHING})
