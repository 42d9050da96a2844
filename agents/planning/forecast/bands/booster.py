"""Quantiles by gradient boosting (LightGBM): one model a chance, on the residual against the seasonal naive, then sorted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cim.model.arrays import Floats

if TYPE_CHECKING:
    import lightgbm

CHANCES = (0.1, 0.5, 0.9)
_ROUNDS = 50
_LEAST_SCALE = 1e-6


@dataclass(frozen=True)
class Boosters:
    """Fitted models.

    Attributes:
        scale_w: of the residuals; models are fitted to residuals over it, so that all series look alike to them.
    """

    scale_w: float
    models: tuple[lightgbm.Booster, ...]

    def predict(self, features: Floats, naive_w: Floats) -> Floats:
        """[..., 3] watts, ascending, of `features` [..., F] beside the naive [...]."""
        rows = features.reshape(-1, features.shape[-1])
        residual = np.stack([np.asarray(model.predict(rows, num_threads=1)) for model in self.models], axis=-1)
        found: Floats = np.sort(naive_w[..., None] + self.scale_w * residual.reshape(*naive_w.shape, -1), axis=-1)
        return found


def fit_boosters(features: Floats, naive_w: Floats, values_w: Floats) -> Boosters:
    """Models of what `values_w` [...] were beside the naive [...], by `features` [..., F].

    The same rows give the same models: one thread, nothing drawn.
    """
    import lightgbm

    residual = (values_w - naive_w).ravel()
    scale_w = max(float(np.std(residual)), _LEAST_SCALE)
    data = lightgbm.Dataset(
        features.reshape(-1, features.shape[-1]),
        residual / scale_w,
        params={"verbose": -1, "max_bin": 127, "num_threads": 1},
    )
    return Boosters(scale_w, tuple(lightgbm.train(_parameters(chance), data, _ROUNDS) for chance in CHANCES))


def _parameters(chance: float) -> dict[str, object]:
    return {
        "objective": "quantile",
        "alpha": chance,
        "learning_rate": 0.08,
        "num_leaves": 24,
        "min_data_in_leaf": 60,
        "feature_fraction": 0.8,
        "seed": 1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
