"""The market's messages as groups of DER in the CIM (IEC 61968-5) and back: dispatches, forecasts, meter readings.

Nothing is decided here, and nothing of a message is lost: what the CIM has no attribute for travels in `Names`.
"""

from market.der.dispatches import dispatch_of, message_of
from market.der.forecasts import baseline_of, forecast_of_baseline, forecast_of_prognosis, prognosis_of
from market.der.meterings import meter_reading_of, metering_of

__all__ = [
    "baseline_of",
    "dispatch_of",
    "forecast_of_baseline",
    "forecast_of_prognosis",
    "message_of",
    "meter_reading_of",
    "metering_of",
    "prognosis_of",
]
