"""The UFTP edge: XML, sealing, its route and sender. Without the library that it stands on, these tests are skipped.

In CI a skip is a failure.
"""
