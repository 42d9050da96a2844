"""What two other tools read of ILES' CIM files: `python docs/cim_readers.py strem.xml old.xml` (CGMES 3.0, CGMES 2.4.15)."""

import sys
from collections import Counter

import cimpy
import pandas as pd
import triplets  # noqa: F401 - gives pandas its reader

newer, older = sys.argv[1:]
frame = pd.read_RDF([newer])
objects = cimpy.cim_import([older], "cgmes_v2_4_15")["topology"].values()
for tool, kinds in (("triplets", frame[frame.KEY == "Type"].VALUE), ("cimpy", [type(one).__name__ for one in objects])):
    sys.stdout.write(f"{tool}: {dict(sorted(Counter(kinds).items()))}\n")
