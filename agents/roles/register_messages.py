"""What agents say to the market's registers and hear from them (S01): assets published, units applied with and found."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from market.assets.publication import AssetPublication
from market.ledger.records import Record
from market.register.units import RegisteredUnit


@wire("market.AssetsPublished")
@dataclass(frozen=True, slots=True)
class AssetsPublished:
    """A prosumer brings its assets to the market (S01)."""

    assets: tuple[AssetPublication, ...]


@wire("market.AssetsWithdrawn")
@dataclass(frozen=True, slots=True)
class AssetsWithdrawn:
    """A prosumer takes assets, by name, off the market."""

    names: tuple[str, ...]


@wire("market.PublishAgain")
@dataclass(frozen=True, slots=True)
class PublishAgain:
    """The register has lost everything that the ledger does not hold: publish your assets once more."""


@wire("market.RegisterEntry")
@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """A party's signed moves in the flexibility register: the record's body is a tuple of `UnitMove`."""

    record: Record


@wire("market.AssetQuery")
@dataclass(frozen=True, slots=True)
class AssetQuery:
    """An aggregator asks which units of its portfolio it may market."""

    owners: tuple[str, ...]


@wire("market.AssetList")
@dataclass(frozen=True, slots=True)
class AssetList:
    """The answer, in order of name."""

    units: tuple[RegisteredUnit, ...]
