"""Hosts in processes of this machine, each with its own part of the simulated site, joined by sockets. Nothing here is durable
or waits for a clock: for simulated time alone.
"""
