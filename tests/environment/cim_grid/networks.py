"""Feeders of any shape, for tests of what must hold for all of them."""

from __future__ import annotations

from hypothesis import strategies as st

from environment.feeder import Line, Network, Node, Transformer

NAMES = st.text("abXY09äß &<\"'-.", min_size=1, max_size=6).map(str.strip).filter(bool)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A tree of two to six nodes, each below an earlier one by a line or a transformer, perhaps with one line more."""
    count = draw(st.integers(2, 6))
    names = draw(st.lists(NAMES, min_size=count, max_size=count, unique=True))
    branches = draw(st.lists(NAMES, min_size=count, max_size=count, unique=True))
    nominal = [20_000.0]
    lines: list[Line] = []
    transformers: list[Transformer] = []
    for index in range(1, count):
        above = draw(st.integers(0, index - 1))
        if draw(st.booleans()):
            nominal.append(nominal[above])
            lines.append(_line(draw, branches[index], names[above], names[index]))
        else:
            nominal.append(nominal[above] / draw(st.sampled_from([1.0, 2.0, 50.0])))
            transformers.append(
                _transformer(draw, branches[index], (names[above], names[index]), (nominal[above], nominal[index]))
            )
    beside = [(0, i) for i in range(1, count) if nominal[i] == nominal[0]]
    if beside and draw(st.booleans()):
        one, other = draw(st.sampled_from(beside))
        lines.append(_line(draw, branches[0], names[one], names[other]))
    nodes = tuple(Node(name, volts) for name, volts in zip(names, nominal, strict=True))
    return Network(nodes, tuple(lines), tuple(transformers), names[0], draw(st.floats(0.95, 1.05)))


def _line(draw: st.DrawFn, name: str, start: str, end: str) -> Line:
    r_ohm, x_ohm = draw(st.floats(0.001, 2)), draw(st.floats(0, 2))
    return Line(name, start, end, r_ohm, x_ohm, draw(st.floats(0, 300)), draw(st.floats(1, 900)))


def _transformer(draw: st.DrawFn, name: str, ends: tuple[str, str], volts: tuple[float, float]) -> Transformer:
    """Losses are less than the whole of uk and i0, as in any transformer."""
    rated_va, uk_pct, i0_pct = draw(st.floats(50e3, 40e6)), draw(st.floats(1, 15)), draw(st.floats(0.05, 3))
    return Transformer(
        name,
        ends[0],
        ends[1],
        rated_va,
        volts[0],
        volts[1],
        uk_pct,
        draw(st.floats(0.01, 0.9)) * uk_pct / 100 * rated_va,
        draw(st.floats(0, 0.9)) * i0_pct / 100 * rated_va,
        i0_pct,
        draw(st.integers(0, 11)),
        draw(st.integers(-20, 20)),
        draw(st.floats(0.1, 2.5)),
    )
