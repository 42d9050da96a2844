"""Provisioning: definitions, trees, answers."""
