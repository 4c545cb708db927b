"""Hypothesis strategies, plural and keyword-only, that reach every example by building it.

Addresses, names and other values; catalogues; actors; commands for a client; and clients and
histories, which are walked to by commands that are accepted.
"""

from client_access.testing.strategies.commanding import accepted_commands, commands
from client_access.testing.strategies.values import (
    actors,
    business_names,
    catalogues,
    contact_details,
    email_addresses,
    held_services,
    moments,
    policies,
    practice_users,
    prices,
    service_setups,
)
from client_access.testing.strategies.walking import clients, histories, walks

__all__ = [
    "accepted_commands",
    "actors",
    "business_names",
    "catalogues",
    "clients",
    "commands",
    "contact_details",
    "email_addresses",
    "held_services",
    "histories",
    "moments",
    "policies",
    "practice_users",
    "prices",
    "service_setups",
    "walks",
]
