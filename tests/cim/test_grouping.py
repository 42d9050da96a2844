"""Items by what they have in common."""

from cim.model.grouping import grouped


def test_groups_keep_the_order_of_keys_and_items() -> None:
    """Keys come as they are first met, and items of a key in their order."""
    found = grouped([3, 10, 5, 12, 7], lambda number: number % 2)
    assert list(found.items()) == [(1, (3, 5, 7)), (0, (10, 12))]


def test_nothing_makes_no_group() -> None:
    """Of nothing there is no key."""
    assert grouped([], len) == {}
