"""`/health`, `/ready`, `/metrics`, `/dso/state`: how the site is, and the grid and market as the DSO sees them."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry

from portal.errors import Problem
from portal.kept_bytes import KeptBytes
from portal.metrics import MEDIA_TYPE, written
from portal.models import DsoState, Health, HealthSummary, Readiness, Status
from portal.views import SharedAnswer, ViewError


class MetricsPage(Response):
    """Prometheus's text format."""

    media_type = MEDIA_TYPE


def add_site_routes(
    app: FastAPI, see_health: SharedAnswer[Health], see_dso: KeptBytes[DsoState], requests: CollectorRegistry
) -> None:
    """Add them.

    Args:
        requests: the portal's own metrics.
    """
    down = {"model": Health | HealthSummary | Problem, "description": "It does not steer, or nobody can say."}

    @app.get("/health", responses={503: down})
    async def health(request: Request, response: Response) -> Health | HealthSummary:
        """How the site is: 200 where it steers its devices, 503 where it does not. In full only with the token."""
        seen = await see_health()
        if seen.status is Status.DOWN:
            response.status_code = 503
        return seen if request.state.known else seen.summary()

    @app.get("/ready", responses={503: {"model": Readiness, "description": "Not yet, or no longer."}})
    async def ready(response: Response) -> Readiness:
        """Whether the portal can show the site: 200, or 503 while it starts or where it is down."""
        try:
            seen, _ = await see_health(), await see_dso.model()
        except ViewError:
            response.status_code = 503
            return Readiness(ready=False)
        up = seen.status is not Status.DOWN
        response.status_code = 200 if up else 503
        return Readiness(ready=up)

    @app.get("/metrics", response_class=MetricsPage)
    async def metrics() -> Response:
        """The site's and the portal's metrics, for Prometheus."""
        seen = await see_health()
        try:
            grid = await see_dso.model()
        except ViewError:  # a site that has just begun has no grid state yet
            grid = None
        return MetricsPage(written(requests, seen, grid))

    @app.get("/dso/state", response_model=DsoState)
    async def dso_state(request: Request) -> Response:
        """The grid and the market as the DSO sees them, not older than a second."""
        return await see_dso(request)
