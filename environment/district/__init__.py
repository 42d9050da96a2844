"""Districts of any size, made by seed: rows of SimBench at copies of its grid, under a pilot site's market.

A district is a site file like any other; nothing here runs one, and no decision is made here.
"""

from environment.district.district import district, write_district
from environment.district.mix import PUBLISHED, Mix

__all__ = ["PUBLISHED", "Mix", "district", "write_district"]
