"""Array types under names that say what they hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]  # [T] one value an interval, unless said otherwise
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
