"""Thousands of members in one process: exact kernels over arrays, sums out, and the coordinators that price the sums.

A single member's profile never lives outside its host here, and no actor of an ordinary role imports this (numba).
"""
