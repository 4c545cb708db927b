"""Activation links (E6): exactly one token is valid, and any other is `InvalidLink`."""

from __future__ import annotations

import copy
import hashlib
import pickle
import random
import string
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer, URLSafeSerializer
from itsdangerous.encoding import base64_encode
from world import (
    CATALOGUE,
    CLIENT,
    CLIENT_ID,
    FIRST,
    FREE,
    NORTH,
    SECOND_ACTIVATION,
    T0,
)
from world import FIRST_ACTIVATION as ACTIVATION

import client_access as ca
from client_access import links as module
from client_access.links import ActivationLinks, InvalidLink
from client_access.testing.checks.frame import shown

OLD = "old-0123456789abcdef0123456789abcdef"
NEW = b"new-0123456789abcdef0123456789abcdef"
RETIRED = "retired-0123456789abcdef0123456789abcdef"
ALPHABET = string.ascii_letters + string.digits + "-_"

LINKS = ActivationLinks([OLD, NEW])
TOKEN = LINKS.token(CLIENT_ID, ACTIVATION)


def rejects(token: Any) -> bool:
    """Return whether a token is refused. Any other exception fails the test."""
    try:
        LINKS.redeem(token)
    except InvalidLink:
        return True
    return False


# ── What is made is what is redeemed ─────────────────────────────────────────────────────────────


@given(st.uuids(), st.uuids())
def test_a_token_redeems_to_the_command_of_the_client_itself(
    client_id: UUID, activation_id: UUID
) -> None:
    command = LINKS.redeem(LINKS.token(client_id, activation_id))
    assert command == ca.Activate(client_id, ca.ClientUser(client_id), activation_id=activation_id)


def test_a_token_is_the_same_each_time_and_safe_in_a_url() -> None:
    assert LINKS.token(CLIENT_ID, ACTIVATION) == TOKEN
    assert len(TOKEN) == 87
    assert set(TOKEN) <= set(ALPHABET + ".")


def test_the_last_key_signs_and_all_keys_verify() -> None:
    old, new = ActivationLinks([OLD]), ActivationLinks([NEW])
    assert new.token(CLIENT_ID, ACTIVATION) == TOKEN
    assert old.token(CLIENT_ID, ACTIVATION) != TOKEN
    assert LINKS.redeem(old.token(CLIENT_ID, ACTIVATION)) == new.redeem(TOKEN)
    with pytest.raises(InvalidLink):
        old.redeem(TOKEN)
    with pytest.raises(InvalidLink):  # the old key is retired
        new.redeem(old.token(CLIENT_ID, ACTIVATION))


def test_a_key_may_be_text_or_bytes_alike() -> None:
    text, raw = ActivationLinks([OLD]), ActivationLinks([OLD.encode()])
    assert text.token(CLIENT_ID, ACTIVATION) == raw.token(CLIENT_ID, ACTIVATION)


# ── What is not ──────────────────────────────────────────────────────────────────────────────────


def forged_and_damaged() -> list[str]:
    """Return every mutation of a character or a bit, and other forgeries."""
    dice = random.Random(6)
    payload, signature = TOKEN.split(".")
    ids, made = CLIENT_ID.bytes + ACTIVATION.bytes, TOKEN.encode()
    tokens = [
        # Each character replaced, left out and doubled.
        *(
            TOKEN[:place] + other + TOKEN[place + 1 :]
            for place in range(len(TOKEN))
            for other in ALPHABET + "=.+/ \n%é\x00"
            if other != TOKEN[place]
        ),
        *(TOKEN[:place] + TOKEN[place + 1 :] for place in range(len(TOKEN))),
        *(TOKEN[:place] + TOKEN[place] + TOKEN[place:] for place in range(len(TOKEN))),
        # Each bit of the text flipped.
        *(
            bytes([*made[:place], made[place] ^ 1 << bit, *made[place + 1 :]]).decode("latin-1")
            for place in range(len(made))
            for bit in range(8)
        ),
        # Truncated at either end; two characters swapped.
        *(TOKEN[:length] for length in range(len(TOKEN))),
        *(TOKEN[start:] for start in range(1, len(TOKEN))),
        *(
            TOKEN[:place] + TOKEN[place + 1] + TOKEN[place] + TOKEN[place + 2 :]
            for place in range(len(TOKEN) - 1)
            if TOKEN[place] != TOKEN[place + 1]
        ),
        # Other spellings of the same bytes.
        *(before + TOKEN + after for before in ("", " ", "\n") for after in ("=", "==", " ", "\n")),
        *(f"{payload}{a}.{signature}{b}" for a in ("", "=", "==") for b in ("=", "==", "\t")),
        *(f"{' '.join((payload[:9], payload[9:]))}.{signature}", f"\ufeff{TOKEN}"),
        *(TOKEN.upper(), TOKEN.lower(), TOKEN.swapcase(), TOKEN[::-1], TOKEN.replace(".", "%2E")),
        *(f"{signature}.{payload}", f"{payload}.{payload}", f"{signature}.{signature}"),
        *(f"{TOKEN}.{signature}", f"{payload}.{TOKEN}", TOKEN * 2, f"{payload}..{signature}"),
        # The signature of another token.
        *(
            f"{payload}.{LINKS.token(uuid5(CLIENT_ID, str(n)), ACTIVATION).split('.')[1]}"
            for n in range(300)
        ),
        *(
            f"{LINKS.token(CLIENT_ID, uuid5(ACTIVATION, str(n))).split('.')[0]}.{signature}"
            for n in range(300)
        ),
        # A key that was dropped or is unknown; another purpose, derivation or digest.
        *(
            ActivationLinks([key]).token(uuid5(CLIENT_ID, str(n)), ACTIVATION)
            for key in (RETIRED, RETIRED.upper(), OLD.upper())
            for n in range(200)
        ),
        *(
            Signer(key, salt=salt, key_derivation=derivation, digest_method=digest)
            .sign(ids_in_base64)
            .decode()
            for key in (OLD, NEW, b"", b"secret")
            for salt in (b"", b"itsdangerous.Signer", b"reset", module._PURPOSE + b"0")
            for derivation in ("hmac", "concat", "django-concat", "none")
            for digest in (hashlib.sha256, hashlib.sha512, hashlib.sha1)
            for ids_in_base64 in (base64_encode(ids),)
        ),
        *(URLSafeSerializer(key).dumps({"client_id": str(CLIENT_ID)}) for key in (OLD, NEW)),
        # Signed with the right key, but not two ids.
        *(LINKS._signer.sign(x).decode() for x in ("", "x", "x" * 42, "x" * 44, payload + "=")),
        # Other texts.
        *("", ".", "..", "None", "null", "\x00", "\ud800", "😀" * 43 + "." + "é" * 43, "A" * 10**6),
        *(
            "".join(dice.choices(ALPHABET, k=43)) + "." + "".join(dice.choices(ALPHABET, k=43))
            for _ in range(1500)
        ),
        *("".join(map(chr, dice.choices(range(999), k=dice.randrange(99)))) for _ in range(1500)),
    ]  # fmt: skip
    return [token for token in tokens if token != TOKEN]


def test_ten_thousand_forged_and_damaged_tokens_are_all_refused() -> None:
    tokens = forged_and_damaged()
    assert len(set(tokens)) >= 10_000
    accepted = [token for token in tokens if not rejects(token)]
    assert accepted == []


@given(st.text() | st.text(ALPHABET + ".", min_size=80, max_size=90))
def test_no_text_is_accepted_that_was_not_made_here(token: str) -> None:
    assert rejects(token)


def test_the_spare_last_bits_make_no_second_spelling() -> None:
    """43 characters hold 258 bits, and 32 bytes are 256: the last two bits must be zero."""
    for end in (43, 87):
        last = ALPHABET_IN_ORDER.index(TOKEN[end - 1])
        assert last % 4 == 0
        for other in range(last + 1, last + 4):
            respelt = TOKEN[: end - 1] + ALPHABET_IN_ORDER[other] + TOKEN[end:]
            assert rejects(respelt)


ALPHABET_IN_ORDER = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@pytest.mark.parametrize("token", [None, 1, TOKEN.encode(), [TOKEN], object(), CLIENT_ID])
def test_a_token_that_is_not_a_str_is_an_invalid_link(token: Any) -> None:
    assert rejects(token)


def test_an_invalid_link_does_not_say_why_and_survives_pickle_and_copy() -> None:
    with pytest.raises(InvalidLink) as caught:
        LINKS.redeem(TOKEN[:-1])
    error = caught.value
    assert isinstance(error, ca.ClientAccessError)
    assert str(error) == "this is not a valid activation link"
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is InvalidLink
        assert str(again) == str(error)


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([], "at least one"),
        ([""], "blank"),
        ([b""], "blank"),
        ([OLD, " "], "blank"),
        ([OLD, "x" * 15], "at least 16 bytes"),
        ([b"x" * 15, NEW], "at least 16 bytes"),
        ([OLD, OLD], "twice"),
        ([OLD, OLD.encode()], "twice"),
        (OLD, "not one key"),
        (NEW, "not one key"),
        ([None], "must be str or bytes"),
        ([32], "must be str or bytes"),
        (["\ud800" + OLD], "UTF-8"),
        (None, "iterable"),
        (32, "iterable"),
    ],
)
def test_blank_short_and_malformed_keys_are_invalid(keys: Any, reason: str) -> None:
    with pytest.raises(ca.InvalidValue, match=reason) as caught:
        ActivationLinks(keys)
    assert caught.value.field == "secret_keys"
    assert OLD not in str(caught.value)


def test_a_key_has_sixteen_bytes_or_more() -> None:
    """They are counted in UTF-8."""
    for key in ("x" * 16, b"x" * 16, "\u00e9" * 8):
        assert ActivationLinks([key]).token(CLIENT_ID, ACTIVATION)


def test_nothing_secret_is_shown() -> None:
    assert repr(LINKS) == "<ActivationLinks with 2 key(s)>"
    assert not hasattr(LINKS, "__dict__")
    for text in (repr(LINKS), str(LINKS), f"{LINKS.url('https://example.com/')}"):
        assert "0123456789abcdef" not in text


@pytest.mark.parametrize("bad", [None, str(CLIENT_ID), CLIENT_ID.int])
def test_a_token_takes_ids_only(bad: Any) -> None:
    with pytest.raises(ca.InvalidValue, match="client_id"):
        LINKS.token(bad, ACTIVATION)
    with pytest.raises(ca.InvalidValue, match="activation_id"):
        LINKS.token(CLIENT_ID, bad)


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "base",
    [
        "https://app.example.com/activate/",
        "https://app.example.com/activate?token=",
        "https://app.example.com?token=",
        "https://app.example.com#",
        "https://app.example.com?",
        "http://localhost:8000/a/",
        "http://127.0.0.1/",
        "http://[::1]:80/",
    ],
)
def test_a_link_is_the_base_and_the_token(base: str) -> None:
    assert LINKS.url(base)(CLIENT_ID, ACTIVATION) == base + TOKEN


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        (None, "must be a str"),
        (b"https://app.example.com/", "must be a str"),
        ("", "web address"),
        ("app.example.com/", "web address"),
        ("javascript:alert(1)//", "web address"),
        ("https://app.example.com/\r\nBcc: x", "web address"),
        ("https://app.example.com/a b", "web address"),
        ("https://é.example.com/", "web address"),
        ("https://[::1/", "not a web address"),
        ("https://app.example.com:99999/", "not a web address"),
        ("https:///activate/", "host"),
        ("https://me:pw@app.example.com/", "no user"),
        ("https://app.example.com", "after the host"),
        ("http://app.example.com/", "https"),
    ],
)
def test_a_base_that_is_not_a_safe_address_is_invalid(base: Any, reason: str) -> None:
    with pytest.raises(ca.InvalidValue, match=reason) as caught:
        LINKS.url(base)
    assert caught.value.field == "base"


# ── From the email to the client that signs in ───────────────────────────────────────────────────


class Practice:
    """A client that awaits activation, and the links of its emails."""

    def __init__(self) -> None:
        self.now = T0
        self.service = ca.ClientAccess(
            ca.MemoryRepository(), catalogue=CATALOGUE, clock=lambda: self.now
        )
        self.mailed: list[str] = []
        self.handle(ca.AddClient(CLIENT_ID, NORTH, business_name="Acme", email=FIRST))
        self.handle(
            ca.Subscribe(
                CLIENT_ID,
                NORTH,
                payer=ca.Payer.PRACTICE,
                sign_in=ca.SignIn.PRACTICE_AND_CLIENT,
                services={"payroll": None},
            )
        )

    def handle(self, command: ca.Command) -> None:
        for notice in self.service.handle(command).notices:
            if isinstance(notice, ca.ActivationEmail):
                self.mailed.append(LINKS.token(notice.client_id, notice.activation_id))

    def follow(self, token: str) -> str:
        """Follow a link: return the new status, or the code of the refusal."""
        try:
            return self.service.handle(LINKS.redeem(token)).after.status.value
        except ca.CommandRefused as refused:
            return refused.refusal.code.value


def test_a_link_lets_the_client_in_once() -> None:
    practice = Practice()
    (token,) = practice.mailed
    assert practice.follow(token) == "both_access"
    assert practice.follow(token) == "already_activated"


def test_a_link_sent_again_is_the_same_link() -> None:
    practice = Practice()
    practice.handle(ca.ResendActivation(CLIENT_ID, NORTH))
    first, second = practice.mailed
    assert first == second
    assert practice.follow(first) == "both_access"


def test_a_link_to_a_wrong_address_is_refused_once_the_address_is_corrected() -> None:
    practice = Practice()
    practice.handle(ca.ChangeEmail(CLIENT_ID, NORTH, email=FREE, activation_id=SECOND_ACTIVATION))
    wrong, right = practice.mailed
    assert practice.follow(wrong) == "activation_unknown"
    assert practice.follow(right) == "both_access"


def test_a_link_is_valid_until_its_lifetime_ends() -> None:
    practice = Practice()
    (token,) = practice.mailed
    practice.now = T0 + timedelta(days=30)
    assert practice.follow(token) == "activation_expired"
    practice.now -= timedelta(microseconds=1)
    assert practice.follow(token) == "both_access"


def test_a_link_of_a_deleted_client_is_refused() -> None:
    practice = Practice()
    practice.handle(ca.DeleteClient(CLIENT_ID, NORTH))
    assert practice.follow(practice.mailed[0]) == "unknown_client"


def test_no_change_and_no_history_holds_a_link() -> None:
    practice = Practice()
    repository = practice.service.repository
    assert isinstance(repository, ca.MemoryRepository)
    preview = practice.service.preview(ca.ResendActivation(CLIENT_ID, NORTH))
    stored = (repository.get(CLIENT_ID), repository.history(CLIENT_ID), preview)
    assert practice.mailed[0] not in shown(stored)
    assert practice.service.client(CLIENT_ID, CLIENT).activation is not None
