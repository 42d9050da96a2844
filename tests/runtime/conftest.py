"""Lets the tests of the runtime share the players of the roles' tests; property tests are drawn from a fixed seed."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "roles"))
settings.register_profile("runtime", deadline=None, derandomize=True)
settings.load_profile("runtime")
