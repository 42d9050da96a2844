"""What an actor must not load: it costs two seconds and a hundred megabytes each time."""

from __future__ import annotations

import subprocess
import sys

_HEAVY = ("pandas", "scipy", "cvxpy", "osqp", "sklearn", "power_grid_model", "pyarrow")
_ROLES = ("device_agent", "prosumer", "aggregator", "dso", "iles_manager", "ledger_keeper")
_DRIVERS = ("sunspec", "ocpp", "s2")


def test_an_actor_of_any_role_imports_no_solver_and_no_pandas() -> None:
    """Host actor, every role, every driver and the wire types together load none of the heavy libraries."""
    modules = ["agents.runtime.ray.host_actor", "agents.assembly.wire_types", "agents.assembly.device_ports"]
    modules += [f"agents.roles.{name}" for name in _ROLES] + [f"devices.{name}.driver" for name in _DRIVERS]
    code = f"import sys, {', '.join(modules)}; print([m for m in {_HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
