"""The oracle: rules §8 as a table, written from the rules and not from the library.

`answer` returns what the rules say about a command: a refusal code, the event that it yields, that
nothing would change, or that it is malformed. `services_concerned` returns the services that a
refusal names. `facts_after` returns what the client is afterwards. All three see a client through
`facts`, which copies its fields out as strings, numbers and tuples. The oracle uses nothing of the
library but its classes and the fields of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import client_access as ca

# ── Facts and questions ──────────────────────────────────────────────────────────────────────────

PRACTICE, CLIENT, PLATFORM = "practice", "client", "platform"
KINDS: dict[type, str] = {
    ca.PracticeUser: PRACTICE,
    ca.ClientUser: CLIENT,
    ca.PlatformUser: PLATFORM,
}

Facts = dict[str, Any]


def facts(client: ca.Client | None) -> Facts:
    """Return a client's fields in plain words; none for no client."""
    if client is None:
        return {}
    activation, invitation = client.activation, client.practice_invitation
    owed = client.direct_debit
    return {
        "id": client.id,
        "version": client.version,
        "kind": client.kind.value,
        "business_name": client.business_name,
        "contact": client.contact,
        "email": client.email.address,
        "source": client.source.value,
        "status": client.status.value,
        "payer_state": client.payer_state.value,
        "services": {held.code: held.setup for held in client.services},
        "practice_id": client.practice_id,
        "activation": activation
        and (activation.id, activation.sent_at, activation.expires_at, activation.times_sent),
        "invitation": invitation and (invitation.practice_id, invitation.invited_at),
        "established": client.established,
        "direct_debit": owed and (owed.asked_at, owed.due),
        "direct_debit_given": client.direct_debit_given,
    }


@dataclass(frozen=True)
class Shop:
    """The codes of the services that are offered, and of those that need setup (S1, S4)."""

    offered: frozenset[str]
    needs_setup: frozenset[str]


@dataclass(frozen=True)
class Asked:
    """One question to the oracle."""

    client: Facts
    command: Any
    at: datetime
    shop: Shop
    owner: UUID | None = None
    activation_lifetime: timedelta = timedelta(days=30)
    unpaid_access: timedelta | None = timedelta(days=30)

    @property
    def kind(self) -> str:
        return KINDS[type(self.command.by)]

    @property
    def status(self) -> str | None:
        return self.client.get("status")

    @property
    def selection(self) -> dict[str, Any]:
        """The services that the command would add."""
        if isinstance(self.command, ca.AddService):
            return {self.command.service: self.command.setup}
        return {held.code: held.setup for held in self.command.services}

    @property
    def placeholder(self) -> bool:
        return is_placeholder(self.client["email"])

    @property
    def client_pays(self) -> bool:
        return self.client["payer_state"] in {"client_chosen", "client_locked"}

    @property
    def practice_pays(self) -> bool:
        return self.client["payer_state"] in {"practice_chosen", "practice_locked"}


def is_placeholder(address: str) -> bool:
    """E2: whether the address is under the reserved domain."""
    return address.endswith(".invalid")


def placeholder_of(client_id: UUID) -> str:
    """E2: the placeholder is made from the client's id."""
    return f"{client_id.hex}@placeholder.invalid"


def key(address: str) -> str:
    """E1: the key of an address. The tests that use it have ASCII addresses only."""
    assert address.isascii()
    return address.lower()


# ── The table ────────────────────────────────────────────────────────────────────────────────────

MANAGED = frozenset(
    {"inactive", "practice_only", "awaiting_activation", "both_access", "disabled", "closed"}
)
UNMANAGED = frozenset({"unmanaged"})
ANY = MANAGED | UNMANAGED
BUT_INACTIVE_AND_CLOSED = ANY - {"inactive", "closed"}
NEW = frozenset({"new"})


@dataclass(frozen=True)
class Own:
    """One of a command's own refusals, and when it applies.

    `reads` says whether it reads the command's own fields, which `actions` does not know yet.
    """

    code: str
    applies: Callable[[Asked], bool]
    reads: bool = False


@dataclass(frozen=True)
class Row:
    """One row of rules §8."""

    command: type
    event: type
    by: Mapping[str, frozenset[str]]
    own: tuple[Own, ...] = ()
    changes: Callable[[Asked], Facts] = field(default=lambda asked: {})
    unchanged: Callable[[Asked], bool] | None = None
    malformed: Callable[[Asked], bool] = field(default=lambda asked: False)


def _services_missing(asked: Asked) -> bool:
    return not asked.selection


def _unknown(asked: Asked) -> list[str]:
    return [code for code in asked.selection if code not in asked.shop.offered]


def _without_setup(asked: Asked) -> list[str]:
    return [
        code
        for code, setup in asked.selection.items()
        if setup is None and code in asked.shop.needs_setup
    ]


def _needless_setup(asked: Asked) -> bool:
    return any(
        setup is not None and code not in asked.shop.needs_setup
        for code, setup in asked.selection.items()
    )


def _taken(asked: Asked) -> bool:
    return asked.owner is not None and asked.owner != asked.command.client_id


def _practice_where_client_pays(asked: Asked) -> bool:
    return asked.kind == PRACTICE and asked.client_pays


def _with_client(asked: Asked) -> bool:
    return bool(asked.command.sign_in is ca.SignIn.PRACTICE_AND_CLIENT)


CLIENT_EXISTS = Own("client_exists", lambda asked: bool(asked.client))
EMAIL_TAKEN = Own("email_taken", _taken, reads=True)
NO_SERVICES = Own("no_services", _services_missing, reads=True)
UNKNOWN_SERVICE = Own("unknown_service", lambda asked: bool(_unknown(asked)), reads=True)
SETUP_REQUIRED = Own("setup_required", lambda asked: bool(_without_setup(asked)), reads=True)
CLIENT_PAYS = Own("client_pays", _practice_where_client_pays)
NO_PENDING_INVITATION = Own("no_pending_invitation", lambda asked: not asked.client["invitation"])


def _sent(asked: Asked, activation_id: UUID) -> tuple[Any, ...]:
    """A new activation (E6)."""
    return (activation_id, asked.at, asked.at + asked.activation_lifetime, 1)


def _sent_again(asked: Asked) -> Facts:
    """The same activation with a new lifetime, and the sending counted (E5).

    Without an address nothing is sent, and the activation stays as it is (E2, E7).
    """
    if asked.status != "awaiting_activation" or asked.placeholder:
        return {}
    activation_id, _, _, times = asked.client["activation"]
    ends = asked.at + asked.activation_lifetime
    return {"activation": (activation_id, asked.at, ends, times + 1)}


def _asked_for_details(asked: Asked) -> Facts:
    """Direct debit details are asked for once, by a moment that is then fixed (P6)."""
    if asked.client["direct_debit"] or asked.client["direct_debit_given"]:
        return {}
    grace = asked.unpaid_access
    return {"direct_debit": (asked.at, None if grace is None else asked.at + grace)}


def _new(asked: Asked) -> Facts:
    command = asked.command
    practice, payer = command.by, getattr(command, "payer", None)
    start: Facts = {
        "id": command.client_id,
        "version": 0,
        "kind": command.kind.value,
        "business_name": command.business_name,
        "contact": command.contact,
        "email": command.email.address if command.email else placeholder_of(command.client_id),
        "source": "customer",
        "status": "unmanaged",
        "payer_state": "client_locked",
        "services": {},
        "practice_id": None,
        "activation": None,
        "invitation": None,
        "established": False,
        "direct_debit": None,
        "direct_debit_given": True,
    }
    if isinstance(command, ca.RegisterCustomer):
        return {**start, "services": asked.selection}
    return {
        **start,
        "direct_debit_given": False,
        "status": "inactive",
        "source": "added" if isinstance(command, ca.AddClient) else "imported",
        "payer_state": "undecided" if payer is None else f"{payer.value}_chosen",
        "practice_id": practice.practice_id,
    }


def _subscribe(asked: Asked) -> Facts:
    command = asked.command
    together = _with_client(asked)
    return {
        "status": "awaiting_activation" if together else "practice_only",
        "payer_state": f"{command.payer.value}_locked",
        "services": asked.selection,
        "activation": _sent(asked, command.activation_id) if together else None,
        "established": not together,
    }


def _add_service(asked: Asked) -> Facts:
    held = asked.client["services"]
    activated = asked.status in {"both_access", "disabled", "unmanaged"}
    first_of_its_own = asked.client_pays and activated and not held
    return {
        "services": {**held, **asked.selection},
        **_sent_again(asked),
        **(_asked_for_details(asked) if first_of_its_own else {}),
    }


def _remove_service(asked: Asked) -> Facts:
    left = dict(asked.client["services"])
    del left[asked.command.service]
    return {"services": left, **({} if left else {"direct_debit": None})}


def _give_access(asked: Asked) -> Facts:
    command = asked.command
    return {
        "status": "awaiting_activation",
        "email": command.email.address,
        "activation": _sent(asked, command.activation_id),
    }


def _change_email(asked: Asked) -> Facts:
    command = asked.command
    awaiting = asked.status == "awaiting_activation"
    return {
        "email": command.email.address,
        "activation": _sent(asked, command.activation_id) if awaiting else None,
    }


def _activate(asked: Asked) -> Facts:
    comes_to_pay = asked.client_pays and asked.client["services"]
    return {
        "status": "both_access",
        "activation": None,
        "established": True,
        **(_asked_for_details(asked) if comes_to_pay else {}),
    }


def _withdraw_access(asked: Asked) -> Facts:
    return {
        "status": "practice_only",
        "email": placeholder_of(asked.client["id"]),
        "activation": None,
        "established": True,
    }


def _stop_managing(asked: Asked) -> Facts:
    comes_to_pay = asked.practice_pays and asked.client["services"]
    return {
        "status": "unmanaged",
        "payer_state": "client_locked",
        "practice_id": None,
        **(_asked_for_details(asked) if comes_to_pay else {}),
    }


def _close(asked: Asked) -> Facts:
    return {"status": "closed", "services": {}, "email": placeholder_of(asked.client["id"])}


def _delete(asked: Asked) -> Facts:
    return {
        "status": "deleted",
        "business_name": "",
        "contact": ca.ContactDetails(),
        "email": placeholder_of(asked.client["id"]),
        "services": {},
        "practice_id": None,
        "activation": None,
    }


ROWS: tuple[Row, ...] = (
    Row(ca.AddClient, ca.ClientAdded, {PRACTICE: NEW}, (CLIENT_EXISTS, EMAIL_TAKEN), _new),
    Row(ca.ImportClient, ca.ClientImported, {PRACTICE: NEW}, (CLIENT_EXISTS, EMAIL_TAKEN), _new),
    Row(
        ca.RegisterCustomer,
        ca.CustomerRegistered,
        {PLATFORM: NEW},
        (CLIENT_EXISTS, NO_SERVICES, UNKNOWN_SERVICE, SETUP_REQUIRED, EMAIL_TAKEN),
        _new,
        malformed=_needless_setup,
    ),
    Row(
        ca.ChoosePayer,
        ca.PayerChosen,
        {PRACTICE: MANAGED - {"closed"}},
        (
            Own(
                "payer_locked",
                lambda asked: asked.client["payer_state"] in {"practice_locked", "client_locked"},
            ),
        ),
        lambda asked: {"payer_state": f"{asked.command.payer.value}_chosen"},
        unchanged=lambda asked: (
            asked.client["payer_state"] == f"{asked.command.payer.value}_chosen"
        ),
    ),
    Row(
        ca.Subscribe,
        ca.Subscribed,
        {PRACTICE: frozenset({"inactive"})},
        (
            NO_SERVICES,
            UNKNOWN_SERVICE,
            SETUP_REQUIRED,
            Own(
                "email_missing",
                lambda asked: _with_client(asked) and asked.placeholder,
                reads=True,
            ),
            Own(
                "client_cannot_pay",
                lambda asked: not _with_client(asked) and asked.command.payer is ca.Payer.CLIENT,
                reads=True,
            ),
        ),
        _subscribe,
        malformed=_needless_setup,
    ),
    Row(
        ca.AddService,
        ca.ServiceAdded,
        {PRACTICE: MANAGED & BUT_INACTIVE_AND_CLOSED, PLATFORM: BUT_INACTIVE_AND_CLOSED},
        (
            CLIENT_PAYS,
            Own(
                "nothing_to_add", lambda asked: asked.shop.offered <= set(asked.client["services"])
            ),
            UNKNOWN_SERVICE,
            Own(
                "service_already_added",
                lambda asked: asked.command.service in asked.client["services"],
                reads=True,
            ),
            SETUP_REQUIRED,
        ),
        _add_service,
        malformed=_needless_setup,
    ),
    Row(
        ca.RemoveService,
        ca.ServiceRemoved,
        {PRACTICE: MANAGED & BUT_INACTIVE_AND_CLOSED, PLATFORM: BUT_INACTIVE_AND_CLOSED},
        (
            CLIENT_PAYS,
            Own("service_not_held", lambda asked: not asked.client["services"]),
            Own(
                "service_not_held",
                lambda asked: asked.command.service not in asked.client["services"],
                reads=True,
            ),
        ),
        _remove_service,
    ),
    Row(
        ca.GiveAccess,
        ca.AccessGiven,
        dict.fromkeys((PRACTICE, PLATFORM), frozenset({"practice_only"})),
        (
            Own(
                "emails_differ",
                lambda asked: (
                    key(asked.command.email.address) != key(asked.command.confirm_email.address)
                ),
                reads=True,
            ),
            EMAIL_TAKEN,
        ),
        _give_access,
    ),
    Row(
        ca.ResendActivation,
        ca.ActivationResent,
        dict.fromkeys((PRACTICE, PLATFORM), frozenset({"awaiting_activation"})),
        (
            Own("email_missing", lambda asked: asked.placeholder),
            Own(
                "no_services",
                lambda asked: asked.kind == PRACTICE and not asked.client["services"],
            ),
        ),
        _sent_again,
    ),
    Row(
        ca.ChangeEmail,
        ca.EmailChanged,
        {
            PRACTICE: frozenset({"inactive", "practice_only", "awaiting_activation"}),
            CLIENT: frozenset({"both_access", "unmanaged"}),
            PLATFORM: ANY - {"closed"},
        },
        (EMAIL_TAKEN,),
        _change_email,
        unchanged=lambda asked: key(asked.client["email"]) == key(asked.command.email.address),
        malformed=lambda asked: (
            asked.status == "awaiting_activation"
            and asked.client["activation"][0] == asked.command.activation_id
        ),
    ),
    Row(
        ca.WithdrawAccess,
        ca.AccessWithdrawn,
        dict.fromkeys((PRACTICE, PLATFORM), frozenset({"awaiting_activation", "disabled"})),
        (Own("client_pays", lambda asked: asked.client_pays),),
        _withdraw_access,
    ),
    Row(
        ca.Activate,
        ca.Activated,
        {CLIENT: ANY - {"inactive", "practice_only", "closed"}},
        (
            Own("already_activated", lambda asked: asked.status != "awaiting_activation"),
            Own(
                "activation_unknown",
                lambda asked: asked.client["activation"][0] != asked.command.activation_id,
                reads=True,
            ),
            Own("activation_expired", lambda asked: asked.at >= asked.client["activation"][2]),
        ),
        _activate,
    ),
    Row(
        ca.DisableAccess,
        ca.AccessDisabled,
        {PRACTICE: frozenset({"both_access"})},
        (
            Own("not_invited_by_practice", lambda asked: asked.client["source"] == "customer"),
            Own("client_pays", lambda asked: asked.client_pays),
        ),
        lambda asked: {"status": "disabled"},
    ),
    Row(
        ca.EnableAccess,
        ca.AccessEnabled,
        {PRACTICE: frozenset({"disabled"})},
        (),
        lambda asked: {"status": "both_access"},
    ),
    Row(
        ca.StopManaging,
        ca.ManagementStopped,
        {
            **dict.fromkeys((PRACTICE, PLATFORM), MANAGED & BUT_INACTIVE_AND_CLOSED),
            CLIENT: frozenset({"both_access"}),
        },
        (
            Own(
                "no_client_sign_in",
                lambda asked: asked.status in {"practice_only", "awaiting_activation"},
            ),
        ),
        _stop_managing,
    ),
    Row(
        ca.ProvideDirectDebit,
        ca.DirectDebitProvided,
        dict.fromkeys((CLIENT, PLATFORM), frozenset({"both_access", "unmanaged"})),
        (),
        lambda asked: {"direct_debit": None, "direct_debit_given": True},
        unchanged=lambda asked: asked.client["direct_debit"] is None,
    ),
    Row(
        ca.CloseClient,
        ca.ClientClosed,
        dict.fromkeys((PRACTICE, PLATFORM), frozenset({"practice_only"})),
        (),
        _close,
    ),
    Row(
        ca.ReopenClient,
        ca.ClientReopened,
        dict.fromkeys((PRACTICE, PLATFORM), frozenset({"closed"})),
        (),
        lambda asked: {"status": "practice_only"},
    ),
    Row(
        ca.TransferClient,
        ca.ClientTransferred,
        {PLATFORM: MANAGED},
        (),
        lambda asked: {"practice_id": asked.command.practice_id},
        unchanged=lambda asked: asked.client["practice_id"] == asked.command.practice_id,
    ),
    Row(
        ca.DeleteClient,
        ca.ClientDeleted,
        dict.fromkeys(
            (PRACTICE, PLATFORM), frozenset({"inactive", "awaiting_activation", "closed"})
        ),
        (
            Own(
                "has_been_active",
                lambda asked: (
                    asked.status == "awaiting_activation" and bool(asked.client["established"])
                ),
            ),
        ),
        _delete,
    ),
    Row(
        ca.InvitePractice,
        ca.PracticeInvited,
        {CLIENT: UNMANAGED},
        (Own("invitation_pending", lambda asked: asked.client["invitation"] is not None),),
        lambda asked: {"invitation": (asked.command.practice_id, asked.at)},
    ),
    Row(
        ca.WithdrawPracticeInvitation,
        ca.PracticeInvitationWithdrawn,
        {CLIENT: UNMANAGED},
        (NO_PENDING_INVITATION,),
        lambda asked: {"invitation": None},
    ),
    Row(
        ca.AcceptPracticeInvitation,
        ca.PracticeInvitationAccepted,
        {PRACTICE: UNMANAGED},
        (),
        lambda asked: {
            "status": "both_access",
            "practice_id": asked.client["invitation"][0],
            "invitation": None,
            "source": "customer",
            "established": True,
        },
    ),
    Row(
        ca.DeclinePracticeInvitation,
        ca.PracticeInvitationDeclined,
        {PRACTICE: UNMANAGED},
        (),
        lambda asked: {"invitation": None},
    ),
    Row(
        ca.ChangeContactDetails,
        ca.ContactDetailsChanged,
        {
            PRACTICE: MANAGED,
            CLIENT: frozenset({"both_access", "unmanaged"}),
            PLATFORM: ANY,
        },
        (),
        lambda asked: {"contact": asked.command.contact},
        unchanged=lambda asked: asked.client["contact"] == asked.command.contact,
    ),
    Row(
        ca.ChangeBusinessName,
        ca.BusinessNameChanged,
        dict.fromkeys((PRACTICE, CLIENT, PLATFORM), ANY),
        (
            Own(
                "contact_customer_services",
                lambda asked: (
                    asked.kind == CLIENT
                    or (
                        asked.kind == PRACTICE
                        and asked.status in {"both_access", "disabled", "unmanaged"}
                    )
                ),
            ),
        ),
        lambda asked: {"business_name": asked.command.business_name},
        unchanged=lambda asked: asked.client["business_name"] == asked.command.business_name,
    ),
)

ROW_OF: dict[type, Row] = {row.command: row for row in ROWS}

# ── The answers ──────────────────────────────────────────────────────────────────────────────────

UNCHANGED = "="
MALFORMED = "malformed"


def has_client(client: Facts, by: Any) -> bool:
    """§8: whether an actor has a client."""
    if not client or client["status"] == "deleted":
        return False
    match KINDS[type(by)]:
        case "practice":
            invited = client["invitation"] and client["invitation"][0]
            return by.practice_id in {client["practice_id"], invited}
        case "client":
            return bool(by.client_id == client["id"])
        case _:
            return True


def _of_actor(asked: Asked, row: Row) -> str | None:
    new = NEW in row.by.values()
    if not new and not has_client(asked.client, asked.command.by):
        return "unknown_client"
    if asked.kind not in row.by:
        return "actor_not_allowed"
    if not new and asked.status not in row.by[asked.kind]:
        return "not_in_this_status"
    return None


def refusal_before_fields(asked: Asked) -> str | None:
    """Return the first refusal that does not read the command's own fields, as `actions` does."""
    row = ROW_OF[type(asked.command)]
    if code := _of_actor(asked, row):
        return code
    return next((own.code for own in row.own if not own.reads and own.applies(asked)), None)


def own_refusals(asked: Asked) -> list[str]:
    """Return every own refusal that applies, in order; none if an earlier check fails."""
    row = ROW_OF[type(asked.command)]
    if _of_actor(asked, row):
        return []
    codes = []
    for own in row.own:
        if own.applies(asked):
            codes.append(own.code)
            if own.code == "already_activated":
                break  # the refusals after it read an activation, and there is none
    return codes


def answer(asked: Asked) -> str | type:
    """Return what the rules say about a command."""
    row = ROW_OF[type(asked.command)]
    if code := _of_actor(asked, row):
        return code
    for own in row.own:
        if own.applies(asked):
            return own.code
    if row.unchanged is not None and row.unchanged(asked):
        return UNCHANGED
    if row.malformed(asked):
        return MALFORMED
    return row.event


def services_concerned(asked: Asked) -> list[str]:
    """Return the codes that the refusal of a command names, by code (§8)."""
    match answer(asked):
        case "unknown_service":
            return sorted(_unknown(asked))
        case "setup_required":
            return sorted(_without_setup(asked))
        case "service_already_added":
            return [asked.command.service]
        case "service_not_held" if asked.client["services"]:
            return [asked.command.service]
        case _:
            return []


def facts_after(asked: Asked) -> Facts:
    """Return what the client is once the command is accepted."""
    after = {**asked.client, **ROW_OF[type(asked.command)].changes(asked)}
    return {**after, "version": after["version"] + 1}
