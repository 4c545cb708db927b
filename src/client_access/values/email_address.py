"""Email addresses: which are valid, which are the same, and what replaces a missing one."""

from __future__ import annotations

import re
from typing import final
from uuid import UUID

from attrs import field, frozen

from client_access.errors import InvalidValue
from client_access.values import fold
from client_access.values.validation import to_id, to_plain, to_text

_INVALID = ".invalid"  # reserved by RFC 2606
_PLACEHOLDER_DOMAIN = f"placeholder{_INVALID}"
_ERASED_DOMAIN = f"erased{_INVALID}"
ADDRESS_LENGTH = 254  # RFC 5321, §4.5.3.1.3
_KEY_LENGTH = 1000  # folding and IDNA make an address longer

# This pattern accepts most addresses, the plain ASCII ones, at a fiftieth of the cost of
# email-validator, which checks the others. It accepts nothing that email-validator refuses; a
# property test compares the two.
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?![^.]*--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(rf"(?=.{{1,64}}@){_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+([A-Za-z]{{2,63}})")


@final
@frozen
class EmailAddress:
    """An address that mail can be sent to, or what replaces a missing or erased one (E1, E2).

    Parameters:
        address: the address as typed, to which mail is sent. No domain is looked up.

    Raises:
        InvalidValue: it is not a valid address, or its domain is reserved, such as ``.invalid``.
    """

    address: str
    key: str = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        address = to_plain("address", self.address, str)
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "key", _identity_key(address))

    @classmethod
    def stored(cls, address: str, key: str | None = None) -> EmailAddress:
        """Return an address that was accepted before, with the key that it had then.

        Only the form is checked. Which addresses are valid, and how they are folded, may have
        changed since, and what was accepted once stays readable.

        Parameters:
            address: the address.
            key: its key; None for an ASCII address whose key is the same in lower case.

        Raises:
            InvalidValue: one of the two does not have the form of an address: two parts around an
                `@`, without spaces and control characters, and not under `.invalid`.
        """
        if key is None:  # both have the same form
            return cls._unchecked(address, _formed("address", address.lower(), ADDRESS_LENGTH))
        return cls._unchecked(
            _formed("address", address, ADDRESS_LENGTH), _formed("key", key, _KEY_LENGTH)
        )

    @classmethod
    def placeholder(cls, client_id: UUID) -> EmailAddress:
        """Return the unique, invalid address of a client that has no address (E2)."""
        return cls._invalid(client_id, _PLACEHOLDER_DOMAIN)

    @classmethod
    def erased(cls, client_id: UUID) -> EmailAddress:
        """Return the unique, invalid address of a client whose address was erased (E7)."""
        return cls._invalid(client_id, _ERASED_DOMAIN)

    @classmethod
    def _invalid(cls, client_id: UUID, domain: str) -> EmailAddress:
        address = f"{to_id('client_id', client_id).hex}@{domain}"
        return cls._unchecked(address, address)

    @classmethod
    def _unchecked(cls, address: str, key: str) -> EmailAddress:
        email = cls.__new__(cls)
        object.__setattr__(email, "address", address)
        object.__setattr__(email, "key", key)
        return email

    @property
    def is_placeholder(self) -> bool:
        """Whether this replaces an address that the client does not have."""
        return self.key.endswith("@" + _PLACEHOLDER_DOMAIN)

    @property
    def is_erased(self) -> bool:
        """Whether this replaces an address that was erased."""
        return self.key.endswith("@" + _ERASED_DOMAIN)

    @property
    def is_mailable(self) -> bool:
        """Whether mail can be sent to it."""
        return not self.key.endswith(_INVALID)

    def __str__(self) -> str:
        return self.address


def _identity_key(address: str) -> str:
    """Return the key that two addresses share if they are the same (E1)."""
    # Imported with the first address: it would be a fifth of the time to import client_access.
    import email_validator  # noqa: PLC0415

    if len(address) > ADDRESS_LENGTH:
        raise InvalidValue("address", f"is longer than {ADDRESS_LENGTH} characters")
    plain = _PLAIN.fullmatch(address)
    if plain and plain[1].lower() not in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        return address.lower()
    try:
        parts = email_validator.validate_email(address, check_deliverability=False)
    except email_validator.EmailNotValidError as problem:
        # The brackets repeat a part of the address.
        reason = re.sub(r" \(.*\)", "", str(problem))
        raise InvalidValue("address", f"is not a valid address: {reason}") from None
    return f"{fold(parts.local_part)}@{parts.ascii_domain.lower()}"


def _formed(name: str, value: str, limit: int) -> str:
    """Return text that has the form of an address to which mail can be sent."""
    text = to_text(name, value, limit)
    local, _, domain = text.partition("@")
    if not (local and domain) or "@" in domain or " " in text or text.endswith(_INVALID):
        raise InvalidValue(name, "does not have the form of an address")
    return text


def parse_email(name: str, value: object) -> EmailAddress:
    """Return the address that somebody typed, or gave as an `EmailAddress`.

    Raises:
        InvalidValue: it is not a valid address, or replaces a missing or erased one (E2). The
            error names the field `name`.
    """
    email = parse_kept_email(name, value)
    if email.is_erased:
        raise InvalidValue(name, "was erased, so mail cannot be sent to it")
    return email


def parse_kept_email(name: str, value: object) -> EmailAddress:
    """Return the address in a command: one that somebody typed, or an erased one.

    White space around a typed address is ignored (E1). A remembered command may have an erased
    address; it is not decided again.

    Raises:
        InvalidValue: it is not a valid address, or is a placeholder (E2). The error names the field
            `name`.
    """
    if type(value) is not EmailAddress:
        try:
            return EmailAddress(to_plain("address", value, str).strip())
        except InvalidValue as problem:
            raise InvalidValue(name, problem.reason) from None
    if value.is_placeholder:
        raise InvalidValue(name, "is a placeholder, so mail cannot be sent to it")
    return value
