"""The kinds of flexible element, one module each behind one Protocol; `registry.element_kind` gives a kind's rules."""
