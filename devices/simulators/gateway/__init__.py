"""Simulated S2 resource managers: a building gateway over any `HeatPumpRoom`, an appliance over any `ProgrammeUnit`.

No physics lives here, and nothing of the CEM.
"""
