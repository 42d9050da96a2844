"""What is measured of ingestion is the whole way, corrections included, and all of it arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from cim.platform.broker.schemas import READINGS, site_topics
from experiments.bench import data_ingest


def test_every_tenth_message_corrects_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same meters and instants with other values, so that a tenth of all readings are new versions of old ones."""
    monkeypatch.setattr(data_ingest, "METERS", 2)
    sent = list(data_ingest.messages(10))
    instants = [message["at_us"] for message in sent]
    assert instants[9] == instants[4]
    assert sent[9]["value"] != sent[4]["value"]
    assert len({repr(instant) for instant in instants}) == 9
    for message in sent:
        assert site_topics()[READINGS].pack(message)


@pytest.mark.slow
def test_all_that_is_sent_is_taken_and_can_be_queried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench itself counts what is there, and gives its three figures only where nothing is missing."""
    monkeypatch.setattr(data_ingest, "METERS", 5)
    monkeypatch.chdir(tmp_path)
    found = data_ingest.measure_ingest(False)
    assert set(found) == {"produce_per_s", "ingest_per_s", "ingest_per_cpu_s"}
    assert min(found.values()) > 0
    assert not list(tmp_path.iterdir())
