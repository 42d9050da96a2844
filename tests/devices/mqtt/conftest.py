"""The room of the S2 tests, behind a broker."""

from __future__ import annotations

import pytest

from tests.devices.s2.conftest import Room


@pytest.fixture
def room() -> Room:
    """A room a little below its set point."""
    return Room()
