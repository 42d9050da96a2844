"""Declarative mappings: a file says which columns of a source are which CIM readings, and the engine makes them, a block at a time.

Pure: bytes and rows in, readings and rejects out. No file is opened, no clock is read and no reading is kept here.
"""
