"""The five columns of a run, each the same days with the same devices: idle, local, curtailment, market, foresight.

What is printed or drawn of them never lives here.
"""
