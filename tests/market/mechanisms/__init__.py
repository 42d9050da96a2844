"""Tests of the market mechanisms."""
