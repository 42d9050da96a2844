"""What a customer pays for a day: dated tariffs, hourly prices, and a bill of lines.

Pure: energies and tariffs in, integer ten-thousandths of the currency unit out. No meter is read here and no site file known.
"""
