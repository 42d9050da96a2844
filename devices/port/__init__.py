"""What a device can do, whatever it speaks: the connection, one capability a module, the errors.

No wire and no protocol lives here.
"""
