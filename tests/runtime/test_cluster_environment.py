"""Ray is started where nobody else can reach it, or asks for a token; what is missing is one sentence."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import pytest

from agents.runtime.ray.start import prepare_ray, start_ray
from cim.model.errors import BadInput

_RAYS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path) -> Iterator[None]:
    with mock.patch.dict(os.environ):
        for name in _RAYS:
            os.environ.pop(name, None)
        os.environ["HOME"] = str(tmp_path)
        yield


def test_on_one_machine_there_is_a_token_loopback_and_no_telemetry() -> None:
    """Every start has a token of its own, and Ray is kept from taking 127.0.0.1 for the machine's outward address."""
    prepare_ray()
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_settings_that_are_there_stay() -> None:
    """An operator's own token and mode count."""
    os.environ |= {"RAY_AUTH_TOKEN": "mine", "RAY_USAGE_STATS_ENABLED": "1"}
    prepare_ray()
    assert (os.environ["RAY_AUTH_TOKEN"], os.environ["RAY_USAGE_STATS_ENABLED"]) == ("mine", "1")


@pytest.mark.parametrize("mode", ["disabled", ""])
def test_without_authentication_nothing_listens_beyond_this_machine(mode: str) -> None:
    """Neither an own Ray on another interface nor a cluster elsewhere is touched without a token; loopback may do."""
    os.environ["RAY_AUTH_MODE"] = mode
    with pytest.raises(BadInput, match=r"host '192\.0\.2\.10' can be reached from other machines"):
        start_ray(node_ip="192.0.2.10")
    with pytest.raises(BadInput, match=r"RAY_AUTH_MODE is not token.*'head\.example'"):
        start_ray("head.example:6379")
    os.environ["RAY_ADDRESS"] = "192.0.2.10:6379"
    with pytest.raises(BadInput, match="needs authentication"):
        start_ray()
    prepare_ray("[::1]:6379")
    assert "RAY_AUTH_TOKEN" not in os.environ


@pytest.mark.parametrize("address", ["192.0.2.10:6379", "127.0.0.1:6379", "auto", "ray://192.0.2.10:10001"])
def test_a_cluster_is_not_joined_with_a_token_made_up(address: str) -> None:
    """Its own token is asked for, wherever Ray looks for one."""
    with pytest.raises(BadInput, match="expected the cluster's token in RAY_AUTH_TOKEN"):
        start_ray(address)
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_an_own_ray_for_other_machines_needs_a_token_they_can_know() -> None:
    """One made up here would keep everybody out."""
    with pytest.raises(BadInput, match=r"none was found for '192\.0\.2\.10'"):
        start_ray(node_ip="192.0.2.10")


def test_the_token_may_lie_in_a_file(tmp_path: Path) -> None:
    """In the file that is named, or in Ray's own place; an empty or missing named file is said so."""
    named = tmp_path / "token"
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(named)
    for content in (None, " \n"):
        if content is not None:
            named.write_text(content)
        with pytest.raises(BadInput, match="RAY_AUTH_TOKEN_PATH: no token can be read"):
            prepare_ray("192.0.2.10:6379")
    named.write_text("a" * 64)
    prepare_ray("192.0.2.10:6379")
    del os.environ["RAY_AUTH_TOKEN_PATH"]
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("a" * 64)
    prepare_ray("192.0.2.10:6379")
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_rays_dashboard_is_never_public() -> None:
    """Not even with a token: it travels in clear, and who has it runs code."""
    os.environ["RAY_AUTH_TOKEN"] = "a" * 64
    with pytest.raises(BadInput, match=r"Ray's dashboard: host '0\.0\.0\.0'.*expected a loopback address"):
        start_ray(dashboard_host="0.0.0.0")


@pytest.mark.skipif(find_spec("aiohttp_cors") is not None, reason="Ray's dashboard is installed here")
def test_a_dashboard_that_is_not_installed_is_one_sentence() -> None:
    """Its packages do not come with ILES."""
    with pytest.raises(BadInput, match="it is not installed"):
        start_ray(dashboard_host="127.0.0.1")


def test_nothing_at_the_address_is_one_sentence_at_once() -> None:
    """Ray itself would try for minutes; also for an address without a port."""
    os.environ["RAY_AUTH_TOKEN"] = "a" * 64
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    for address in (f"127.0.0.1:{port}", "localhost", "localhost:ray"):
        with pytest.raises(BadInput, match=r"cannot be reached .* expected HOST:PORT of a running head"):
            start_ray(address)
