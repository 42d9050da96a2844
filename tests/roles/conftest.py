"""Puts this folder on the path, so that its tests share `players`; property tests are drawn from a fixed seed."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
settings.register_profile("roles", deadline=None, derandomize=True)
settings.load_profile("roles")
