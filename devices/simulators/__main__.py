"""`python -m devices.simulators`: see `devices.simulators.process`."""

import sys

from devices.simulators.process import main

sys.exit(main())
