"""The web portal: what a site's agents, grid and market are doing, over HTTP, to those who may see it.

No decision, no market rule and no agent lives here; a page only shows what the store holds and what the runtime tells of its hosts.
Who calls is found by `portal.guard` before any route or page runs; `portal.auth.caller.caller_of` gives it (docs/portal.md).
"""
