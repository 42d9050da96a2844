"""What a measurement gives: figures under names, some of them in groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Figures: TypeAlias = Mapping[str, "int | float | Figures"]
