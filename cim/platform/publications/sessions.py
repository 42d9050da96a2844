"""The splits of a virtual power plant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.Residuals")
@dataclass(frozen=True, slots=True)
class Residuals:
    """Primal and dual residual after one round of ADMM, on the members' sum."""

    primal_kw: float
    dual_kw: float


@wire("published.SessionConcluded")
@dataclass(frozen=True, slots=True)
class SessionConcluded(Publication):
    """A session of an aggregator with its members has ended. What the members' own models are is told by nobody.

    Attributes:
        session: its identity.
        purpose: `offer` (answers a request) or `hold` (corrects a shortfall).
        first_isp: of the period; the rows below begin there.
        members: agents that took part.
        status: `converged`; `polished`: the rounds ended without, and the sum was brought within the band; `failed`: it
            could not be, and nothing was offered. None where nobody took part.
        rounds: of ADMM.
        residuals: after each round.
        low_kw, high_kw: the band that the members' sum was asked to keep in each ISP.
        total_kw: the sum they came to in each ISP.
        coordinated: all sellers at the point kept to the band together (`PointCoordinated`).
    """

    session: str
    aggregator: str
    purpose: str
    congestion_point: str
    period: date
    first_isp: int
    members: tuple[str, ...]
    status: str | None
    rounds: int
    residuals: tuple[Residuals, ...]
    low_kw: tuple[float, ...]
    high_kw: tuple[float, ...]
    total_kw: tuple[float, ...]
    coordinated: bool = False


@wire("published.PointCoordinated")
@dataclass(frozen=True, slots=True)
class PointCoordinated(Publication):
    """The sellers at a congestion point have answered a request together, in rounds of the DSO's.

    Attributes:
        first_isp: of the period; the rows below begin there.
        sellers, requests: who took part, and the message id of each one's request.
        status: how the rounds ended, as of a session.
        rounds: of ADMM.
        low_kw, high_kw: the band that all sums together were asked to keep in each ISP.
        total_kw: what they came to in each ISP.
        worth_ct: what that band is worth at the price of the last round.
        gap_ct: by how much the split may be dearer to the members than the cheapest one of all sellers' models, at most, by
            weak duality; None where a member did not tell how far its answer is above its best one.
    """

    congestion_point: str
    period: date
    first_isp: int
    sellers: tuple[str, ...]
    requests: tuple[str, ...]
    status: str
    rounds: int
    low_kw: tuple[float, ...]
    high_kw: tuple[float, ...]
    total_kw: tuple[float, ...]
    worth_ct: float
    gap_ct: float | None
