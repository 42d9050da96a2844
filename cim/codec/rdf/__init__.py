"""CIM RDF/XML (IEC 61970-552): objects of `cim.model` written, and files of anybody read back into them.

What an object means, and which objects make a grid, is never decided here.
"""
