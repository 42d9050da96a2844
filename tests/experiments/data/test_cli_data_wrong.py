"""Wrong input to `iles data ...` gets one plain sentence and exit code 2: never a traceback, a regular expression or a shrug."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from cim.platform.orchestrator.filing import file_run
from cim.platform.readings.storage import Storage, store_at
from experiments.cli.main import main
from tests.worlds.data_folders import NOON, SITE, run_folder

ADDRESS = "expected s3://BUCKET/PATH, the bucket in small letters, for example s3://strem-data/readings"
NAMES = "expected letters, digits, . _ -, the first a letter or digit, at most 64"
QUERY_NAMES = "expected small letters, digits, _ -, the first a letter, at most 60"
WRONG = {
    "store new ftp://x": f"store: address 'ftp://x'; {ADDRESS}",
    "store new s3://Bucket/x": f"store: address 's3://Bucket/x'; {ADDRESS}",
    "store new s3://bucket/x --endpoint http://far.example": "--endpoint 'http://far.example'; expected https://HOST",
    "store new s3://bucket/x --region EU": "--region 'EU'; expected a region such as us-east-1",
    "store a-file s3://bucket/x": "storage.yaml cannot be written (Not a directory); expected a folder with room",
    "store run s3://bucket/x": "keeps its readings already; expected a folder without",
    "add a-file SOURCE": "cannot be made (Not a directory); expected a data folder",
    "add run source.yaml": f"line 1, name 'a b': {NAMES}",
    "sources broken": "sources.sqlite cannot be read (file is not a database); expected a register of sources",
    "status broken": "tasks.sqlite cannot be read (file is not a database); expected an orchestrator's file",
    "datasets broken": "documents.sqlite cannot be read (file is not a database); expected a store of documents",
    "query run --from 2026-05-21 --to 2026-05-20": "expected an end behind the begin",
    "query run --type nosuch": "type 'nosuch'; expected a ReadingType code or one of power_w",
    "query run --by hour --revisions": "--revisions with --by hour; expected one of them",
    "export run out.txt": "out.txt ends with '.txt'; expected one of .parquet, .csv",
    "suggest binary": "no column looks like a time; expected one, but there are '\\x00",
    "suggest empty": "the file is empty; expected a header and rows",
    "try a-file": "line 1: expected fields such as name: and format:",
    "quarantine run --source nosuch": "--source 'nosuch' is not known; expected one of none",
    "pause run nosuch": "source 'nosuch' is not known; there are none",
    "keep run --days 99999999999": "Input should be less than or equal to 36500",
    "query away": "s3://iles/away cannot be reached (",
    "datasets away": "s3://iles/away cannot be reached (",
    "suggest lastgang.csv --out no/such/mapping.yaml": "--out no/such/mapping.yaml cannot be written (No such file or directory)",
    "search run x --in nosuch:x": "search: no field 'nosuch'; expected some of kind, place, device, owner, quality",
    "access run --as nobody": "'nobody' may not read 'readings'",
    "ask run named.json": f"query definition: name: {QUERY_NAMES}",
    "ask run compared.json": "could not convert string 'abc' to DOUBLE; expected values that go with their columns",
    "consent give run --as farm --to nobody": "'nobody' is not known here; expected the name of a party of this site",
    "erase run nosuch --yes": "erase: 'nosuch' is no usage point here; `iles data datasets",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, a broken copy of it, and files of all kinds."""
    place = tmp_path_factory.mktemp("wrong")
    file_run(run_folder(place / "run"), SITE, NOON)
    shutil.copytree(place / "run", place / "broken")
    for name in ("documents.sqlite", "tasks.sqlite", "ingestion/sources.sqlite"):
        (place / "broken" / "data" / name).parent.mkdir(exist_ok=True)
        (place / "broken" / "data" / name).write_bytes(b"this is no database " * 100)
    (place / "a-file").write_text("a;b\n1;2\n")
    (place / "binary").write_bytes(bytes(range(256)) * 10)
    (place / "empty").write_text("")
    shutil.copy(Path(__file__).parents[3] / "docs" / "data" / "lastgang.csv", place)
    store_at(place / "away", Storage(readings="s3://iles/away", endpoint="http://127.0.0.1:1"))
    (place / "source.yaml").write_text('name: "a b"\nfrom: {kind: files, path: x}\nretrieval: once\nmapping: m.yaml\n')
    (place / "named.json").write_text('{"name": "Q Q", "attributes": ["value"]}')
    asked = '{"name": "q", "attributes": ["value"], "filters": [{"column": "value", "test": ">", "value": "abc"}]}'
    (place / "compared.json").write_text(asked)
    return place


@pytest.mark.parametrize("words", WRONG)
def test_it_is_one_sentence(
    words: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which field, which value, what was expected; exit code 2, and nothing on the other stream."""
    source = str(Path(__file__).parents[3] / "docs" / "data" / "lastgang.yaml")
    monkeypatch.setattr("cim.platform.readings.storage._OPTIONS", {"timeout": "1s", "max_retries": "0"})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(sys, "argv", ["iles", "data", *words.replace("SOURCE", source).split()])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert WRONG[words].lower() in err.lower()
    assert "match pattern" not in err
    assert len([line for line in err.splitlines() if line.startswith("iles:")]) == (0 if "Usage" in err else 1)
