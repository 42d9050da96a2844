"""The kinds of flexible element, one module each behind one Protocol; `registry.element_kind` gives a kind's rules.

No state lives here: what a prosumer knows of an element is given to its kind.
"""
