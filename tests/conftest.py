"""What all tests share: property tests are drawn from a fixed seed, the same on every machine, and never timed."""

from hypothesis import settings

settings.register_profile("iles", deadline=None, derandomize=True)
settings.load_profile("iles")
