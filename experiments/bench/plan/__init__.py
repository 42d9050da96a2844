"""`iles bench plan`: one plan for many scenarios, a day ahead and rolling, beside its extensive form.

What is measured is never here: it is the product's own `agents.planning.microgrid`.
"""
