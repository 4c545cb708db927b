"""Strategies for arguments that a caller may pass by mistake."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import world
from hypothesis import strategies as st

import client_access as ca

_zones = st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])

texts = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(), max_size=5),  # lone surrogates too
    st.sampled_from(
        [
            "",
            " ",
            "\u00a0",
            "\u200b",
            "a\nb",
            "a\rb",
            "a\x00b",
            "\x1b[31m",
            "a\u2028b",
            "\u202eevil",
            "\ud800",
            "x" * 64,
            "x" * 65,
            "x" * 200,
            "x" * 201,
            "x" * 5000,
            "a@b",
            "a@example.com",
            "\ud800@example.com",
            "GBP",
            "inactive",
        ]
    ),
)

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, -1, 10**400]),
    st.floats(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.decimals(places=2),
    texts,
    st.binary(max_size=5),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=_zones),
    st.timedeltas(),
    st.uuids(),
    st.complex_numbers(),
    st.sampled_from(
        [
            *ca.Status,
            *ca.PayerState,
            *ca.Payer,
            *ca.SignIn,
            *ca.Source,
            *ca.ClientKind,
            *ca.ClientList,
            *ca.VatScheme,
            world.CATALOGUE,
            *world.CATALOGUE.services,
            world.SETUP,
            ca.ContactDetails(),
            ca.HeldService("payroll"),
            ca.HeldService("start", world.SETUP),
            ca.EmailAddress(world.FREE),
            ca.EmailAddress.placeholder(world.CLIENT_ID),
            ca.EmailAddress.erased(world.CLIENT_ID),
            ca.Policy(),
            ca.Activation(world.FIRST_ACTIVATION, world.T0, world.LATE),
            ca.PracticeInvitation("south", world.T0),
            ca.DirectDebit(world.T0),
            ca.ToPractice("north"),
            *world.ACTORS,
            *world.clients()[::40],
            *world.commands(world.NORTH)[::20],
            object(),
            object,
            int,
            ca.AddClient,
            ca.Client,
            NotImplemented,
            ...,
        ]
    ),
)

anything = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.frozensets(st.one_of(st.integers(), st.text(max_size=3)), max_size=2),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["payroll", "start", ""]),
            st.one_of(st.none(), st.just(world.SETUP), inner),
            max_size=2,
        ),
    ),
    max_leaves=4,
)
"""Any of the values above, also in lists, tuples, sets and dictionaries."""
