"""A limit on a whole call: the limits of a socket begin anew with each read, and a server may trickle for ever."""

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import create_urllib3_context

from ..clock import Clock

Remaining = Callable[[], float]


class Deadline(threading.local):
    """When the call that this thread makes must be over; each thread has its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end = float("inf")

    def begin(self, seconds: float) -> None:
        """Give the call that begins now so many seconds."""
        self._end = self._clock.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        left = self._end - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the call takes too long")
        return left


class DeadlineAdapter(HTTPAdapter):
    """Reads from no socket longer than the call has left; keeps one pool of connections and repeats nothing.

    Args:
        deadline: of the calling thread.
        connections: how many are kept open to a host.
    """

    def __init__(self, deadline: Deadline, *, connections: int) -> None:
        self._deadline = deadline
        super().__init__(pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools with sockets of ours."""
        super().init_poolmanager(*args, ssl_context=self._context(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pools of a proxy with sockets of ours, too."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **({} if known else {"ssl_context": self._context(), **kwargs}))
        if not known:
            manager.pool_classes_by_scheme = self._pools()
        return manager

    def _context(self) -> ssl.SSLContext:
        context = create_urllib3_context()
        context.sslsocket_class = _ssl_socket_class(self._deadline.remaining)
        return context

    def _pools(self) -> dict[str, type[HTTPConnectionPool]]:
        return {"http": _pool_class(self._deadline.remaining), "https": HTTPSConnectionPool}


def _ssl_socket_class(remaining: Remaining) -> type[ssl.SSLSocket]:
    class TimedSSLSocket(ssl.SSLSocket):
        def recv_into(self, *args: Any, **kwargs: Any) -> int:
            self.settimeout(remaining())
            return super().recv_into(*args, **kwargs)

    return TimedSSLSocket


def _pool_class(remaining: Remaining) -> type[HTTPConnectionPool]:
    class TimedSocket(socket.socket):
        def recv_into(self, *args: Any, **kwargs: Any) -> int:
            self.settimeout(remaining())
            return super().recv_into(*args, **kwargs)

    class TimedConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            plain = super()._new_conn()
            timeout = plain.gettimeout()
            timed = TimedSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
            timed.settimeout(timeout)
            return timed

    class TimedPool(HTTPConnectionPool):
        ConnectionCls = TimedConnection

    return TimedPool
