"""Search: what is found, and by whom."""
