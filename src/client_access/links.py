"""Signed links to activate (rule E6); needs the extra `links`.

A token signs its purpose, a client and an activation with HMAC-SHA-256. Make it when the email is
sent: no change, history or outbox holds it. Redeeming a token returns the client's command. The
command's own checks decide whether the activation is still pending.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import final
from urllib.parse import urlsplit
from uuid import UUID

from client_access.commands import Activate
from client_access.errors import InvalidLink, InvalidValue, needs
from client_access.values import ClientUser
from client_access.values.validation import check_id, to_secret_key, to_tuple, wrong_type

with needs("links"):
    from itsdangerous import BadSignature, Signer
    from itsdangerous.encoding import base64_decode, base64_encode

__all__ = ["ActivationLinks", "InvalidLink"]

_PURPOSE = b"client_access.links: activate, 1"
# 32 bytes each, in URL-safe base64 without padding.
_SHAPE = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@final
class ActivationLinks:
    """Makes and redeems the tokens in activation links.

    Parameters:
        secret_keys: the keys, oldest first. The last one signs, and all of them verify. To rotate,
            append a new key, and drop an old one when the links that it signed have expired. A key
            that is guessed activates every account, so make each with `secrets.token_urlsafe(32)`.
            A key has at least 16 bytes.

    Raises:
        InvalidValue: there is no key, or one is blank, too short, doubled, or not a str or bytes.
    """

    __slots__ = ("_signer",)

    def __init__(self, secret_keys: Sequence[str | bytes]) -> None:
        # One str or bytes is a sequence too.
        if isinstance(secret_keys, str | bytes):
            raise InvalidValue(
                "secret_keys", "must be a sequence of keys, not one key: write [key]"
            )
        keys = [to_secret_key("secret_keys", key) for key in to_tuple("secret_keys", secret_keys)]
        if not keys:
            raise InvalidValue("secret_keys", "must have at least one key")
        if len(set(keys)) < len(keys):
            raise InvalidValue("secret_keys", "has a key twice")
        self._signer = Signer(
            keys, salt=_PURPOSE, key_derivation="hmac", digest_method=hashlib.sha256
        )

    def __repr__(self) -> str:
        return f"<ActivationLinks with {len(self._signer.secret_keys)} key(s)>"

    def token(self, client_id: UUID, activation_id: UUID) -> str:
        """Return the token of a client's activation: 87 characters that are safe in a URL.

        Raises:
            InvalidValue: an id is not a UUID.
        """
        check_id("client_id", client_id)
        check_id("activation_id", activation_id)
        return self._signer.sign(base64_encode(client_id.bytes + activation_id.bytes)).decode()

    def redeem(self, token: str) -> Activate:
        """Return the command of a client that follows a link.

        Raises:
            InvalidLink: the token is not exactly what :meth:`token` returned with one of the keys.
                Nothing else is raised, whatever the argument.
        """
        if not _is_well_formed(token):
            raise InvalidLink
        try:
            ids = base64_decode(self._signer.unsign(token))
        except BadSignature:
            raise InvalidLink from None
        client_id, activation_id = UUID(bytes=ids[:16]), UUID(bytes=ids[16:])
        return Activate(client_id, ClientUser(client_id), activation_id=activation_id)

    def url(self, base: str) -> Callable[[UUID, UUID], str]:
        """Return a function that makes the link of an activation: the base, then the token.

        Pass it to :func:`client_access.rendering.render` as `activation_url`.

        Parameters:
            base: an address that ends where the token begins, such as
                `https://app.example.com/activate/` or `https://app.example.com/activate#`. It must
                be `https`, unless the host is the local machine.

        Raises:
            InvalidValue: the base is not such an address.
        """
        _check_base(base)
        return lambda client_id, activation_id: base + self.token(client_id, activation_id)


def _is_well_formed(token: object) -> bool:
    """Return whether a token has the spelling of :meth:`token`: the spare last bits are zero."""
    match = _SHAPE.fullmatch(token) if isinstance(token, str) else None
    return match is not None and all(
        base64_encode(base64_decode(part)) == part.encode() for part in match.groups()
    )


def _check_base(base: object) -> None:
    if not isinstance(base, str):
        raise wrong_type("base", "a str", base)
    if re.fullmatch(r"https?://[!-~]+", base) is None:
        raise InvalidValue("base", "must be a web address in plain ASCII")
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidValue("base", "is not a web address") from None
    if not host or parts.username is not None:
        raise InvalidValue("base", "must name a host, and no user")
    if not (parts.path or parts.query or base.endswith(("?", "#"))):
        raise InvalidValue("base", "must continue after the host: write https://…/activate/")
    if parts.scheme == "http" and host not in _LOCAL_HOSTS:
        raise InvalidValue("base", "must begin with https://")
