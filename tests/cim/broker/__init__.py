"""Topics on a real server of our own."""
