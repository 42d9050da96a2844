"""DuckDB as this room uses it: in memory, bounded, its overflow in the machine's folder for such."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

MEMORY = "1GB"


def connect(memory: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """A database of its own that reads nothing by itself.

    Args:
        memory: that it may take before it goes to the disk.
    """
    import duckdb

    overflow = Path(tempfile.gettempdir()) / "iles-duckdb"
    connection = duckdb.connect(
        config={
            "memory_limit": memory,
            "temp_directory": str(overflow),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection
