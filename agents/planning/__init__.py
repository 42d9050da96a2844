"""How agents decide: local flexibility models, virtual power plants by ADMM, forecasts, safety analysis, offer selection.

No I/O, no Ray and no agent's state lives here; whatever needs a solver is a job (`agents.planning.jobs`), not an import.

Units inside planning: kW, kWh, ISPs, and euro cents (prices in ct/kWh); the roles round to the market's integers.
"""
