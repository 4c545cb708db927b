"""Notices as a subject, plain text and HTML; needs the extra `templates`.

The link of an activation email, or of its reminder, is made here, when the email is rendered, and
is stored nowhere (E6). The default texts are English. A caller can replace each of them by its
name.

A notice has two templates, named after its kind: `activation_email.txt`, which begins with the
subject in a line of its own, and `activation_email.html`, a fragment in which every value is
escaped. Emails are put into the page `email.html`. An undefined name in a template is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias, final
from urllib.parse import urlsplit
from uuid import UUID

from attrs import fields_dict, frozen

from client_access.errors import InvalidValue
from client_access.extras import needs
from client_access.notices import (
    NOTICE_NAMES,
    ActivationEmail,
    ActivationEnding,
    ClientInvoiceChanged,
    Notice,
    PracticeInvoiceChanged,
    ToAddress,
)
from client_access.questions.billing import total_of
from client_access.values import to_utc
from client_access.values.catalogue import InvoiceLine
from client_access.values.validation import (
    check_callable,
    check_text,
    check_type,
    is_control,
    trusted,
    wrong_type,
)

with needs("templates"):
    from jinja2 import (
        BaseLoader,
        ChoiceLoader,
        Environment,
        PackageLoader,
        StrictUndefined,
        TemplateError,
        TemplateNotFound,
    )
    from markupsafe import Markup

__all__ = ["ENGLISH", "ActivationUrl", "RenderedNotice", "Templates", "moment", "money", "render"]

ActivationUrl: TypeAlias = Callable[[UUID, UUID], str]
"""Makes the link of an activation from the ids of the client and of the activation.

:meth:`client_access.links.ActivationLinks.url` returns one."""

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

# ISO 4217 currencies without a minor unit.
_WHOLE = re.compile("BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF")


@final
@frozen
class RenderedNotice:
    """The texts of a notice.

    Parameters:
        subject: one line without control characters.
        text: plain text.
        html: HTML in which every value is escaped: a whole page for an email, otherwise a fragment
            for the host's page.
    """

    subject: str
    text: str
    html: str


def moment(at: datetime) -> str:
    """Return a moment in words, in UTC, such as `4 February 2026, 09:00 UTC`."""
    at = to_utc("at", at)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def money(amount: Decimal, currency: str) -> str:
    """Return an amount with its currency, such as `GBP 1,234.50`. It is never rounded."""
    whole, _, places = f"{amount:,f}".partition(".")
    places = places.rstrip("0").ljust(0 if _WHOLE.fullmatch(currency) else 2, "0")
    return f"{currency} {whole}.{places}" if places else f"{currency} {whole}"


@final
class Templates:
    """The templates of notices: the caller's, and the defaults for the rest.

    Parameters:
        loader: a Jinja2 loader of templates that replace the defaults of the same names.
        filters: functions for templates, by name. The defaults are `moment` and `money`; replace
            them for another language.

    Raises:
        InvalidValue: the loader is not a Jinja2 loader, or the filters are not functions by name.
    """

    __slots__ = ("_environment",)

    def __init__(
        self,
        loader: BaseLoader | None = None,
        *,
        filters: Mapping[str, Callable[..., str]] | None = None,
    ) -> None:
        if loader is not None:
            check_type("loader", loader, BaseLoader)
        own = {} if filters is None else filters
        check_type("filters", own, Mapping)
        for name in own:
            check_type("filters", name, str)
        if not all(map(callable, own.values())):
            raise InvalidValue("filters", "must be functions by name")
        defaults = PackageLoader("client_access.rendering", "templates")
        self._environment = Environment(
            loader=defaults if loader is None else ChoiceLoader([loader, defaults]),
            autoescape=lambda name: name is None or not name.endswith(".txt"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters |= {"moment": moment, "money": money, **own}

    def _render(self, name: str, facts: Mapping[str, object]) -> str:
        try:
            return self._environment.get_template(name).render(facts)
        except TemplateNotFound as problem:
            raise InvalidValue("templates", f"lack {problem.name}, which {name} needs") from problem
        except TemplateError as problem:
            raise InvalidValue("templates", f"fail in {name}: {problem.message}") from problem
        except Exception as problem:
            # A template is a program and can raise anything. The message may repeat a value, so
            # only the type of the exception is named.
            kind = type(problem).__name__
            raise InvalidValue("templates", f"fail in {name}: {kind}") from problem


ENGLISH = Templates()
"""The default templates."""


def render(
    notice: Notice,
    *,
    activation_url: ActivationUrl | None = None,
    practice_name: Callable[[str], str] = str,
    templates: Templates = ENGLISH,
) -> RenderedNotice:
    """Return the texts of a notice.

    Exceptions of `activation_url` and `practice_name` are not caught.

    Parameters:
        notice: the notice.
        activation_url: makes the link of an activation email and of its reminder. It is not called
            for other notices.
        practice_name: returns the name of a practice, given its id. By default, the id itself.
        templates: the templates.

    Raises:
        InvalidValue: the notice is not a notice; `activation_url` is missing for an email with a
            link, or does not return a web address; the name of a practice is not a line of text; a
            template or a filter fails, or a template has no subject.
    """
    name = NOTICE_NAMES.get(type(notice))
    if name is None:
        raise wrong_type("notice", "a notice", notice)
    check_type("templates", templates, Templates)
    check_callable("practice_name", practice_name)
    if activation_url is not None:
        check_callable("activation_url", activation_url)
    facts = _facts(notice, activation_url, practice_name)
    subject, _, text = templates._render(f"{name}.txt", facts).partition("\n")
    subject = _one_line(subject)
    if not subject:
        raise InvalidValue("templates", f"give no subject in the first line of {name}.txt")
    html = templates._render(f"{name}.html", facts)
    if isinstance(notice.recipient, ToAddress):
        # The rendered fragment is escaped already.
        page = {**facts, "subject": subject, "body": Markup(html)}
        html = templates._render("email.html", page)
    return RenderedNotice(subject, text.strip() + "\n", html)


def _facts(
    notice: Notice, activation_url: ActivationUrl | None, practice_name: Callable[[str], str]
) -> dict[str, object]:
    """Return the names for templates: the fields of the notice, and values made of them."""
    facts: dict[str, object] = {}
    for name in fields_dict(type(notice)):
        value = getattr(notice, name)
        facts[name] = _fact(name, value)
        if name.endswith("practice_id"):
            facts[name.removesuffix("_id")] = (
                None if value is None else _named(value, practice_name)
            )
    match notice:
        case ActivationEmail() | ActivationEnding():
            facts["activation_url"] = _link(notice, activation_url)
        case PracticeInvoiceChanged() | ClientInvoiceChanged():
            facts["total_before"] = total_of(notice.before)
            facts["total_after"] = total_of(notice.after)
        case _:
            pass
    return facts


def _fact(name: str, value: object) -> object:
    """Return a field of a notice for templates. The names in it never become links."""
    match value:
        case Enum():
            return value.value
        case str() if name in ("business_name", "service_name"):
            return unlinked(value)
        case tuple():
            return tuple(_in_list(each) for each in value)
        case _:
            return value


def _in_list(value: str | InvoiceLine) -> str | InvoiceLine:
    """Return the name of a service, or a line of an invoice, with names that are no links."""
    if isinstance(value, str):
        return unlinked(value)
    return trusted(
        InvoiceLine,
        value.client_id,
        unlinked(value.business_name),
        value.service,
        unlinked(value.service_name),
        value.monthly_price,
    )


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


def _named(practice_id: str, practice_name: Callable[[str], str]) -> str:
    """Return the name of a practice."""
    name = _plain("practice_name", practice_name(practice_id))
    check_text("practice_name", name, 1000)
    return unlinked(name)


def _link(
    notice: ActivationEmail | ActivationEnding, activation_url: ActivationUrl | None
) -> str | None:
    """Return the link of an activation; None if the notice goes to the practice."""
    if not isinstance(notice.recipient, ToAddress):
        return None
    if activation_url is None:
        raise InvalidValue("activation_url", "is needed for an email with a link to activate")
    url = _plain("activation_url", activation_url(notice.client_id, notice.activation_id))
    _check_url(url)
    return url


def _plain(field: str, value: object) -> str:
    """Return a plain `str`, because a `Markup` would not be escaped.

    Raises:
        InvalidValue: the value is not a `str`.
    """
    check_type(field, value, str)
    assert isinstance(value, str)  # just checked
    return str.__str__(value)


def _check_url(url: str) -> None:
    """Raise :class:`InvalidValue` unless a link is a web address in plain ASCII."""
    if not re.fullmatch("https?://[!-~]+", url):
        raise InvalidValue("activation_url", "must return a web address in plain ASCII")
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise InvalidValue("activation_url", "must return a web address with a host")


def _one_line(subject: str) -> str:
    """Return a subject without line breaks and control characters."""
    line = " ".join(subject.split())
    return "".join(character for character in line if not is_control(character))
