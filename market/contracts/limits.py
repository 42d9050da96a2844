"""How often, how long and with which pause the flexibility under a contract may be called."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire


@wire("market.ContractLimits")
@dataclass(frozen=True, slots=True)
class ContractLimits:
    """What a party proposes in place of a template's limits; the fields are those of `FlexContract`."""

    max_activations_per_day: int
    max_runtime_isps: int
    recovery_isps: int
