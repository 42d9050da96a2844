"""What members gain by being dispatched together, shared by a named rule, and the check that nobody is worse off than alone.

Costs come in as whole ten-thousandths of the currency unit, and a coalition's cost by a function: no optimiser lives here,
and no rule ever sees a member's profile, state or wishes.
"""
