"""What hosts and clients give, made safe for a letter."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from client_access.errors import InvalidValue
from client_access.values.validation import check_type


def unlinked(name: str) -> str:
    """Return a name that no mail program shows as a link.

    Mail programs make links of text such as `example.com` or `http://example.com`, and somebody may
    call a business so. An invisible character after each dot, colon, at sign and backslash, and
    between two slashes, prevents it. No domain can have that character there. The end of a word is
    left as it is.
    """
    return _LINKING.sub(_JOINED, name)


_LINKING = re.compile(r"([.:@\\\u3002\uff0e\uff61\uff1a\uff20](?=\S)|/(?=/))")
_JOINED = "\\1\u200c"  # ZERO WIDTH NON-JOINER, which separates no letters and breaks no line


def plain(field: str, value: object) -> str:
    """Return a plain `str`, because a `Markup` would not be escaped.

    Raises:
        InvalidValue: the value is not a `str`.
    """
    check_type(field, value, str)
    assert isinstance(value, str)  # just checked
    return str.__str__(value)


def check_url(field: str, url: str) -> None:
    """Raise :class:`InvalidValue` unless a link is a web address in plain ASCII."""
    if not re.fullmatch("https?://[!-~]+", url):
        raise InvalidValue(field, "must be a web address in plain ASCII")
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise InvalidValue(field, "must be a web address with a host")
