"""The `iles` command: options, help, and what is printed.

What a command does lives in its own room.
"""
