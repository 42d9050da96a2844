"""What every part of an answer has in common."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

Instant = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
Count = Annotated[int, Field(ge=0)]
IspNumber = Annotated[int, Field(ge=1)]


class Shown(BaseModel):
    """Any part of an answer: fixed once made, and nothing in it that is not written down here."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
