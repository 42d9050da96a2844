"""What `iles faults --wire` tried and found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class WireReport:
    """How often each was tried; what did not hold, in words; how long the slowest took that has a bound."""

    tried: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    slowest_s: dict[str, float] = field(default_factory=dict)
