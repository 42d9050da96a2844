"""The language everyone speaks (IEC CIM) and the data platform that keeps what was said.

Nothing here decides, trades, touches a wire or knows Ray.
"""
