"""Review: may the challenger be promoted, and who says so? Today the gate decides; nobody is asked.

In: the verdict. Out: an approval. Only `promote` is approved: `inconclusive` and `blocked` mean no. Safe to run again.
"""

from include.models.contract import Model
from include.references import Approval, Verdict
from include.run import Request
from include.services import Services

IF_IT_FAILS = "The challenger was judged but not promoted; the champion is unchanged."


def run(services: Services, model: Model, request: Request, verdict: Verdict) -> Approval:
    """The gate's own approval."""
    approved = verdict.verdict == "promote"
    return Approval(
        approved=approved,
        by="the gate",
        evidence=verdict.evidence,
        says="approved by the gate" if approved else f"not approved: {verdict.says or verdict.verdict}",
    )
