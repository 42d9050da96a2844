"""All mechanisms by name: a new one is a file beside these, and a line here."""

from __future__ import annotations

from cim.model.errors import BadInput
from market.mechanisms.alternating_offers import AlternatingOffers
from market.mechanisms.continuous_double_auction import ContinuousDoubleAuction
from market.mechanisms.contract_net import ContractNet
from market.mechanisms.dual_price import DualPrice
from market.mechanisms.mcafee import McAfee
from market.mechanisms.mechanism import Mechanism
from market.mechanisms.muda import Muda
from market.mechanisms.network_aware import NetworkAware
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.peer_to_peer import PeerToPeer
from market.mechanisms.posted_price import PostedPrice
from market.mechanisms.trade_reduction import TradeReduction
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vcg import Vcg

MECHANISMS: tuple[Mechanism, ...] = (
    PayAsBid(),
    UniformPrice(),
    McAfee(),
    TradeReduction(),
    Vcg(),
    PostedPrice(),
    ContinuousDoubleAuction(),
    Muda(),
    ContractNet(),
    AlternatingOffers(),
    DualPrice(),
    PeerToPeer(),
    NetworkAware(),
)


def procuring(name: str) -> Mechanism:
    """A mechanism by which one buyer of a given need can be served.

    Raises:
        BadInput: it is unknown, or needs several buyers.
    """
    found = mechanism(name)
    if not found.properties.procures:
        able = ", ".join(known.name for known in MECHANISMS if known.properties.procures)
        raise BadInput(f"mechanism {name!r} cannot pay the offers of a single buyer, the DSO; expected one of {able}")
    return found


def mechanism(name: str) -> Mechanism:
    """A mechanism by its name.

    Raises:
        BadInput: it is unknown.
    """
    for known in MECHANISMS:
        if known.name == name:
            return known
    raise BadInput(f"mechanism {name!r} is unknown; expected one of {', '.join(m.name for m in MECHANISMS)}")
