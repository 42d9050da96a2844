"""One building's whole problem in one programme: battery, vehicle, plant, room and connection together (cvxpy, OSQP).

The fast kernels of `dispatch/packed` answer one device each and are held to this; no other building's data ever comes here.
"""
