"""`from_type` makes values of every type of this library that is registered with Hypothesis."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import client_access as ca
from client_access.testing.registering import TYPES, register

register()  # as Hypothesis does where the package is installed with its entry points


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_from_type_makes_values_of_each_type(kind: type) -> None:
    @settings(max_examples=10)
    @given(st.from_type(kind))
    def make(value: object) -> None:
        assert type(value) is kind

    make()


@pytest.mark.parametrize("union", [ca.Command, ca.Event, ca.Notice, ca.Actor])
def test_from_type_makes_values_of_the_unions(union: object) -> None:
    """Every member of a union is registered."""
    assert set(get_args(union)) <= set(TYPES)

    @settings(max_examples=10)
    @given(st.from_type(union))  # type: ignore[arg-type]  # a union is no type to mypy
    def make(value: object) -> None:
        assert type(value) in get_args(union)

    make()


def test_the_strategies_register_the_types_themselves() -> None:
    """In a checkout, Hypothesis sees no entry point."""
    program = (
        "from client_access import Client; from client_access.testing import strategies;"
        "from hypothesis import given, settings, strategies as st;"
        "strategies.clients;"
        "made = settings(max_examples=1)(given(st.from_type(Client))(lambda c: print(c.kind)));"
        "made()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
