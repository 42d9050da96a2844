"""A world of devices in plain arithmetic, behind the real device port: cheap enough for thousands of runs a minute.

There is no protocol here.
"""
