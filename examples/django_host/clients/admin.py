"""The clients of a practice in Django's admin. Every change goes through a command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

import client_access as ca
from client_access.commands import COMMANDS
from client_access.values import fold
from client_access.wire import InvalidInput, read_command

from .access import actor_of, client_access, handle
from .models import StoredClient

# The commands that need nothing but the client, and the permission of Django's admin for each.
BUTTONS = {
    "resend_activation": "change",
    "withdraw_access": "change",
    "disable_access": "change",
    "enable_access": "change",
    "accept_practice_invitation": "change",
    "decline_practice_invitation": "change",
    "stop_managing": "change",
    "close_client": "change",
    "reopen_client": "change",
    "delete_client": "remove",
}

# A page about a client does not say that others give a command, or that it makes a new client.
FOR_OTHERS = (ca.RefusalCode.ACTOR_NOT_ALLOWED, ca.RefusalCode.CLIENT_EXISTS)


def words_of(command: str) -> str:
    """Return what a command is called on the screen."""
    return command.replace("_", " ").capitalize()


def reason_of(refusal: ca.Refusal) -> SafeString:
    """Return why something is refused, and what helps."""
    ways_out = " ".join(way.sentence for way in refusal.ways_out)
    return format_html("{} (rule {}) <em>{}</em>", refusal.message, refusal.rule, ways_out)


def action_for(command: str, permission: str) -> Callable[..., None]:
    """Return the action that gives a command for each client that is ticked in the list."""

    @admin.action(description=words_of(command), permissions=[permission])
    def act(
        model_admin: StoredClientAdmin, request: HttpRequest, rows: QuerySet[StoredClient]
    ) -> None:
        for row in rows:
            model_admin.give(request, row, command)

    act.__name__ = command
    return act


def seen(row: StoredClient) -> ca.Client | None:
    """Return what a practice sees of a client: of one that has only invited it, nothing (C3)."""
    only_invites = row.practice_id is not None and row.managed_by is None
    return None if only_invites else row.readable


class AddClientForm(forms.ModelForm):
    """What a practice types to add a client. A refusal is an error of the form."""

    by: ca.PracticeUser
    business_name = forms.CharField()
    email = forms.CharField(required=False)

    class Meta:
        model = StoredClient
        fields: tuple[str, ...] = ()

    def clean(self) -> None:
        """Ask what the command would do."""
        typed = {name: text for name, text in self.cleaned_data.items() if text}
        try:
            self.command = read_command("add_client", typed, client_id=uuid4(), by=self.by)
            client_access().preview(self.command)
        except InvalidInput as wrong:
            for problem in wrong.problems:
                known = problem.field in self.fields
                self.add_error(*(problem.field, problem.reason) if known else (None, str(problem)))
        except ca.CommandRefused as refused:
            raise ValidationError(reason_of(refused.refusal)) from refused


@admin.register(StoredClient)
class StoredClientAdmin(admin.ModelAdmin):
    """The list of clients, and for each what can be done, and why not the rest."""

    actions = [action_for(command, permission) for command, permission in BUTTONS.items()]
    list_display = ("name", "status", "payer", "services", "in_list")
    list_filter = ("client_list",)
    search_fields = ("searched",)  # by get_search_results()
    ordering = ("folded_name", "pk")
    form = AddClientForm
    shown = ("name", "email", "status", "payer", "services", "in_list")
    change_form_template = "clients/change_client.html"

    # ── What is seen ─────────────────────────────────────────────────────────────────────────────

    def get_queryset(self, request: HttpRequest) -> QuerySet[StoredClient]:
        """Return the clients in the lists of the user's practice; Customer Services see all."""
        rows = super().get_queryset(request)
        match actor_of(request.user):
            case ca.PracticeUser() as user:
                return rows.filter(practice_id=user.practice_id)
            case ca.PlatformUser():
                return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StoredClient], search_term: str
    ) -> tuple[QuerySet[StoredClient], bool]:
        """Search names and addresses as the library does (C2)."""
        return queryset.filter(searched__contains=fold(search_term.strip())), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow no other filter than that of the lists: one by address would tell it (C3)."""
        return lookup == "client_list"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the log of a client to Customer Services only (C3)."""
        if not isinstance(actor_of(request.user), ca.PlatformUser):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)

    def name(self, row: StoredClient) -> str:
        """Return the business name, which an invited practice sees too."""
        client = row.readable
        return client.business_name or "(deleted)" if client else "(cannot be read)"

    def email(self, row: StoredClient) -> str:
        """Return the address, unless it is a placeholder."""
        client = seen(row)
        return client.email.address if client and client.email.is_mailable else "-"

    def status(self, row: StoredClient) -> str:
        """Return the label of the status."""
        client = seen(row)
        if row.readable is None:
            return "-"
        return client.status.label if client else "New Client Invitation"

    def payer(self, row: StoredClient) -> str:
        """Return who pays."""
        client = seen(row)
        return client.payer.value if client and client.payer else "-"

    def services(self, row: StoredClient) -> str:
        """Return the codes of the services."""
        client = seen(row)
        return ", ".join(held.code for held in client.services) or "-" if client else "-"

    @admin.display(ordering="client_list")
    def in_list(self, row: StoredClient) -> str:
        """Return the list in which the client is."""
        return row.client_list or "-"

    # ── What is done ─────────────────────────────────────────────────────────────────────────────

    def give(self, request: HttpRequest, row: StoredClient, command: str) -> None:
        """Give a command without fields, and say what came of it."""
        words, name = words_of(command), self.name(row)
        asked = read_command(command, {}, client_id=row.pk, by=actor_of(request.user))
        try:
            handle(asked, lambda _: self.log_change(request, row, words))
        except ca.CommandRefused as refused:
            reason = reason_of(refused.refusal)
            messages.error(request, format_html("{}: {}: {}", name, words, reason))
        else:
            messages.success(request, f"{name}: {words}: done.")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a client with what can be done and why not the rest, or do it."""
        row = self.get_object(request, object_id)
        if row is not None and request.method == "POST":
            command = request.POST.get("command", "")
            if not self.may(request, command):
                raise PermissionDenied
            self.give(request, row, command)
            return HttpResponseRedirect(request.path)
        if row is not None:
            extra_context = {**(extra_context or {}), **self.possible(request, row)}
        return super().change_view(request, object_id, form_url, extra_context)

    def possible(self, request: HttpRequest, row: StoredClient) -> dict[str, Any]:
        """Return what can be done with a client now, and why the rest is refused."""
        actions = client_access().actions(row.pk, actor_of(request.user))
        allowed = [name for name, command in COMMANDS.items() if command in actions.allowed]
        return {
            "buttons": [(name, words_of(name)) for name in allowed if self.may(request, name)],
            "with_details": [words_of(name) for name in allowed if name not in BUTTONS],
            "refused": [
                (words_of(name), reason_of(actions.refused[command]))
                for name, command in COMMANDS.items()
                if command in actions.refused and actions.refused[command].code not in FOR_OTHERS
            ],
        }

    def may(self, request: HttpRequest, command: str) -> bool:
        """Return whether it is a button, and Django's permissions let the user press it."""
        check = getattr(self, f"has_{BUTTONS.get(command)}_permission", None)
        return check is not None and bool(check(request))

    def has_remove_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may give the command that deletes a client."""
        return super().has_delete_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: StoredClient | None = None) -> bool:
        """Return False: Django must delete no row."""
        return False

    # ── Adding ───────────────────────────────────────────────────────────────────────────────────

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user has Django's permission and acts for a practice."""
        allowed = super().has_add_permission(request)
        return allowed and isinstance(actor_of(request.user), ca.PracticeUser)

    def get_fields(self, request: HttpRequest, obj: StoredClient | None = None) -> tuple[str, ...]:
        """Return what is shown of a client, or typed to add one."""
        return self.shown if obj else ("business_name", "email")

    def get_readonly_fields(
        self, request: HttpRequest, obj: StoredClient | None = None
    ) -> tuple[str, ...]:
        """Return what is shown of a client: all of it."""
        return self.shown if obj else ()

    def get_form(
        self,
        request: HttpRequest,
        obj: StoredClient | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[forms.ModelForm[StoredClient]]:
        """Return the form of a new client, which knows who adds it."""
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        return type("Form", (AddClientForm,), {"by": actor_of(request.user)})

    def save_model(
        self, request: HttpRequest, obj: StoredClient, form: AddClientForm, change: bool
    ) -> None:
        """Give the command of the form. Django's view has begun a transaction."""
        obj.client = handle(form.command, lambda _: None).after
