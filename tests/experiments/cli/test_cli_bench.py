"""`iles bench`: the peers it measures itself against."""

from __future__ import annotations

import math

import pytest

from cim.model.errors import BadInput
from experiments.bench import peers
from experiments.cli import bench
from experiments.cli.bench import messages


@pytest.mark.parametrize(("package", "module"), [("mango-agents", "mango"), ("frequenz-channels", "frequenz")])
def test_a_peer_that_is_not_installed_is_named_before_anything_runs(package, module, monkeypatch):
    """One sentence with the package and the extra that brings it."""
    monkeypatch.setattr(bench, "find_spec", lambda name: None if name == module else object())
    with pytest.raises(BadInput, match=rf"bench: {package} is not installed; expected the extra `bench`"):
        messages()


@pytest.mark.filterwarnings(
    "ignore:Please use BroadcastChannel instead"
)  # frequenz warns of its own use of the old one
@pytest.mark.parametrize(
    ("library", "rate"), [("mango", peers.mango_local), ("frequenz.channels", peers.frequenz_local)]
)
def test_a_peer_in_one_process_handles_every_message(library, rate):
    """Each of them ends, which it does only once every message was handled, and gives a rate."""
    pytest.importorskip(library)
    assert math.isfinite(rate(10, 3))
    assert rate(10, 3) > 0
