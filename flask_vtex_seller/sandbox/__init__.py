"""A marketplace to try a seller against: it calls and is called, checks what it hears, and shows what was said.

`flask --app flask_vtex_seller.sandbox run` serves it. It reads the protocol for itself and imports nothing else of this
package, so that a mistake of the seller's side is not repeated on the side that is meant to find it.
"""

from .app import create_app
from .exchange import Exchange
from .marketplace import Marketplace

__all__ = ["Exchange", "Marketplace", "create_app"]
