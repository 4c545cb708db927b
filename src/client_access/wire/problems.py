"""Errors as problem details: what HTTP answers as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from typing import Final

from client_access.errors import (
    CatalogueIncomplete,
    ClientAccessError,
    CorruptRecord,
    EmailTaken,
    InvalidLink,
    InvalidValue,
    RepositoryError,
    StaleClient,
)
from client_access.refusals import CommandRefused, RefusalCode
from client_access.values.validation import wrong_type
from client_access.wire.answers import answer_of
from client_access.wire.forms import Schema, array, obj
from client_access.wire.inputs import problems_of
from client_access.wire.kinds import Json

_STATUS: Final = {RefusalCode.UNKNOWN_CLIENT: 404, RefusalCode.ACTOR_NOT_ALLOWED: 403}
_REFUSED = 409

# What is said of these is the same for everybody: what they name is for the host's own log.
_OTHERS: Final[tuple[tuple[type[ClientAccessError], int, str, str], ...]] = (
    (InvalidLink, 400, "invalid_link", "This is not a valid link. Ask for a new one."),
    (StaleClient, 409, "conflict", "Somebody else changed this meanwhile. Try again."),
    (EmailTaken, 409, "conflict", "Somebody else changed this meanwhile. Try again."),
    (CatalogueIncomplete, 500, "catalogue_incomplete", "The catalogue lacks a service."),
    (CorruptRecord, 500, "corrupt_record", "What is stored cannot be read."),
    (RepositoryError, 503, "unavailable", "This cannot be done now. Try again later."),
)


def problem_of(error: ClientAccessError) -> dict[str, Json]:
    """Return the problem details of an error: the body to answer, and its `status` (RFC 9457).

    ======================================  ======  =============================================
    error                                   status  also has
    ======================================  ======  =============================================
    `CommandRefused`                        409     `rule`, `services`, `ways_out`
    … `unknown_client`                      404     the same
    … `actor_not_allowed`                   403     the same
    `InvalidValue`, also `InvalidInput`     422     `errors`: each `field` and what is wrong with it
    `InvalidLink`                           400
    `StaleClient`, `EmailTaken`             409
    `CatalogueIncomplete`, `CorruptRecord`  500
    any other `RepositoryError`             503
    ======================================  ======  =============================================

    Nothing in it is about a person.

    Raises:
        InvalidValue: it is not one of these errors.
    """
    if isinstance(error, CommandRefused):
        refusal = error.refusal
        more = answer_of(refusal)
        del more["message"]
        return _problem(_STATUS.get(refusal.code, _REFUSED), refusal.message, more)
    if isinstance(error, InvalidValue):
        errors: list[Json] = [
            {"field": each.field, "detail": each.reason} for each in problems_of(error)
        ]
        detail = "What was sent is malformed."
        return _problem(422, detail, {"code": "invalid_value", "errors": errors})
    for kind, status, code, detail in _OTHERS:
        if isinstance(error, kind):
            return _problem(status, detail, {"code": code})
    raise wrong_type("error", "an error of this library", error)


def _problem(status: int, detail: str, more: dict[str, Json]) -> dict[str, Json]:
    code = str(more["code"])
    return {
        "type": f"urn:client-access:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        **more,
    }


_TEXT: Schema = {"type": "string"}
PROBLEM: Final = obj(
    {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT,
        "rule": _TEXT,
        "services": array(_TEXT),
        "ways_out": array({"$ref": "WayOut"}),
        "errors": array(obj({"field": _TEXT, "detail": _TEXT})),
    },
    ["type", "title", "status", "detail", "code"],
    "Why a request failed (RFC 9457).",
)
"""The schema of what :func:`problem_of` returns."""
