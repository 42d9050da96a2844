"""Points are measured once, in processes of their own, and kept whole or not at all."""

import os
from pathlib import Path

import pytest

from experiments.bench.figures import Figures
from experiments.scale.points import Kept, Point, measured, peak_mb, sizes_up_to


def count(folder: Path, value: int) -> Figures:
    """A measurement that leaves a trace of each time it is made."""
    with (folder / "trace").open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    return {"value": value}


def memory(megabytes: int) -> Figures:
    """What a process that takes so much says of itself."""
    taken = bytearray(megabytes * 1_000_000)
    return {"mb": peak_mb(), "taken": len(taken)}


def fail(folder: Path, value: int) -> Figures:
    """One that does not end well."""
    raise ValueError(f"{folder} {value}")


def test_each_point_has_a_process_of_its_own(tmp_path: Path) -> None:
    """Two points are measured by two processes, neither of them this one, and found by kind and key."""
    points = [Point("day", str(value), count, (tmp_path, value)) for value in (1, 2)]
    told: list[str] = []
    found = measured(points, Kept(None, "a"), told.append)
    assert found == {"day": {"1": {"value": 1}, "2": {"value": 2}}}
    processes = (tmp_path / "trace").read_text(encoding="utf-8").split()
    assert len({*processes, str(os.getpid())}) == 3
    assert told == ["day 1 (1 of 2)", "day 2 (2 of 2)"]


def test_what_is_kept_is_not_measured_again(tmp_path: Path) -> None:
    """A second run takes what the first has kept; another program or other arguments count as not measured."""
    point = Point("day", "1", count, (tmp_path, 1))

    def run(program: str, one: Point) -> int:
        measured([one], Kept(tmp_path / "kept", program), lambda _: None)
        return len((tmp_path / "trace").read_text(encoding="utf-8").split())

    assert [run("a", point), run("a", point)] == [1, 1]
    assert run("b", point) == 2
    assert run("b", Point("day", "1", count, (tmp_path, 7))) == 3


def test_a_run_that_is_stopped_goes_on(tmp_path: Path) -> None:
    """What was finished before a failure is there, the rest is not, and nothing unfinished counts."""
    kept = Kept(tmp_path / "kept", "a")
    good, bad = Point("day", "1", count, (tmp_path, 1)), Point("day", "2", fail, (tmp_path, 2))
    with pytest.raises(ValueError, match="2"):
        measured([good, bad], kept, lambda _: None)
    (tmp_path / "kept" / bad.file).write_text('{"program": "a", "fig', encoding="utf-8")
    assert kept.get(good) == {"value": 1}
    assert kept.get(bad) is None


@pytest.mark.parametrize(
    ("most", "between", "sizes"),
    [
        (10, False, (10,)),
        (1000, False, (10, 100, 1000)),
        (1000, True, (10, 30, 100, 300, 1000)),
        (500, False, (10, 100, 500)),
        (20, True, (10, 20)),
    ],
)
def test_sizes_are_powers_of_ten_up_to_the_last(most: int, between: bool, sizes: tuple[int, ...]) -> None:
    """The largest is what was asked for."""
    assert sizes_up_to(most, between=between) == sizes


def test_a_points_memory_is_its_own() -> None:
    """A small point is not told to have held what this process or another point holds."""
    held = bytearray(300_000_000)
    points = [Point("day", str(size), memory, (size,)) for size in (400, 1)]
    found = measured(points, Kept(None, "a"), lambda _: None)["day"]
    assert len(held) == 300_000_000
    large, small = (float(found[key]["mb"]) for key in ("400", "1"))  # type: ignore[arg-type]
    assert large - small == pytest.approx(399_000_000 / 2**20, rel=0.1)
