"""PPBC.PowerProfileStatus as EN 50491-12-2 has it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from s2python.generated.gen_s2 import PPBCPowerSequenceContainerStatus
from s2python.ppbc import PPBCPowerProfileStatus


class PowerProfileStatus(PPBCPowerProfileStatus):
    """With each container's `progress` as a Duration: s2-python's own class takes it for a UUID and refuses numbers."""

    sequence_container_status: Annotated[  # type: ignore[assignment]
        list[PPBCPowerSequenceContainerStatus], Field(min_length=1, max_length=1000)
    ]
