"""What charging stations and building gateways have in common: they dial us, over WebSocket.

No protocol of theirs (OCPP, S2) lives here.
"""
