"""What the page calls things that the library only has names for."""

from __future__ import annotations

_LABELS = {
    "add_client": "Add a client",
    "import_client": "Import a client",
    "register_customer": "Register a customer",
    "subscribe": "Add a first subscription",
    "choose_payer": "Choose who pays",
    "add_service": "Add a service",
    "remove_service": "Remove a service",
    "resend_activation": "Resend the activation",
    "change_email": "Change the address",
    "provide_direct_debit": "Enter direct debit details",
    "close_client": "Close the client",
    "reopen_client": "Reopen the client",
    "transfer_client": "Transfer to another practice",
    "delete_client": "Delete the client",
    "invite_practice": "Invite a practice",
    "accept_practice_invitation": "Accept the invitation",
    "decline_practice_invitation": "Decline the invitation",
    "withdraw_practice_invitation": "Withdraw the invitation",
}


def in_words(name: str) -> str:
    """Return a name of the code in words: flat_rate is Flat rate."""
    return name.replace("_", " ").capitalize()


def label_of(command: str) -> str:
    """Return what the button of a command says."""
    return _LABELS.get(command) or in_words(command)


def practice_name(practice_id: str) -> str:
    """Return the name of a practice: its id, in words."""
    return practice_id.replace("-", " ").title()
