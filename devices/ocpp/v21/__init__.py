"""OCPP 2.1, as far as it differs from 2.0.1: its schemas, energy both ways in a vehicle's needs, messages never answered.

What both versions say alike is read and written by `devices.ocpp.v201`, and checked against the schemas of 2.1 here.
"""
