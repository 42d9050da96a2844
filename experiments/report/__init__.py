"""The report of a run: one HTML file that opens offline and tells what happened, figure by figure.

Nothing is decided, simulated or settled here: every number is taken or summed from what the run left behind.
"""

from experiments.report.page import write_report

__all__ = ["write_report"]
