"""Why a command is refused: codes, rules, sentences and ways out.

This file has every sentence that a refusal shows to a person. None of them contains a name, an
address or anything else about a client. :meth:`Refusal.translated` replaces them for another
language.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import final

import attrs
from attrs import frozen

from client_access.commands import (
    COMMAND_NAMES,
    AcceptPracticeInvitation,
    Activate,
    AddClient,
    AddService,
    ChangeBusinessName,
    ChangeContactDetails,
    ChangeEmail,
    ChoosePayer,
    CloseClient,
    Command,
    DeclinePracticeInvitation,
    DeleteClient,
    DisableAccess,
    EnableAccess,
    GiveAccess,
    ImportClient,
    InvitePractice,
    ProvideDirectDebit,
    RegisterCustomer,
    RemoveService,
    ReopenClient,
    ResendActivation,
    StopManaging,
    Subscribe,
    TransferClient,
    WithdrawAccess,
    WithdrawPracticeInvitation,
)
from client_access.errors import ClientAccessError
from client_access.values import Actor, ClientUser, IdentityEnum, PlatformUser, PracticeUser
from client_access.values.validation import check_type, to_text

_SENTENCE_LENGTH = 1000


class RefusalCode(IdentityEnum):
    """Why a command, or a sign-in, is refused (§8)."""

    UNKNOWN_CLIENT = "unknown_client"
    ACTOR_NOT_ALLOWED = "actor_not_allowed"
    NOT_IN_THIS_STATUS = "not_in_this_status"
    CLIENT_EXISTS = "client_exists"
    EMAIL_TAKEN = "email_taken"
    NO_SERVICES = "no_services"
    UNKNOWN_SERVICE = "unknown_service"
    SETUP_REQUIRED = "setup_required"
    PAYER_LOCKED = "payer_locked"
    EMAIL_MISSING = "email_missing"
    CLIENT_CANNOT_PAY = "client_cannot_pay"
    CLIENT_PAYS = "client_pays"
    NOTHING_TO_ADD = "nothing_to_add"
    SERVICE_ALREADY_ADDED = "service_already_added"
    SERVICE_NOT_HELD = "service_not_held"
    EMAILS_DIFFER = "emails_differ"
    ALREADY_ACTIVATED = "already_activated"
    ACTIVATION_UNKNOWN = "activation_unknown"
    ACTIVATION_EXPIRED = "activation_expired"
    NOT_INVITED_BY_PRACTICE = "not_invited_by_practice"
    NO_CLIENT_SIGN_IN = "no_client_sign_in"
    HAS_BEEN_ACTIVE = "has_been_active"
    INVITATION_PENDING = "invitation_pending"
    NO_PENDING_INVITATION = "no_pending_invitation"
    CONTACT_CUSTOMER_SERVICES = "contact_customer_services"
    # Of sign-in:
    UNKNOWN_ADDRESS = "unknown_address"
    NOT_ACTIVATED = "not_activated"
    DISABLED_BY_PRACTICE = "disabled_by_practice"
    DIRECT_DEBIT_MISSING = "direct_debit_missing"


_MESSAGES = {
    RefusalCode.UNKNOWN_CLIENT: "There is no such client among yours.",
    RefusalCode.ACTOR_NOT_ALLOWED: "This is not for you to do for this client.",
    RefusalCode.NOT_IN_THIS_STATUS: "This cannot be done in the client's present status.",
    RefusalCode.CLIENT_EXISTS: "This client id has been used before, and an id is used only once.",
    RefusalCode.EMAIL_TAKEN: "This email address is in use already, and each client needs its own.",
    RefusalCode.NO_SERVICES: "The client needs at least one service for this.",
    RefusalCode.UNKNOWN_SERVICE: "A service that was chosen is not on offer.",
    RefusalCode.SETUP_REQUIRED: "A service that was chosen needs a VAT scheme and account details.",
    RefusalCode.PAYER_LOCKED: "Who pays can no longer be changed once a service has been added.",
    RefusalCode.EMAIL_MISSING: "The client cannot sign in without an email address.",
    RefusalCode.CLIENT_CANNOT_PAY: "A client that cannot sign in cannot pay for its services.",
    RefusalCode.CLIENT_PAYS: "The client pays for its services itself, and this can be done only if"
    " the practice pays.",
    RefusalCode.NOTHING_TO_ADD: "The client has every service that is on offer.",
    RefusalCode.SERVICE_ALREADY_ADDED: "The client has this service already.",
    RefusalCode.SERVICE_NOT_HELD: "The client does not have this service.",
    RefusalCode.EMAILS_DIFFER: "The two email addresses are not the same.",
    RefusalCode.ALREADY_ACTIVATED: "The account has been activated already.",
    RefusalCode.ACTIVATION_UNKNOWN: "This activation is no longer the one to use.",
    RefusalCode.ACTIVATION_EXPIRED: "The activation has expired.",
    RefusalCode.NOT_INVITED_BY_PRACTICE: "The client invited the practice, so the practice cannot"
    " lock it out.",
    RefusalCode.NO_CLIENT_SIGN_IN: "Nobody could reach the data if the practice left now, because"
    " the client cannot sign in yet.",
    RefusalCode.HAS_BEEN_ACTIVE: "The client has been active, so it can be deleted only once it is"
    " closed.",
    RefusalCode.INVITATION_PENDING: "An invitation to a practice is waiting for an answer.",
    RefusalCode.NO_PENDING_INVITATION: "No invitation to a practice is waiting for an answer.",
    RefusalCode.CONTACT_CUSTOMER_SERVICES: "Only Customer Services change the business name"
    " of this client.",
    RefusalCode.UNKNOWN_ADDRESS: "Nobody signs in with this email address.",
    RefusalCode.NOT_ACTIVATED: "The account has not been activated yet.",
    RefusalCode.DISABLED_BY_PRACTICE: "Your practice has removed your access.",
    RefusalCode.DIRECT_DEBIT_MISSING: "Sign-in is closed until direct debit details are entered.",
}

RULE_OF = {
    RefusalCode.UNKNOWN_CLIENT: "C3",
    RefusalCode.ACTOR_NOT_ALLOWED: "§8",
    RefusalCode.NOT_IN_THIS_STATUS: "§8",
    RefusalCode.CLIENT_EXISTS: "L5",
    RefusalCode.EMAIL_TAKEN: "E1",
    RefusalCode.NO_SERVICES: "P2",
    RefusalCode.UNKNOWN_SERVICE: "S4",
    RefusalCode.SETUP_REQUIRED: "S1",
    RefusalCode.PAYER_LOCKED: "P2",
    RefusalCode.EMAIL_MISSING: "E2",
    RefusalCode.CLIENT_CANNOT_PAY: "P1",
    RefusalCode.CLIENT_PAYS: "P4",
    RefusalCode.NOTHING_TO_ADD: "S4",
    RefusalCode.SERVICE_ALREADY_ADDED: "S6",
    RefusalCode.SERVICE_NOT_HELD: "S3",
    RefusalCode.EMAILS_DIFFER: "E3",
    RefusalCode.ALREADY_ACTIVATED: "E6",
    RefusalCode.ACTIVATION_UNKNOWN: "E6",
    RefusalCode.ACTIVATION_EXPIRED: "E6",
    RefusalCode.NOT_INVITED_BY_PRACTICE: "L8",
    RefusalCode.NO_CLIENT_SIGN_IN: "L4",
    RefusalCode.HAS_BEEN_ACTIVE: "L5",
    RefusalCode.INVITATION_PENDING: "§8",
    RefusalCode.NO_PENDING_INVITATION: "§8",
    RefusalCode.CONTACT_CUSTOMER_SERVICES: "D2",
    RefusalCode.UNKNOWN_ADDRESS: "§8",
    RefusalCode.NOT_ACTIVATED: "§2",
    RefusalCode.DISABLED_BY_PRACTICE: "§2",
    RefusalCode.DIRECT_DEBIT_MISSING: "P6",
}
"""The rule that each refusal follows from, unless a guard names another."""


# ── Ways out ─────────────────────────────────────────────────────────────────────────────────────


@final
@frozen(cache_hash=True)
class WayOut:
    """One step that helps: a command and who gives it, or a step outside the library.

    Parameters:
        key: its stable name, by which :meth:`Refusal.translated` finds its translation.
        sentence: what to do, for people.
        command: the command that does it; None for a step outside the library.
        by: the kind of actor that gives the command; None for a step outside.
    """

    key: str
    sentence: str
    command: type[Command] | None = None
    by: type[Actor] | None = None


ACTOR_NAMES: dict[type[Actor], str] = {
    PracticeUser: "practice",
    ClientUser: "client",
    PlatformUser: "platform",
}
"""What each kind of actor is called in the keys of ways out."""

_INSIDE: dict[tuple[type[Command], type[Actor]], str] = {
    (AddClient, PracticeUser): "The practice adds the client.",
    (ImportClient, PracticeUser): "The practice imports the client.",
    (RegisterCustomer, PlatformUser): "Customer Services register the customer.",
    (ChoosePayer, PracticeUser): "The practice chooses who pays.",
    (Subscribe, PracticeUser): "The practice adds a first subscription.",
    (AddService, PracticeUser): "The practice adds the service.",
    (AddService, PlatformUser): "The client adds the service in its own settings.",
    (RemoveService, PracticeUser): "The practice removes the service.",
    (RemoveService, PlatformUser): "The client removes the service in its own settings.",
    (GiveAccess, PracticeUser): "The practice gives the client access.",
    (GiveAccess, PlatformUser): "Customer Services give the client access.",
    (WithdrawAccess, PracticeUser): "The practice withdraws the client's access.",
    (WithdrawAccess, PlatformUser): "Customer Services withdraw the client's access.",
    (ResendActivation, PracticeUser): "The practice sends the activation again.",
    (ResendActivation, PlatformUser): "Customer Services send the activation again.",
    (ChangeEmail, PracticeUser): "The practice checks the email address and enters the right one.",
    (ChangeEmail, ClientUser): "The client changes its email address.",
    (ChangeEmail, PlatformUser): "Customer Services change the email address.",
    (Activate, ClientUser): "The client follows the link in its activation email.",
    (DisableAccess, PracticeUser): "The practice disables the client's access.",
    (EnableAccess, PracticeUser): "The practice enables the client's access.",
    (StopManaging, PracticeUser): "The practice stops managing the client, which then pays.",
    (StopManaging, ClientUser): "The client ends the practice's access, and then pays.",
    (StopManaging, PlatformUser): "Customer Services end the practice's access.",
    (ProvideDirectDebit, ClientUser): "The client enters its direct debit details.",
    (ProvideDirectDebit, PlatformUser): "Customer Services enter the direct debit details.",
    (CloseClient, PracticeUser): "The practice closes the client.",
    (CloseClient, PlatformUser): "Customer Services close the client.",
    (ReopenClient, PracticeUser): "The practice reopens the client.",
    (ReopenClient, PlatformUser): "Customer Services reopen the client.",
    (TransferClient, PlatformUser): "Customer Services transfer the client.",
    (DeleteClient, PracticeUser): "The practice deletes the client.",
    (DeleteClient, PlatformUser): "Customer Services delete the client.",
    (InvitePractice, ClientUser): "The client invites a practice.",
    (WithdrawPracticeInvitation, ClientUser): "The client withdraws its practice invitation.",
    (AcceptPracticeInvitation, PracticeUser): "The invited practice accepts.",
    (DeclinePracticeInvitation, PracticeUser): "The invited practice declines.",
    (ChangeContactDetails, PracticeUser): "The practice changes the contact details.",
    (ChangeContactDetails, ClientUser): "The client changes its contact details.",
    (ChangeContactDetails, PlatformUser): "Customer Services change the contact details.",
    (ChangeBusinessName, PracticeUser): "The practice changes the business name.",
    (ChangeBusinessName, PlatformUser): "Customer Services change the business name.",
}

_WAYS = {
    command: {
        actor: WayOut(f"{COMMAND_NAMES[command]}.{ACTOR_NAMES[actor]}", sentence, command, actor)
        for (inside, actor), sentence in _INSIDE.items()
        if inside is command
    }
    for command in COMMAND_NAMES
}


def way(command: type[Command], *by: type[Actor]) -> WayOut:
    """Return the way out that is this command, by the first kind of actor that may give it."""
    ways = _WAYS[command]
    for kind in by[:-1]:
        if kind in ways:
            return ways[kind]
    return ways[by[-1]]


_OUTSIDE: dict[str, WayOut] = {}


def _outside(key: str, sentence: str) -> WayOut:
    return _OUTSIDE.setdefault(key, WayOut(key, sentence))


ANOTHER_ADDRESS = _outside("another_address", "Use another email address.")
CHECK_ADDRESS = _outside("check_address", "Check the email address for a slip.")
CHOOSE_HELD = _outside("choose_held", "Choose a service that the client has.")
CHOOSE_NOT_HELD = _outside("choose_not_held", "Choose a service that the client does not have.")
CHOOSE_OFFERED = _outside("choose_offered", "Choose only services that are on offer.")
CHOOSE_SERVICES = _outside("choose_services", "Choose at least one service.")
CONTACT_SUPPORT = _outside("contact_support", "Contact Support.")
CUSTOMER_SERVICES = _outside("customer_services", "Contact Customer Services.")
ENTER_SETUP = _outside("enter_setup", "Enter the VAT scheme and account details of the service.")
FOR_CLIENT = _outside("for_client", "This is for the client itself to do, when it can.")
FOR_PLATFORM = _outside("for_platform", "This is for Customer Services to do.")
FOR_PRACTICE = _outside("for_practice", "This is for the practice to do, when it can.")
FROM_THE_LIST = _outside("from_the_list", "Open the client from your own client list.")
INVITE_YOU = _outside(
    "invite_you", "If it is an existing customer's, ask that customer to invite the practice."
)
JUNK_FOLDER = _outside("junk_folder", "Look for the activation email in the junk folder.")
KEEP_RECORD = _outside("keep_record", "Keep the record: a client that was active is not deleted.")
LET_CLIENT_SIGN_IN = _outside("let_client_sign_in", "Let the client sign in too.")
LET_PRACTICE_PAY = _outside("let_practice_pay", "Let the practice pay.")
NEW_ID = _outside("new_id", "Use a new id for the new client.")
NEWEST_EMAIL = _outside("newest_email", "Use the link in the newest activation email.")
NOTHING_TO_DO = _outside("nothing_to_do", "Nothing remains to be done.")
PRACTICE_ALONE = _outside("practice_alone", "Let only the practice work on the data.")
SAME_ADDRESS_TWICE = _outside("same_address_twice", "Type the same email address twice.")
SETTLED = _outside("settled", "The client goes on paying: that cannot be given back.")
SIGN_IN = _outside("sign_in", "Sign in with the password chosen at activation.")


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────────


@final
@frozen
class Refusal:
    """Why a rule refuses a command, and what helps.

    Parameters:
        code: why, for programs.
        rule: the number of the rule it follows from.
        message: why, in one sentence for people; it holds no personal data.
        ways_out: the steps that help, in order of preference. A command among them is allowed now,
            or after the steps before it.
        services: the codes of the services concerned, if any.
    """

    code: RefusalCode
    rule: str
    message: str
    ways_out: tuple[WayOut, ...]
    services: tuple[str, ...] = ()

    def translated(self, texts: Mapping[str, str]) -> Refusal:
        """Return this refusal in other words.

        Parameters:
            texts: sentences by refusal code and by way-out key, as
                :func:`client_access.questions.texts.english` returns them; what is missing stays as
                it is.

        Raises:
            InvalidValue: a text is not a str, is blank, or is too long.
        """
        check_type("texts", texts, Mapping)

        def other(key: str, sentence: str) -> str:
            return to_text("texts", texts.get(key, sentence), _SENTENCE_LENGTH, lines=True)

        return attrs.evolve(
            self,
            message=other(self.code.value, self.message),
            ways_out=tuple(
                attrs.evolve(step, sentence=other(step.key, step.sentence))
                for step in self.ways_out
            ),
        )


class CommandRefused(ClientAccessError):
    """A rule refuses a command. Nothing has changed.

    Attributes:
        command: the command; None if a client was only read.
        refusal: the code, the rule, a sentence for people, and the ways out.
    """

    def __init__(self, command: Command | None, refusal: Refusal) -> None:
        super().__init__(command, refusal)
        self.command = command
        self.refusal = refusal

    def __str__(self) -> str:
        refusal = self.refusal
        return f"{refusal.code.value} ({refusal.rule}): {refusal.message}"

    def __repr__(self) -> str:
        asked = None if self.command is None else type(self.command).__name__
        return f"CommandRefused({asked}, {self.refusal.code.value})"


def refuse(
    code: RefusalCode, *ways_out: WayOut, rule: str | None = None, services: tuple[str, ...] = ()
) -> Refusal:
    """Return the refusal with this code, by its usual rule or by another."""
    if services:  # not cached: a caller's text is among them
        return Refusal(code, rule or RULE_OF[code], _MESSAGES[code], ways_out, services)
    return _refusal(code, rule, ways_out)


@cache
def _refusal(code: RefusalCode, rule: str | None, ways_out: tuple[WayOut, ...]) -> Refusal:
    return Refusal(code, rule or RULE_OF[code], _MESSAGES[code], ways_out)


def english() -> dict[str, str]:
    """Return every sentence of refusals and ways out by its key; `texts` adds all the others."""
    steps = [*(step for ways in _WAYS.values() for step in ways.values()), *_OUTSIDE.values()]
    return {
        **{code.value: message for code, message in _MESSAGES.items()},
        **{step.key: step.sentence for step in steps},
    }
