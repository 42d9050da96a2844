"""Who a caller is: people's passwords and sessions, and what each role may open.

No data and no page of the site is here, and no password is kept in clear; `portal.guard` asks this room before anything else runs.
"""
