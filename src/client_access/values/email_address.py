"""Email addresses: what is one, what stands in its place, and when two are the same (E1, E2)."""

from __future__ import annotations

import re
from typing import final
from uuid import UUID

from attrs import field, frozen

from client_access.errors import InvalidValue
from client_access.values import fold
from client_access.values.validation import to_id, to_plain

_PLACEHOLDER_DOMAIN = "placeholder.invalid"
_ERASED_DOMAIN = "erased.invalid"
_ADDRESS_LENGTH = 254  # RFC 5321, §4.5.3.1.3

# Plain ASCII addresses, the great majority, are told sound by this pattern at a fiftieth of the
# cost of email-validator. It admits nothing that email-validator refuses, and what it does not
# admit is left to email-validator; a property test holds the two together.
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?![^.]*--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(rf"(?=.{{1,64}}@){_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+([A-Za-z]{{2,63}})")


@final
@frozen
class EmailAddress:
    """An address that mail can be sent to, or the placeholder of a client that has none (E1, E2).

    Parameters:
        address: the address as typed; mail goes to it as first spelt. No domain is looked up.

    Raises:
        InvalidValue: the text is no address, or lies under a reserved domain such as ``.invalid``.
    """

    address: str
    key: str = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        address = to_plain("address", self.address, str)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "key", _identity_key(address))

    @classmethod
    def placeholder(cls, client_id: UUID) -> EmailAddress:
        """Return the unique, invalid address of a client without one (E2)."""
        return cls._invalid(client_id, _PLACEHOLDER_DOMAIN)

    @classmethod
    def erased(cls, client_id: UUID) -> EmailAddress:
        """Return the unique, invalid address of a client whose own was erased."""
        return cls._invalid(client_id, _ERASED_DOMAIN)

    @classmethod
    def _invalid(cls, client_id: UUID, domain: str) -> EmailAddress:
        address = f"{to_id('client_id', client_id).hex}@{domain}"
        # Not by the constructor, which refuses whatever lies under .invalid.
        email = cls.__new__(cls)
        object.__setattr__(email, "address", address)
        object.__setattr__(email, "key", address)
        return email

    @property
    def is_placeholder(self) -> bool:
        """Whether this stands for an address that the client does not have."""
        return self.key.endswith("@" + _PLACEHOLDER_DOMAIN)

    @property
    def is_erased(self) -> bool:
        """Whether this stands for an address that was erased."""
        return self.key.endswith("@" + _ERASED_DOMAIN)

    @property
    def is_mailable(self) -> bool:
        """Whether mail can be sent to it."""
        return not self.key.endswith(".invalid")  # which no address is, for RFC 2606 reserves it

    def __str__(self) -> str:
        return self.address


def _identity_key(address: str) -> str:
    """Return what two addresses share when they are the same (E1)."""
    # Imported with the first address: it would be a fifth of the time to import client_access.
    import email_validator  # noqa: PLC0415

    if len(address) > _ADDRESS_LENGTH:
        raise InvalidValue("address", f"is longer than {_ADDRESS_LENGTH} characters")
    plain = _PLAIN.fullmatch(address)
    if plain and plain[1].lower() not in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        return address.lower()
    try:
        parts = email_validator.validate_email(address, check_deliverability=False)
    except email_validator.EmailNotValidError as problem:
        # In brackets stands what repeats a part of the address.
        reason = re.sub(r" \(.*\)", "", str(problem))
        raise InvalidValue("address", f"is not a valid address: {reason}") from None
    return f"{fold(parts.local_part)}@{parts.ascii_domain.lower()}"


def parse_email(name: str, value: object) -> EmailAddress:
    """Return the address that somebody typed, or gave as a value already made.

    Raises:
        InvalidValue: it is no address, or stands for one that is missing or was erased (E2); `name`
            is the field it names.
    """
    email = parse_kept_email(name, value)
    if email.is_erased:
        raise InvalidValue(name, "was erased, so it is no address that mail can be sent to")
    return email


def parse_kept_email(name: str, value: object) -> EmailAddress:
    """Return the address in a command: one that somebody typed, or what stands for it once erased.

    A command that is kept may hold an erased address; it is not decided on again.

    Raises:
        InvalidValue: it is no address, or a placeholder (E2); `name` is the field it names.
    """
    if type(value) is not EmailAddress:
        try:
            return EmailAddress(to_plain("address", value, str))
        except InvalidValue as problem:
            raise InvalidValue(name, problem.reason) from None
    if value.is_placeholder:
        raise InvalidValue(name, "is a placeholder, not an address that mail can be sent to")
    return value
