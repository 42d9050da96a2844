"""The cluster's files are accepted by Ray's own checks and keep the door shut: token on, dashboard off, fixed ports."""

from __future__ import annotations

import copy
import json
import re
import shlex
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
CLUSTER: dict[str, Any] = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text(encoding="utf-8"))


def blocks(kind: str) -> list[str]:
    """The code blocks of a kind in docs/cluster.md."""
    found: list[tuple[str, str, str]] = re.findall(r"^( *)```(\w*)\n(.*?)^\1```", DOCS, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for _, word, body in found if word == kind]


def starts(text: str) -> list[list[str]]:
    """The arguments of every `ray start` in a shell text."""
    joined = text.replace("\\\n", " ")
    found = []
    for line in joined.splitlines():
        _, start, arguments = line.partition("ray start ")
        if start:
            found.append(shlex.split(arguments, comments=True))
    return found


YAML_STARTS = [
    starts(line)[0]
    for kind in ("head", "worker")
    for line in CLUSTER[f"{kind}_start_ray_commands"]
    if "ray start" in line
]
ALL_STARTS = YAML_STARTS + [arguments for block in blocks("sh") for arguments in starts(block)]


def test_rays_own_validator_accepts_the_cluster_file() -> None:
    """Prepared as `ray up` does it: defaults filled in, nodes counted, checked against Ray's schema."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(copy.deepcopy(CLUSTER))
    validate_config(config)
    node = config["available_node_types"]["local.cluster.node"]
    assert (node["min_workers"], node["max_workers"]) == (2, 2)


def test_rays_validator_would_say_no() -> None:
    """The check above is one: a key Ray does not know is refused."""
    import jsonschema
    from ray.autoscaler._private.util import prepare_config, validate_config

    with pytest.raises(jsonschema.ValidationError):
        validate_config(prepare_config({**copy.deepcopy(CLUSTER), "worker_nodes_ips": []}))


@pytest.mark.parametrize("arguments", ALL_STARTS, ids=lambda a: " ".join(a)[:40])
def test_ray_start_knows_every_flag(arguments: list[str]) -> None:
    """In the cluster file and in the docs: parsed by Ray's own command line, without starting it."""
    from ray.scripts.scripts import start

    known = [argument.replace("$ILES_RESOURCES", "{}").replace("$ILES_NODE_IP", "192.0.2.10") for argument in arguments]
    given = start.make_context("start", known).params
    assert given["node_ip_address"]
    assert not given["include_dashboard"]
    assert given["include_dashboard"] is False or not given["head"]
    assert given["dashboard_host"] in (None, "localhost", "127.0.0.1")
    for port in ("object_manager_port", "node_manager_port", "runtime_env_agent_port", "min_worker_port"):
        assert given[port], f"{port} is not fixed, so no firewall can name it"
    json.loads(given["resources"])


def test_both_ways_of_starting_are_there() -> None:
    """A head and a worker in the cluster file, a head and a worker by hand."""
    assert [("--head" in arguments) for arguments in ALL_STARTS] == [True, False, True, False]


def test_the_token_is_asked_for_on_every_node() -> None:
    """Each start sets token mode, and the token comes from a file, never from this one."""
    for kind in ("head", "worker"):
        command = CLUSTER[f"{kind}_start_ray_commands"][-1]
        assert "RAY_AUTH_MODE=token" in command
        assert "RAY_AUTH_TOKEN=" not in command
    assert any(remote.endswith("/.ray/auth_token") for remote in CLUSTER["file_mounts"])


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_start_commands_are_shell_and_stop_where_the_node_says_nothing(kind: str, tmp_path: Path) -> None:
    """They parse, and without the node's own file Ray is not started on a guessed interface."""
    command = CLUSTER[f"{kind}_start_ray_commands"][-1]
    subprocess.run(["bash", "-n", "-c", command], check=True)
    missing = command.replace("/etc/iles/node.env", str(tmp_path / "none")).replace(".venv/bin/ray", "echo started")
    done = subprocess.run(["bash", "-c", missing], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "started" not in done.stdout


def test_what_a_node_says_of_itself_reaches_ray_in_one_piece(tmp_path: Path) -> None:
    """The node file of the docs, run through the start command: address and resources arrive as they were written."""
    node = next(block for block in blocks("") if "ILES_NODE_IP" in block)
    (tmp_path / "node.env").write_text(node, encoding="utf-8")
    ray = "python3 -c 'import sys; print(*sys.argv[1:], sep=chr(10))'"
    command = CLUSTER["worker_start_ray_commands"][-1]
    command = command.replace("/etc/iles/node.env", str(tmp_path / "node.env")).replace(".venv/bin/ray", ray)
    command = command.replace("cd /home/iles/iles", "true").replace("ulimit -n 65536", "true")
    shell = ["bash", "-c", f"export RAY_HEAD_IP=192.0.2.10; {command}"]
    told = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "--address=192.0.2.10:6380" in told
    assert "--node-ip-address=192.0.2.11" in told
    resources = next(line.partition("=")[2] for line in told if line.startswith("--resources="))
    assert json.loads(resources) == {"site-strem": 1, "wire-strem": 1}


def test_nodes_are_set_up_from_the_lock_by_the_makefile() -> None:
    """The target that the cluster file makes is the one that installs with hashes."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "$(VENV)/.installed: requirements.lock" in makefile
    assert "VENV := .venv" in makefile
    assert any(command.endswith(".venv/.installed") for command in CLUSTER["setup_commands"])


def test_addresses_are_examples() -> None:
    """Nobody's machines are named."""
    provider = CLUSTER["provider"]
    assert all(ip.startswith("192.0.2.") for ip in [provider["head_ip"], *provider["worker_ips"]])


def _pods(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    spec = manifest["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_on_kubernetes_every_pod_takes_the_token_from_the_secret_and_shows_no_dashboard() -> None:
    """The manifest of docs/cluster.md: token mode in each container, no dashboard port, custom resources that are JSON."""
    manifests = [document for block in blocks("yaml") for document in yaml.safe_load_all(block)]
    ray = next(manifest for manifest in manifests if manifest["kind"] == "RayCluster")
    for pod in _pods(ray):
        environment = {entry["name"]: entry for entry in pod["containers"][0]["env"]}
        assert environment["RAY_AUTH_MODE"]["value"] == "token"
        assert "secretKeyRef" in environment["RAY_AUTH_TOKEN"]["valueFrom"]
        assert not {port["containerPort"] for port in pod["containers"][0].get("ports", ())} & {8265, 10001}
    assert ray["spec"]["headGroupSpec"]["rayStartParams"]["include-dashboard"] == "false"
    offered = [group["rayStartParams"].get("resources") for group in ray["spec"]["workerGroupSpecs"]]
    wires = [json.loads(json.loads(text)) for text in offered if text]
    assert {"site-strem": 1, "wire-strem": 1} in wires
    assert any(manifest["kind"] == "NetworkPolicy" for manifest in manifests)


def test_the_ports_in_the_docs_are_those_of_the_files() -> None:
    """Whoever writes a firewall from the table opens what is used."""
    for arguments in YAML_STARTS:
        for argument in arguments:
            for port in re.findall(r"port=(\d+)", argument):
                assert port in DOCS, f"port {port} of {argument} is not in docs/cluster.md"
