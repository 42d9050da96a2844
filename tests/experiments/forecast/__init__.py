"""Tests of `experiments.forecast`. Nothing else lives here."""
