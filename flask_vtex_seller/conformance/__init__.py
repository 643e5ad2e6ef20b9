"""The protocol's statements as checks, over anything that answers HTTP.

::

    case = case_for(app, skus=(Sku(id="apple"),), address=Place(postal_code="01310-100"))
    for result in run(AppTarget(app), case, writes=True):
        print(result.statement.name, result.verdict)

It reads the protocol for itself: what the package writes is not judged by what the package knows.
"""

from .case import FAILURE, Case, Place, Sku
from .configured import case_for
from .conversation import Conversation
from .endpoint import Endpoint
from .run import judge, run
from .statement import Result, Statement, Touch, Verdict
from .statements import STATEMENTS
from .target import Answer, AppTarget, Target, Unreachable, UrlTarget

__all__ = [
    "FAILURE",
    "STATEMENTS",
    "Answer",
    "AppTarget",
    "Case",
    "Conversation",
    "Endpoint",
    "Place",
    "Result",
    "Sku",
    "Statement",
    "Target",
    "Touch",
    "Unreachable",
    "UrlTarget",
    "Verdict",
    "case_for",
    "judge",
    "run",
]
