"""Notices as a subject, plain text and HTML; needs the extra `templates`.

The link of an activation email, or of its reminder, is made here, when the email is rendered, and
is stored nowhere (E6). The default texts are English. A caller can replace each of them by its
name.

A notice has two templates, named after its kind: `activation_email.txt`, which begins with the
subject in a line of its own, and `activation_email.html`, a fragment in which every value is
escaped. Emails are put into `email.txt` and the page `email.html`, under a :class:`Letterhead`. An
undefined name in a template is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from textwrap import fill
from typing import NamedTuple, TypeAlias, final
from uuid import UUID

from attrs import fields_dict, frozen

from client_access.errors import InvalidValue, needs
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
from client_access.rendering.letterhead import LONGEST, Letterhead
from client_access.rendering.outside import check_url, plain, unlinked
from client_access.rendering.words import moment, money
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

__all__ = [
    "render",
    "RenderedNotice",
    "Letterhead",
    "Templates",
    "ENGLISH",
    "moment",
    "money",
    "ActivationUrl",
]

ActivationUrl: TypeAlias = Callable[[UUID, UUID], str]
"""Makes the link of an activation from the ids of the client and of the activation.

:meth:`client_access.links.ActivationLinks.url` returns one."""


@final
@frozen
class RenderedNotice:
    """The texts of a notice.

    Parameters:
        subject: one line without control characters.
        text: plain text, in lines of at most 72 characters where words and addresses allow it.
        html: HTML in which every value is escaped: a whole page for an email, otherwise a fragment
            for the host's page.
    """

    subject: str
    text: str
    html: str


@final
class Templates:
    """The templates of notices: the caller's, and the defaults for the rest.

    Parameters:
        loader: a Jinja2 loader of templates that replace the defaults of the same names.
        filters: functions for templates, by name. The defaults are `moment` and `money`; replace
            them for another language.
        language: of the emails, as a tag of BCP 47 such as `en` or `de-AT`, for screen readers.

    Raises:
        InvalidValue: the loader is not a Jinja2 loader, the filters are not functions by name, or
            the language is not a tag.
    """

    __slots__ = ("_environment",)

    def __init__(
        self,
        loader: BaseLoader | None = None,
        *,
        filters: Mapping[str, Callable[..., str]] | None = None,
        language: str = "en",
    ) -> None:
        if loader is not None:
            check_type("loader", loader, BaseLoader)
        own = {} if filters is None else filters
        check_type("filters", own, Mapping)
        for name in own:
            check_type("filters", name, str)
        if not all(map(callable, own.values())):
            raise InvalidValue("filters", "must be functions by name")
        if not re.fullmatch("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", plain("language", language)):
            raise InvalidValue("language", "must be a tag such as en or de-AT")
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
        self._environment.globals["language"] = language

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

NO_LETTERHEAD = Letterhead()
"""Names the practice of the notice, where it has one."""


def render(
    notice: Notice,
    *,
    activation_url: ActivationUrl | None = None,
    practice_name: Callable[[str], str] = str,
    letterhead: Letterhead = NO_LETTERHEAD,
    templates: Templates = ENGLISH,
) -> RenderedNotice:
    """Return the texts of a notice.

    Exceptions of `activation_url` and `practice_name` are not caught.

    Parameters:
        notice: the notice.
        activation_url: makes the link of an activation email and of its reminder. It is not called
            for other notices.
        practice_name: returns the name of a practice, given its id. By default, the id itself.
        letterhead: who emails are from, in which colour. Other notices do not use it.
        templates: the templates.

    Raises:
        InvalidValue: the notice is not a notice; `activation_url` is missing for an email with a
            link, or does not return a web address; the name of a practice is not a line of text; a
            template or a filter fails, or a template has no subject.
    """
    name = NOTICE_NAMES.get(type(notice))
    if name is None:
        raise wrong_type("notice", "a notice", notice, "pass one of change.notices")
    check_type("letterhead", letterhead, Letterhead)
    check_type("templates", templates, Templates)
    check_callable("practice_name", practice_name)
    if activation_url is not None:
        check_callable("activation_url", activation_url)
    facts = _facts(notice, activation_url, practice_name) | _facts_of(letterhead)
    subject, _, text = templates._render(f"{name}.txt", facts).partition("\n")
    subject = _one_line(subject)
    if not subject:
        raise InvalidValue("templates", f"give no subject in the first line of {name}.txt")
    html = templates._render(f"{name}.html", facts)
    if isinstance(notice.recipient, ToAddress):
        facts["sender"] = unlinked(letterhead.name.strip()) or facts.get("practice", "")
        preview = " ".join(text.strip().partition("\n\n")[0].split())
        # The rendered fragment is escaped already.
        page = {**facts, "subject": subject, "preview": preview, "body": Markup(html)}
        html = templates._render("email.html", page)
        text = templates._render("email.txt", {**facts, "body": text.strip()})
    return RenderedNotice(subject, _wrapped(text), html)


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
            facts["lines"] = tuple(_compared(notice.before, notice.after))
            facts["total_before"] = total_of(notice.before)
            facts["total_after"] = total_of(notice.after)
        case _:
            pass
    return facts


def _facts_of(letterhead: Letterhead) -> dict[str, object]:
    """Return the names for templates that come from the letterhead."""
    return {
        "colour": letterhead.colour,
        "ink": letterhead.ink,
        "footer": letterhead.footer,
        "sign_in_url": letterhead.sign_in_url,
    }


class _Compared(NamedTuple):
    """A service on two invoices, with its price on each; None where it is not on it."""

    service_name: str
    before: Decimal | None
    after: Decimal | None


def _compared(before: Sequence[InvoiceLine], after: Sequence[InvoiceLine]) -> Iterator[_Compared]:
    """Yield the services of two invoices of one client: the earlier ones, then what was added."""
    added = list(after)
    for line in before:
        now = next((other for other in added if other.service == line.service), None)
        if now is not None:
            added.remove(now)
        price = None if now is None else now.monthly_price
        yield _Compared(unlinked((now or line).service_name), line.monthly_price, price)
    for line in added:
        yield _Compared(unlinked(line.service_name), None, line.monthly_price)


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


def _named(practice_id: str, practice_name: Callable[[str], str]) -> str:
    """Return the name of a practice."""
    name = plain("practice_name", practice_name(practice_id))
    check_text("practice_name", name, LONGEST)
    return unlinked(name)


def _link(
    notice: ActivationEmail | ActivationEnding, activation_url: ActivationUrl | None
) -> str | None:
    """Return the link of an activation; None if the notice goes to the practice."""
    if not isinstance(notice.recipient, ToAddress):
        return None
    if activation_url is None:
        raise InvalidValue(
            "activation_url", "is needed for a link: pass ActivationLinks(…).url(base)"
        )
    url = plain("activation_url", activation_url(notice.client_id, notice.activation_id))
    check_url("activation_url", url)
    return url


def _wrapped(text: str) -> str:
    """Return a text in lines of at most 72 characters, without breaking words and addresses."""
    lines = text.strip("\n").split("\n")
    filled = (fill(line, 72, break_long_words=False, break_on_hyphens=False) for line in lines)
    return "\n".join(filled) + "\n"


def _one_line(subject: str) -> str:
    """Return a subject without line breaks and control characters."""
    line = " ".join(subject.split())
    return "".join(character for character in line if not is_control(character))
