"""What `iles data` shows and does with a run's or site's data folder.

No table's rules live here, only what is asked for in words and how it looks.
"""
