"""Dated values of the laws of energy sharing: reductions, limits, when what became lawful, each with its source.

How energy is shared never lives here; that is `market.community`.
"""

from environment.energy_sharing.tables import AustrianRules, SpanishRules, austrian_rules, row_on, spanish_rules

__all__ = ["AustrianRules", "SpanishRules", "austrian_rules", "row_on", "spanish_rules"]
