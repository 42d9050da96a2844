"""A site becomes agents, devices and a runtime: the one place that picks runtime, journal, wire and simulators.

No decision of an agent, no market rule and no command line lives here.
"""
