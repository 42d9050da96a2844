"""Tasks, their queue, and what outlives the orchestrator."""
