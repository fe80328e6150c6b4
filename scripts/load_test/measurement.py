"""A server of its own, warm, then loaded, then left alone."""

import sys
import tempfile

from scripts.benchmarks import client
from scripts.benchmarks.server_process import serving
from scripts.load_test.actions import MAX_UPLOAD_MB
from scripts.load_test.arguments import Plan
from scripts.load_test.job_log import JobLog
from scripts.load_test.load import load
from scripts.load_test.outcome import Outcome
from scripts.load_test.readings import MemoryCurve, counts, settled
from scripts.load_test.site import Site

FLAGS = (
    "--models=demo",
    "--log-format=json",
    f"--max-upload-mb={MAX_UPLOAD_MB}",
    # Fewer than by default: after the warm-up as many are kept as ever will be.
    "--max-stored-jobs=40",
)


def measure(plan: Plan) -> Outcome:
    """Takes the planned seconds, and what the jobs then take that were accepted last.

    Raises ServerFailed.
    """
    with tempfile.TemporaryFile("w+") as log:
        with serving(FLAGS, plan.host, log) as server:
            client.wait_until_ready(server.page_port, server.host)
            site = Site(server.host, server.page_port, server.api_port)
            _say(f"warming up for {plan.warm_up_seconds} s ...")
            warm = load(site, plan.clients, plan.warm_up_seconds, f"{plan.seed} warm-up")
            before = settled(server)
            _say(f"{plan.clients} clients for {plan.seconds} s ...")
            with MemoryCurve(server) as curve:
                journal = load(site, plan.clients, plan.seconds, plan.seed)
            after, counted = settled(server, before), counts(server)
        log.seek(0)
        jobs = frozenset(warm.jobs | journal.jobs)
        return Outcome(journal, jobs, before, after, curve.points, counted, JobLog.of(log))


def _say(what: str) -> None:
    print(what, file=sys.stderr)
