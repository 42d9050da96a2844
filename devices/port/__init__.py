"""What a device can do, whatever it speaks; every driver implements it.

No wire and no protocol lives here.
"""
