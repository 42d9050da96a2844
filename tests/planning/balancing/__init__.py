"""What is bid as balancing energy."""
