"""What stands where at each pilot site, read from YAML; every value says where it is from or that it is assumed.

No physics and no decision lives here.
"""

from environment.sites.loader import SiteFaults, known_sites, load_site
from environment.sites.network import build_limits, build_network
from environment.sites.schema import Prosumer, Site

__all__ = ["Prosumer", "Site", "SiteFaults", "build_limits", "build_network", "known_sites", "load_site"]
