"""Calls that arrive at the same moment, over sockets of their own."""

import contextlib
import json
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..shops import TOKEN

PREFIX = f"/api/vtex/acme{{}}?token={TOKEN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A POST to a process that listens on a port of this machine."""

    port: int
    path: str
    body: Any

    def bytes(self) -> bytes:
        body = json.dumps(self.body).encode()
        lines = [f"POST {self.path} HTTP/1.1", "Host: shop.example", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", "Connection: close"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    """0: the connection ended without one."""
    json: Any
    seconds: float

    @property
    def code(self) -> str | None:
        error = self.json.get("error") if isinstance(self.json, dict) else None
        return error["code"] if error else None


def marketplace_call(port: int, path: str, body: Any) -> Call:
    """The marketplace's, `path` below the fulfillment endpoint."""
    return Call(port=port, path=PREFIX.format(path), body=body)


def volley(calls: Sequence[Call], seconds: float = 30) -> list[Answer]:
    """Make calls at the same moment; return their answers in the order of the calls.

    Each is sent but for its last byte, so that whoever serves it waits in its thread; then the last bytes follow.
    """
    with _sockets(calls) as sockets, selectors.DefaultSelector() as selector:
        for call, caller in zip(calls, sockets, strict=True):
            caller.sendall(call.bytes()[:-1])
        begun, received, answers = time.monotonic(), [b"" for _ in calls], list[Answer | None](None for _ in calls)
        for number, (call, caller) in enumerate(zip(calls, sockets, strict=True)):
            caller.sendall(call.bytes()[-1:])
            selector.register(caller, selectors.EVENT_READ, number)
        while selector.get_map():
            ready = selector.select(timeout=begun + seconds - time.monotonic())
            assert ready, f"no answer within {seconds} s to {[calls[key.data] for key in selector.get_map().values()]}"
            for key, _ in ready:
                if part := _receive(sockets[key.data]):
                    received[key.data] += part
                else:
                    selector.unregister(key.fileobj)
                    answers[key.data] = _read(received[key.data], time.monotonic() - begun)
        return [answer for answer in answers if answer is not None]


@contextlib.contextmanager
def _sockets(calls: Sequence[Call]) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", call.port))) for call in calls]


def _receive(caller: socket.socket) -> bytes:
    try:
        return caller.recv(65536)
    except ConnectionResetError:  # whoever served it was killed
        return b""


def _read(received: bytes, seconds: float) -> Answer:
    if not received:
        return Answer(status=0, json=None, seconds=seconds)
    head, _, body = received.partition(b"\r\n\r\n")
    return Answer(status=int(head.split()[1]), json=json.loads(body) if body else None, seconds=seconds)
