"""OCPP 2.0.1: what its messages mean to ILES (`heard.py`), and how ILES' requests are written in it (`requests.py`).

No other version of OCPP, and no decision about charging, lives here.
"""
