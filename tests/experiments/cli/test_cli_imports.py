"""What a command line must not load before it is told what to do."""

from __future__ import annotations

import subprocess
import sys

_HEAVY = ("pandas", "pyarrow", "duckdb", "deltalake", "tantivy", "sqlglot", "ray", "scipy", "cvxpy", "lightgbm")
_CODE = f"""
import runpy, sys
try:
    runpy.run_module("experiments.cli.main", run_name="__main__")
finally:
    print([name for name in {_HEAVY!r} if name in sys.modules])
"""


def test_help_loads_no_heavy_library() -> None:
    """`iles --help` and `iles data --help` answer without tables, solvers or Ray, so that they answer at once."""
    for words in (["--help"], ["data", "--help"]):
        done = subprocess.run([sys.executable, "-c", _CODE, *words], capture_output=True, text=True, check=True)
        assert "Usage:" in done.stdout
        assert done.stdout.splitlines()[-1] == "[]"
