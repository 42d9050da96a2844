"""Which profiles of the pack a load or a device follows: one, or the mean of several, so that many homes are not one."""

from __future__ import annotations

from environment.sites.ratings import Part, WholeNotNegative


class Strand(Part):
    """A profile, or the same profile some whole weeks later: weekday and hour stay, another home's days are had."""

    column: str
    weeks_later: WholeNotNegative | None = None

    @property
    def weeks(self) -> int:
        """How many weeks later its days are taken."""
        return 0 if self.weeks_later is None else int(self.weeks_later.value)


class Shaped(Strand):
    """Follows its own profile, or the mean of it and `others`."""

    others: tuple[Strand, ...] = ()

    @property
    def strands(self) -> tuple[tuple[str, int], ...]:
        """(profile, weeks later) of all that it is the mean of."""
        return tuple((strand.column, strand.weeks) for strand in (self, *self.others))
