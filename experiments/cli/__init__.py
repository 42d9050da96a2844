"""The `iles` command: options, help, and what is printed.

What a command does never lives here: that is in its own room.
"""
