"""`iles bench wire`: its far ends and its counting, on a few devices for a moment."""

from __future__ import annotations

from experiments.bench.wire.measure import measure
from experiments.cli.bench import flat


def test_a_few_devices_are_measured_whole() -> None:
    """All keys; every device polled, no message lost, every station heard; decoded points beside pysunspec2's."""
    found = dict(flat(measure(False, lambda _: None, devices=2, stations=5, window_s=1.0, metering_s=1.0)))
    assert {"setpoint_p99_ms", "sunspec_cpu_share", "ocpp_cpu_share", "woken_late_p99_ms"} <= found.keys()
    assert found["setpoints"] > 0
    assert found["sunspec_polls_per_s"] >= 2
    assert found["ocpp_lost"] <= 5, "only what was under way at the end"
    assert found["ocpp_silent_stations"] == 0
    assert 0 < found["setpoint_p50_ms"] <= found["setpoint_p99_ms"]
    assert found["ratios.points_per_cpu_s_vs_pysunspec2"] > 0
