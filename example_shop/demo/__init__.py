"""`flask --app example_shop demo`: orders' whole lives between this shop and a sandbox marketplace, on this machine."""

import threading
from collections.abc import Callable
from typing import Any

import click
from flask import Flask

from .stage import set_up
from .story import Story


def register(app: Flask, create_shop: Callable[[dict[str, Any]], Flask]) -> None:
    """Add the command; it plays with a shop of its own, made by `create_shop`, on a database that it throws away."""

    @app.cli.command("demo")
    @click.option("--once", is_flag=True, help="End after the story; exit status 0 only if every step held.")
    def demo(once: bool) -> None:
        """Play orders' lives between this shop and a sandbox marketplace."""
        with set_up(create_shop) as (shop, sandbox, shop_url, sandbox_url):
            story = Story(shop, sandbox.extensions["vtex_sandbox"])
            story.play()
            timeline = story.timeline
            verdict = "all held" if not timeline.failed else f"{timeline.failed} did not hold"
            click.secho(f"\n{timeline.steps} steps, {verdict}.", bold=True)
            if not once:
                click.echo(f"The shop      {shop_url}/\n  its orders  {shop_url}/admin/orders")
                click.echo(f"              user admin, password {shop.config['SHOP_ADMIN_PASSWORD']}")
                click.echo(f"The sandbox   {sandbox_url}/\nCtrl+C ends both.")
                _wait_for_interrupt()
        raise SystemExit(1 if timeline.failed else 0)


def _wait_for_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("\nBye.")
