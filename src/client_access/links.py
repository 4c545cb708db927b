"""Signed links to activate (rule E6); needs the extra `links`.

A token binds its purpose, a client and an activation together with HMAC-SHA-256. It is made at the
moment of sending and stands in no change, history or outbox. Redeeming it gives the command that
the client's click means; whether the activation is still the pending one, the command's own checks
say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import final
from urllib.parse import urlsplit
from uuid import UUID

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from client_access.commands import Activate
from client_access.errors import ClientAccessError, InvalidValue
from client_access.values import ClientUser
from client_access.values.validation import check_id, to_tuple

__all__ = ["ActivationLinks", "InvalidLink"]

_PURPOSE = b"client_access.links: activate, 1"
# 32 bytes each, in URL-safe base64 without padding.
_SHAPE = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class InvalidLink(ClientAccessError):
    """A token is none that these keys signed for this purpose; it is not told how it fails."""

    def __str__(self) -> str:
        return "this is no valid activation link"


@final
class ActivationLinks:
    """Makes and redeems the tokens in activation links.

    Parameters:
        secret_keys: the keys, oldest first. The last signs, all of them verify: to rotate, append
            a new key, and drop an old one once the links that it signed have expired. Whoever
            guesses a key activates every account, so each is random and of 32 bytes or more:
            `secrets.token_urlsafe(32)`. Nothing but a blank key is refused.

    Raises:
        InvalidValue: there is no key, or one is blank, doubled or no key at all.
    """

    __slots__ = ("_signer",)

    def __init__(self, secret_keys: Sequence[str | bytes]) -> None:
        # A lone str or bytes is a sequence too, but not of keys.
        if isinstance(secret_keys, str | bytes):
            raise InvalidValue("secret_keys", "must be a sequence of keys, not one key")
        keys = [_to_key(key) for key in to_tuple("secret_keys", secret_keys)]
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
            InvalidValue: an id is none.
        """
        check_id("client_id", client_id)
        check_id("activation_id", activation_id)
        return self._signer.sign(base64_encode(client_id.bytes + activation_id.bytes)).decode()

    def redeem(self, token: str) -> Activate:
        """Return the command that following a link means, by the client itself.

        Raises:
            InvalidLink: the token is anything but what :meth:`token` returned under one of the
                keys, character for character; nothing else is raised, whatever is given.
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
        """Return what makes the link of a client and its activation: the base, then the token.

        It is what :func:`client_access.rendering.render` takes as `activation_url`.

        Parameters:
            base: an address that ends where the token begins, such as
                `https://app.example.com/activate/` or `https://app.example.com/activate#`. It is
                `https`, but for a host that is this very machine.

        Raises:
            InvalidValue: the base is no such address.
        """
        _check_base(base)
        return lambda client_id, activation_id: base + self.token(client_id, activation_id)


def _to_key(key: str | bytes) -> bytes:
    """Return a key as bytes, or raise without repeating any of it."""
    match key:
        case str():
            try:
                raw = key.encode()
            except UnicodeEncodeError:
                raise InvalidValue("secret_keys", "has a key that is no text") from None
        case bytes():
            raw = key
        case _:
            raise InvalidValue("secret_keys", "has a key that is neither str nor bytes")
    if not raw.strip():
        raise InvalidValue("secret_keys", "has a blank key")
    return raw


def _is_well_formed(token: object) -> bool:
    """Tell whether a token is spelt as one that is made: the spare last bits of a part are zero."""
    match = _SHAPE.fullmatch(token) if isinstance(token, str) else None
    return match is not None and all(
        base64_encode(base64_decode(part)) == part.encode() for part in match.groups()
    )


def _check_base(base: object) -> None:
    if not isinstance(base, str):
        raise InvalidValue("base", f"must be a str, not a {type(base).__name__}")
    if re.fullmatch(r"https?://[!-~]+", base) is None:
        raise InvalidValue("base", "must be a web address in plain ASCII")
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidValue("base", "is no web address") from None
    if not host or parts.username is not None:
        raise InvalidValue("base", "must name a host, and no user")
    if not (parts.path or parts.query or base.endswith(("?", "#"))):
        raise InvalidValue("base", "must go on after the host: the token follows it")
    if parts.scheme == "http" and host not in _LOCAL_HOSTS:
        raise InvalidValue("base", "must be https")
