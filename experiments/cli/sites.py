"""What every command's help says of its site; a constant, because help must not import what reads sites."""

SITES = ("el_realengo", "strem")  # those that ship; a test holds them to `environment.sites.known_sites`
SITE_HELP = f"A known site ({', '.join(f'`{name}`' for name in SITES)}) or the path of a site file."
