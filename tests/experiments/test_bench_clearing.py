"""What `iles bench market` clears is a real market of the size it says."""

from __future__ import annotations

from experiments.bench.clearing import measure


def test_a_measured_market_has_its_bids_and_trades() -> None:
    """Of a thousand bids about half trade, in a time that is not nothing."""
    told: list[str] = []
    found = measure(1000, told.append)
    assert found["clearing_bids"] == 1000
    traded, seconds = found["clearing_traded_bids"], found["clearing_s"]
    assert isinstance(traded, int)
    assert isinstance(seconds, float)
    assert 400 < traded < 600
    assert seconds > 0
    assert told == ["1,000 bids by uniform price"]
