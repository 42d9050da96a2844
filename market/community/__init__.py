"""Energy shared in a community by law: who used whose kilowatt-hours in each interval, and what each member pays.

Pure: meter values, rates and dated limits in, integer watt-hours and ten-thousandths of the currency unit out. `austria/`
and `spain/` hold one country's rules each and know nothing of each other. No site file, table of rates, page of a portal
or solver lives here, and nothing here is advice: bills for real people need a lawyer first.
"""
