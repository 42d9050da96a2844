"""The messaging pipeline: topics on Redis streams, with schemas, producers, groups of consumers, replay and safe trimming.

It knows no reading's meaning and no table; what becomes of messages is for those who consume them.
"""
