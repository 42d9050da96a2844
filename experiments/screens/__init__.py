"""Looks at the portal's pages as people see them: screenshots through Debian's Chromium.

No page and no figure is made here.
"""
