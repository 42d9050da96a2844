"""Property tests here are the same on every run and on every machine: drawn from a fixed seed, never timed."""

from hypothesis import settings

settings.register_profile("environment", deadline=None, derandomize=True)
settings.load_profile("environment")
