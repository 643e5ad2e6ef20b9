"""The promises about security, and the page that their full form writes."""

from pathlib import Path

from ..chaos.report import Report

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "security-report.md"
SECURITY = Report(
    page=PAGE,
    head="""# Security report

Written by the tests themselves: `pytest tests/security --security-full` writes what it saw, and a later run replaces
the rows that it saw anew. What each promise means, and the short form that runs with every change, is in
[](security.md). *Kept* is the pass figure of the promise, as the test asserts it; a promise without a row was not
tried in this form. The machine below is shared with other work, which a figure about time has to bear.
""",
    promises={
        "S1": "Hostile JSON is refused in the error contract",
        "S2": "A bad amount never becomes an order",
        "S3": "Injection has no effect",
        "S4": "Credentials never reach a foreign host",
        "S5": "A token can be neither guessed nor passed by",
        "S6": "A marketplace sees its own orders alone",
        "S7": "What is known of people stays where it belongs, and goes when it should",
        "S8": "A secret is shown by nothing",
        "S10": "Nobody takes more than his share",
        "S11": "No answer of a marketplace ends a worker",
        "S12": "Little comes along, and it runs nothing",
        "sabotage": "Each mechanism is missed by a test when it is taken away",
    },
    only=dict.fromkeys(("sabotage", "S4", "S5", "S10", "S12"), ("sqlite",)),
)
