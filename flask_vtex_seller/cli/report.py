"""What `flask vtex-seller check` prints."""

import click

from ..conformance import Result, Verdict
from .showing import masked

_SIGNS = {Verdict.OK: "✓", Verdict.FAILED: "✗", Verdict.NOT_APPLICABLE: "-"}


class Report:
    """What is printed: no token, and nothing that moves a terminal's cursor."""

    def __init__(self) -> None:
        self.content = True
        """Whether nothing keeps the shop from selling, so far."""

    def say(self, text: str) -> None:
        """Print a line, or several."""
        click.echo(masked(text))

    def complain(self, *complaints: str) -> None:
        """Print what keeps the shop from selling."""
        for complaint in complaints:
            self.content = False
            self.say(f"{_SIGNS[Verdict.FAILED]} {complaint}")

    def note(self, text: str) -> None:
        """Print what nobody has to do anything about."""
        self.say(f"{_SIGNS[Verdict.NOT_APPLICABLE]} {text}")

    def tell(self, marketplace: str, result: Result) -> None:
        """Print what became of a statement; if it is broken, with the call that shows it."""
        statement = f"{marketplace}: {result.statement.name} {result.statement.title}"
        if result.verdict is not Verdict.FAILED:
            reason = f": {result.says}" if result.says else ""
            self.say(f"{_SIGNS[result.verdict]} {statement}{reason}")
            return
        self.complain(statement)
        for title, text in (("protocol", result.says), ("sent", result.sent), ("received", result.received)):
            for line in text.splitlines():
                self.say(f"    {title:<9} {line}".rstrip())
                title = ""
