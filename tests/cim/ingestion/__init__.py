"""Sources, their schedule and their retrieval."""
