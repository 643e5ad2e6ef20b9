"""What the demo prints."""

from dataclasses import dataclass

import click

from flask_vtex_seller.sandbox import Exchange


@dataclass
class Timeline:
    """Prints a line a step and remembers whether all of them held."""

    steps: int = 0
    failed: int = 0

    def chapter(self, title: str) -> None:
        """Print what the next steps are about."""
        click.secho(f"\n{title}", bold=True)

    def exchange(self, exchange: Exchange, note: str = "") -> Exchange:
        """Print a call, and why if it or its answer was not as the protocol says."""
        who = exchange.direction.replace("seller", "shop")
        answered = "no answer" if exchange.status is None else str(exchange.status)
        title = f"{exchange.title}, {note}" if note else exchange.title
        self._line(who, title, f"{answered}, {exchange.outcome}", exchange.problems)
        return exchange

    def state(self, title: str, seen: object, expected: object, *, who: str = "shop") -> None:
        """Print what somebody did or has, beside what it should have been."""
        problems = () if seen == expected else (f"expected {expected}",)
        self._line(who, title, str(seen), problems)

    def broken(self, reason: str) -> None:
        """Print that the story cannot go on."""
        self._line("demo", "the story ends here", reason, ("a step before it failed",))

    def _line(self, who: str, what: str, outcome: str, problems: tuple[str, ...]) -> None:
        self.steps += 1
        self.failed += bool(problems)
        mark = click.style("✗", fg="red") if problems else click.style("✓", fg="green")
        click.echo(f"{mark} {self.steps:>2}  {who:<19} {what:<56} {outcome}")
        for problem in problems:
            click.echo(f"        {problem}")
