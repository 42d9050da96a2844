"""What people ask of agents, through the portal: typed requests, kept durably until the agent has answered each.

Nothing is decided here: the agent that is asked accepts or refuses, with a reason. Who may ask what, the portal says.
"""
