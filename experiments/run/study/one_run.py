"""One run of a study: the market of one day with one seed, beside its local column."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

from cim.platform.memory_store import MemoryStore
from cim.platform.publications.settlement import SettlementAnswered, SettlementTold, last_revisions
from cim.platform.publications.trading import OrderPlaced
from cim.platform.store import values
from experiments.run.columns.beside import RUNS
from experiments.run.columns.bills import bill_figures, made_whole_of, with_bills
from experiments.run.columns.column import ColumnName, column_of
from experiments.run.columns.figures import figures_of
from experiments.run.columns.relief import relief_of
from experiments.run.columns.settled import settled_and_true
from experiments.run.columns.undelivered import ordered_and_delivered, ordered_of_dso, undelivered_of
from experiments.run.dispatch.audit import audit
from experiments.run.dispatch.figures import dispatch_figures
from experiments.run.grid import evaluate
from experiments.run.run import run_site
from experiments.run.settings import RunSettings
from experiments.run.study.models import StudyRun
from market.rules import Control
from market.uftp import AcceptedDisputed


def run_once(settings: RunSettings, program: str, all_columns: bool) -> StudyRun:
    """Run and measure, in this process and without sockets; no report, and the ledger is read for the dispatch alone.

    Args:
        program: digest of what it is run with.
        all_columns: also those that are run once a day.
    """
    begun = time.process_time()
    store = MemoryStore(keep_readings=False)
    with tempfile.TemporaryDirectory(prefix="iles-") as folder:
        ledger = Path(folder) / "ledger.db"
        result = run_site(settings, ledger, store, Control.MARKET, lambda _: None)
        dispatch = dispatch_figures(audit(result, ledger))
    beside = {name: run(settings) for name, run in RUNS.items() if all_columns or name is ColumnName.LOCAL}
    columns, bills = with_bills(result, beside | {ColumnName.MARKET: column_of(result)})
    site, hours = result.site, result.site.isp_minutes / 60
    told, days = last_revisions(values(store, SettlementTold)), result.site_agents.rules.periods
    buyers = frozenset(party.domain for party in site.aggregators)
    answers = Counter(answer.disposition for told in values(store, SettlementAnswered) for answer in told.answers)
    local = columns[ColumnName.LOCAL]
    measured = {
        name: figures_of(site, columns[name], evaluate(site, columns[name].truth), bills[name].values(), days, local)
        for name in ColumnName
        if name in columns
    }
    of_dso, market = ordered_of_dso(site, store), columns[ColumnName.MARKET]
    traded = ordered_and_delivered(of_dso, hours)
    return StudyRun(
        program=program,
        day=result.site_agents.rules.first_day,
        seed=settings.seed,
        columns=measured,
        **traded,
        undelivered=undelivered_of(of_dso.values(), hours),
        orders=len(values(store, OrderPlaced)),
        disputes=answers[AcceptedDisputed.DISPUTED.value],
        bills=bill_figures(bills),
        made_whole=made_whole_of(columns[ColumnName.MARKET].payments, bills[ColumnName.MARKET]),
        settled_vs_true=settled_and_true(told, buyers, market, local, hours),
        relief=relief_of(measured, market, bills, traded["delivered_wh"], site.dso.domain, sorted(buyers)),
        dispatch=dispatch,
        cpu_s=round(time.process_time() - begun, 2),
    )
