"""The checks of who may call, and how a call may look (P71 to P74)."""

from .cart import PATH as SIMULATION
from .cart import cart_body
from .conversation import Conversation, NotApplicable, order_path
from .endpoint import mask
from .ordering import PATH as ORDERS

_UNKNOWN = "no-such-order-conformance"
_ROUTES = (SIMULATION, ORDERS, order_path(_UNKNOWN, "fulfill"), order_path(_UNKNOWN, "cancel"))
_NO_SUCH_PATH = "/pvt/no-such-path-conformance"
_WRONG_TOKEN = "no-such-token-conformance"  # noqa: S105  (the name says it)


def tokens(talk: Conversation) -> None:
    """P71."""
    _require_token(talk)
    for path in _ROUTES:
        for name, value in {"without a token": None, "with a wrong token": _WRONG_TOKEN}.items():
            for body in (cart_body(talk, (talk.case.skus[0].id, 1)), b"{"):
                reply = talk.call(path, body, at=talk.endpoint.at(path, token=value))
                says = f"a call {name} is answered 401 before its body is read, not {reply.status}"
                reply.require(reply.status == 401, says)


def _require_token(talk: Conversation) -> None:
    if talk.endpoint.token is None:
        raise NotApplicable("the endpoint has no `token` in its query")


def second_token(talk: Conversation) -> None:
    """P72."""
    if talk.case.second_token is None:
        raise NotApplicable("no second token is named")
    body = cart_body(talk, (talk.case.skus[0].id, 1))
    if talk.call(SIMULATION, body).status != 200:
        raise NotApplicable("the shop answers no cart: see P1")
    reply = talk.call(SIMULATION, body, at=talk.endpoint.at(SIMULATION, token=talk.case.second_token))
    reply.require(reply.status == 200, "while a token is being changed, the old and the new one work")


def no_token_repeated(talk: Conversation) -> None:
    """P73: what the shop's own log holds is not seen from outside."""
    _require_token(talk)
    bodies: dict[str, object] = {path: {"marketplaceOrderId": _UNKNOWN} for path in (*_ROUTES, _NO_SUCH_PATH)}
    for path, body in {**bodies, SIMULATION: b"{", ORDERS: b"["}.items():
        reply = talk.call(path, body)
        if reply.status >= 400:
            told = "\n".join([reply.answer.body.decode("utf-8", "replace"), *reply.answer.headers.values()])
            hidden = mask(told, talk.endpoint.secrets())
            reply.require(hidden == told, "an error's answer never repeats the token")


def odd_queries(talk: Conversation) -> None:
    """P74."""
    body = cart_body(talk, (talk.case.skus[0].id, 1))
    for extra in ("?&sc=", "sc=&sc=", "sc=1&sc=2&an=one&an=two", "&&", "utm=%20&x"):
        reply = talk.call(SIMULATION, body, at=talk.endpoint.at(SIMULATION, extra=extra))
        says = "marketplaces add to the query: empty, repeated and unknown parameters do no harm"
        reply.require(reply.status == 200, f"{says}; this was answered with {reply.status}")
