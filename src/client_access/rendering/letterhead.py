"""Who a letter is from, and in which colour."""

from __future__ import annotations

import re
from typing import final

from attrs import Attribute, field, frozen

from client_access.errors import InvalidValue
from client_access.rendering.outside import check_url
from client_access.values.validation import is_text, keep

LONGEST = 1000
"""The longest name and the longest footer, in characters."""

_BLACK, _WHITE = "#000000", "#ffffff"


def _is_colour(instance: object, attribute: Attribute[str], value: str) -> None:
    """Accept a colour in six hexadecimal digits, and nothing else that CSS could read."""
    if not re.fullmatch("#[0-9A-Fa-f]{6}", keep(instance, attribute, value, str)):
        raise InvalidValue(attribute.name, "must be a colour such as #1d4f91")


def _is_url_or_none(instance: object, attribute: Attribute[str | None], value: str | None) -> None:
    if value is not None:
        check_url(attribute.name, keep(instance, attribute, value, str))


@final
@frozen
class Letterhead:
    """The sender of emails: the practice or the platform, as the reader knows it.

    Parameters:
        name: stands at the top and at the end of each email, and never becomes a link. Without one,
            the practice of the notice is named, where it has one.
        colour: of the button and of the line at the top, as `#` and six hexadecimal digits. The
            words on the button are black or white, whichever has more contrast with it.
        footer: small print at the end, in lines: the registered name and office, the number, how
            to get in touch. Up to 1,000 characters.
        sign_in_url: the web address of the page to sign in. Emails that ask the reader to sign in
            then have a button.

    Raises:
        InvalidValue: a value is not of the form above.
    """

    name: str = field(default="", validator=is_text(LONGEST, blank=True))
    colour: str = field(default="#1d4f91", kw_only=True, validator=_is_colour)
    footer: str = field(
        default="", kw_only=True, validator=is_text(LONGEST, blank=True, lines=True)
    )
    sign_in_url: str | None = field(default=None, kw_only=True, validator=_is_url_or_none)

    @property
    def ink(self) -> str:
        """The colour of words on the button, black or white, with a contrast above 4.5 to 1."""
        # Above this luminance black has the higher contrast: (L + 0.05)² > 0.05 · 1.05.
        return _BLACK if luminance(self.colour) > 0.179 else _WHITE


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, from 0 to 1, as WCAG 2 defines it."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
