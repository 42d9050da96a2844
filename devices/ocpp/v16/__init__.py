"""OCPP 1.6 (edition 2, with its security whitepaper): what its messages mean to ILES, and how requests are written in it.

A station of this version says nothing of what a vehicle needs: `devices.ocpp.state` says what is assumed then.
"""
