"""A site's grid and devices as objects of the CIM, and grids of the CIM as feeders and sites of ours.

How objects stand in a file is never decided here (see `cim.codec.rdf`), nor what a site file may say.
"""
