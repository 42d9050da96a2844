"""A year of measured-like quarter-hour profiles and the grids they belong to, and where they come from.

No forecast and no physical state lives here.
"""

LICENCE = """# Licence of the data in this folder

The database is made available under the Open Database License (ODbL) 1.0:
<https://opendatacommons.org/licenses/odbl/1-0/>. Rights in individual contents of the database are licensed under the
Database Contents License (DbCL) 1.0: <https://opendatacommons.org/licenses/dbcl/1-0/>.

A derived database that you publish must stay under the ODbL and keep this notice and the attribution beside it. The
licence covers the data only; the software around it has its own licence.
"""

ATTRIBUTION = """# Attribution

Contains information from SimBench, which is made available here under the Open Database License (ODbL).
Grids: {codes}.

SimBench: S. Meinecke, D. Sarajlić, S. R. Drauz, A. Klettke, L.-P. Lauven, C. Rehtanz, A. Moser, M. Braun,
"SimBench – A Benchmark Dataset of Electric Power Systems to Compare Innovative Solutions Based on Power Flow
Analysis", Energies 13(12), 3290, 2020. University of Kassel, Fraunhofer IEE, RWTH Aachen University, TU Dortmund
University. <https://simbench.de>

Changed from the original: only the fields ILES uses are kept; powers, impedances and energies are given in SI units;
local times (Europe/Berlin) were converted to UTC instants; profile values are float32, per unit as published.
"""
