"""Who asks, what is on offer, and how a command is handled in this host."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS, transaction

import client_access as ca

from .models import Practice
from .repository import DjangoRepository

CATALOGUE = ca.Catalogue(
    [
        ca.Service("accounting", "Accounting", Decimal("12.00"), needs_setup=True),
        ca.Service("payroll", "Payroll", Decimal("7.50")),
        ca.Service("reports", "Reports", Decimal("3.00")),
    ]
)

log = logging.getLogger("clients")


def client_access(using: str = DEFAULT_DB_ALIAS) -> ca.ClientAccess:
    """Return the service. It is cheap to make."""
    return ca.ClientAccess(DjangoRepository(using), catalogue=CATALOGUE)


def actor_of(user: AbstractBaseUser | AnonymousUser) -> ca.PracticeUser | ca.PlatformUser:
    """Return whom a user of the admin acts for: a practice, or Customer Services.

    Raises:
        PermissionDenied: neither.
    """
    practice = Practice.objects.filter(members=user.pk).first()
    if practice is not None:
        return ca.PracticeUser(practice.pk, str(user.pk))
    if getattr(user, "is_superuser", False):
        return ca.PlatformUser(str(user.pk))
    raise PermissionDenied


def handle(
    command: ca.Command,
    record: Callable[[ca.Change], object],
    *,
    using: str = DEFAULT_DB_ALIAS,
) -> ca.Change:
    """Handle a command, and record it in rows of the host's own, in one transaction.

    If another writer was first, nothing of it is kept, and it is decided again.
    """

    def attempt() -> ca.Change:
        with transaction.atomic(using=using):
            change = client_access(using).handle(command)
            record(change)
            transaction.on_commit(partial(deliver, change.notices), using=using, robust=True)
            return change

    return ca.repeat_on_conflict(attempt)


def deliver(notices: tuple[ca.Notice, ...]) -> None:
    """Send notices. This example only logs that it would."""
    for notice in notices:
        log.info("%s to %s", type(notice).__name__, type(notice.recipient).__name__)
