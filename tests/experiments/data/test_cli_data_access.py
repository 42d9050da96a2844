"""`iles data search | access | ask | consent | audit | erase` on a finished run's folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.platform.access.secured import Denied
from cim.platform.orchestrator.filing import file_run
from experiments.cli.data import app
from tests.worlds.data_folders import NOON, SITE, run_folder

WHOLE = replace(SITE, parties={"farm.example": "farm", "dso.example": "dso"}, dso="dso")
QUERY = {"name": "q", "attributes": ["usage_point", "begin", "value"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder with its data, a researcher and a tenant."""
    file_run(run_folder(tmp_path), WHOLE, NOON)
    others = {"researchers": {"lab": "study"}, "occupants": {"farm": ["tenant"]}}
    (tmp_path / "data" / "access").mkdir()
    (tmp_path / "data" / "access" / "principals.json").write_text(json.dumps(others))
    (tmp_path / "q.json").write_text(json.dumps(QUERY))
    return tmp_path


def ask(*words: str | Path) -> str:
    """What the command prints."""
    found = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def rows(folder: Path, party: str, *words: str) -> list[dict[str, object]]:
    """What a party is answered."""
    answer = ask("ask", folder, folder / "q.json", "--as", party, "--format", "json", "--rows", "1000", *words)
    found: list[dict[str, object]] = json.loads(answer)["rows"]
    return found


def test_the_same_query_as_each_party(folder: Path) -> None:
    """Farm, by name or domain, and its aggregator see meter and PV, the DSO the connections, the operator all."""
    counts = {who: len(rows(folder, who)) for who in ("farm", "farm.example", "tenant", "agr-east", "dso", "operator")}
    assert counts == {"farm": 32, "farm.example": 32, "tenant": 32, "agr-east": 32, "dso": 32, "operator": 48}
    assert {row["usage_point"] for row in rows(folder, "dso")} == {"farm", "lv"}
    with pytest.raises(Denied):
        ask("ask", folder, folder / "q.json", "--as", "lab", "--purpose", "research")


def test_search_finds_and_counts_what_is_the_partys(folder: Path) -> None:
    """The farm finds its own four series, the DSO the connections' four, and nobody counts another's."""
    for party, count in (("farm", 5), ("dso", 4), ("lab", 0)):
        found = json.loads(ask("search", folder, "--as", party, "--json"))
        assert (found["count"], len(found["hits"])) == (count, count)
    shown = ask("search", folder, "farm", "pv", "--as", "agr-east")
    assert "farm.pv" in shown
    assert "device: pv" in shown


def test_access_shows_the_policy(folder: Path) -> None:
    """In words: role, policies, attributes and the condition; or that nothing is seen."""
    shown = ask("access", folder, "--as", "dso")
    assert "dso-connections-of-its-grid: The DSO sees the connection meters" in shown
    assert "rows where: " in shown
    assert "sees nothing: no policy permits it" in ask("access", folder, "--as", "lab")
    assert json.loads(ask("access", folder, "--as", "farm", "--json"))["role"] == "prosumer"


def test_a_consent_from_the_command_line(folder: Path) -> None:
    """Given by name, listed as ODRL, given from a file, withdrawn; then it is gone. Whose it is the researcher is not told."""
    identity = ask("consent", "give", folder, "--as", "farm", "--to", "lab", "--scope", "devices").strip()
    (listed,) = json.loads(ask("consent", "list", folder, "--as", "farm"))
    assert listed["agreement"]["permission"][0]["target"] == ["urn:iles:usage-point:farm#devices"]
    seen = ask("access", folder, "--as", "lab", "--purpose", "research")
    assert "researcher-consented-devices" in seen
    assert "farm" not in seen
    assert rows(folder, "lab", "--purpose", "research") == []
    ask("consent", "withdraw", folder, identity, "--as", "farm")
    assert "sees nothing" in ask("access", folder, "--as", "lab", "--purpose", "research")
    agreement = listed["agreement"] | {"uid": "urn:example:2"}
    (folder / "odrl.json").write_text(json.dumps(agreement))
    assert ask("consent", "give", folder, "--as", "farm", "--odrl", folder / "odrl.json").strip() == "urn:example:2"


def test_the_audit_log_is_shown_and_checked(folder: Path) -> None:
    """Each access is a line; a party sees its own; the check says how many there are."""
    rows(folder, "farm")
    rows(folder, "operator")
    assert [entry["who"] for entry in json.loads(ask("audit", folder, "--json"))] == ["farm", "operator", "operator"]
    assert [entry["who"] for entry in json.loads(ask("audit", folder, "--as", "farm", "--json"))] == ["farm"]
    assert "3 accesses, each as it was written" in ask("audit", folder, "--check")


def test_erasure_takes_the_rows_and_what_is_found(folder: Path) -> None:
    """Without --yes nothing goes; with it the home's rows and documents are gone, the others stay, and it is written down."""
    ask("search", folder)
    with pytest.raises(BadInput, match="--yes"):
        ask("erase", folder, "farm")
    assert "readings: erased, 32 rows" in ask("erase", folder, "farm", "--as", "farm", "--yes")
    assert {row["usage_point"] for row in rows(folder, "operator")} == {"lv"}
    assert b"farm.pv" not in b"".join(path.read_bytes() for path in (folder / "data" / "readings").rglob("*.parquet"))
    assert "erased" in ask("audit", folder)
    assert {row["usage_point"] for row in json.loads(ask("datasets", folder, "--json"))} == {"lv"}
    (folder / "data" / "search" / "made_from").unlink()  # as newer documents would have it made anew
    found = json.loads(ask("search", folder, "--in", "kind:dataset", "--json"))
    assert {hit["owner"] for hit in found["hits"]} == {""}
    assert found["count"] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("access", "--as", "farm", "--purpose", "fun"),
        ("search", "--in", "place"),
        ("search", "--from", "2026-05-20"),
        ("consent", "give", "--as", "farm"),
        ("consent", "give", "--as", "farm", "--to", "nobody"),
        ("consent", "give", "--as", "farm", "--to", "lab", "--scope", "all"),
    ],
)
def test_wrong_words_are_a_sentence(folder: Path, words: tuple[str, ...]) -> None:
    """What is not understood is refused and said."""
    place = 2 if words[0] == "consent" else 1
    with pytest.raises(BadInput, match="expected"):
        ask(*words[:place], folder, *words[place:])


def test_a_mistake_in_the_principals_is_named(folder: Path) -> None:
    """A file of principals that does not fit stops with the place of the mistake."""
    (folder / "data" / "access" / "principals.json").write_text('{"researchers": ["lab"]}')
    with pytest.raises(BadInput, match="researchers"):
        ask("access", folder)
