"""Buildings without S2, over MQTT 5 with Home Assistant's discovery: what a device announces, as readings and one limit.

No topic of ILES' own (those are the platform's broker), no guess about which of several sensors is meant, no templates run.
"""
