"""Going through the statements."""

from collections.abc import Iterator

from ..clock import Clock, SystemClock
from .case import Case
from .conversation import Conversation, Failed, NotApplicable
from .statement import Result, Statement, Touch, Verdict
from .statements import STATEMENTS
from .target import Target, Unreachable


def run(target: Target, case: Case, *, writes: bool, clock: Clock | None = None) -> Iterator[Result]:
    """Judge the shop by every statement, one after the other; a result each, in their order.

    Args:
        writes: whether orders may be placed; without, the statements that need one do not apply.

    Raises:
        Unreachable: the very first call got no answer; a later one fails its statement only.
    """
    heard = False
    for statement in STATEMENTS.values():
        if statement.touch is Touch.WRITES and not writes:
            says = "the check places orders, and that was not asked for"
            yield Result(statement=statement, verdict=Verdict.NOT_APPLICABLE, says=says)
            continue
        talk = Conversation(target, case, clock or SystemClock(), label=f"-{statement.name.lower()}")
        result = judge(statement, talk)
        heard = heard or bool(talk.replies)
        if talk.unanswered and not heard:
            raise Unreachable(result.says)
        yield result


def judge(statement: Statement, talk: Conversation) -> Result:
    """Judge the shop by one statement; orders that the check placed are canceled after it."""
    if statement.check is None:
        return Result(statement=statement, verdict=Verdict.NOT_APPLICABLE, says=statement.elsewhere)
    try:
        statement.check(talk)
        result = Result(statement=statement, verdict=Verdict.OK)
    except NotApplicable as reason:
        result = Result(statement=statement, verdict=Verdict.NOT_APPLICABLE, says=str(reason))
    except Unreachable as error:
        says = f"a call got no answer: {error.reason}"
        result = Result(statement=statement, verdict=Verdict.FAILED, says=says, sent=talk.unanswered)
    except Failed as failure:
        reply = failure.reply
        result = Result(
            statement=statement,
            verdict=Verdict.FAILED,
            says=failure.says,
            sent=talk.sent(reply),
            received=talk.received(reply),
        )
    talk.tidy()
    return result
