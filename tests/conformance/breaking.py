"""Ways to break a shop that conforms."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask_vtex_seller.conformance import Answer, Target

from ..shops import StoppedClock


@dataclass(frozen=True)
class Call:
    """A marketplace's call on its way into the shop."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def route(self) -> str:
        """`simulation`, `orders`, `fulfill` or `cancel`."""
        return self.path.partition("?")[0].rpartition("/")[2]

    @property
    def query(self) -> str:
        return self.path.partition("?")[2]

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def with_body(self, body: Any) -> "Call":
        return replace(self, body=json.dumps(body).encode())

    @property
    def fields(self) -> dict[str, Any]:
        """The body if it is one object."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def lines(self) -> list[dict[str, Any]]:
        found = self.fields.get("items")
        return found if isinstance(found, list) else []


Send = Callable[[Call], Answer]


@dataclass
class Memory:
    """What a broken shop remembers of earlier calls."""

    seen: dict[Any, Any] = field(default_factory=dict)
    clock: StoppedClock = field(default_factory=StoppedClock)


Change = Callable[[Call, Send, Memory], Answer]


class BrokenTarget:
    """A shop whose calls pass through one function that spoils something."""

    def __init__(self, whole: Target, change: Change) -> None:
        self._whole = whole
        self._change = change
        self.memory = Memory()

    def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        def pass_on(call: Call) -> Answer:
            return self._whole.send(call.method, call.path, call.body, call.headers)

        return self._change(Call(method, path, body, headers), pass_on, self.memory)


def answer(status: int, body: Any = "") -> Answer:
    """An answer of the broken shop's own: JSON, or a page if it is a text."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(status=status, headers={"content-type": "application/json"}, body=content)


def spoiled(given: Answer, spoil: Callable[[Any], Any]) -> Answer:
    """The answer with its JSON changed in place, or replaced by what `spoil` returns."""
    content = json.loads(given.body)
    changed = spoil(content)
    return replace(given, body=json.dumps(content if changed is None else changed).encode())


def refusal(status: int, code: str) -> Answer:
    given = answer(status, {"error": {"code": code, "message": "no", "exception": None}})
    return replace(given, headers={**given.headers, "x-vtex-error-code": code, "x-vtex-error-message": "no"})
