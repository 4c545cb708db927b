"""Hypothesis strategies that build every example, without filtering.

There are strategies for addresses, names and other values, for catalogues, actors and commands, and
for clients and histories, which accepted commands lead to.
"""

from client_access.errors import needs

with needs("testing"):
    from client_access.testing.registering import register
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

register()  # for a checkout, whose entry points Hypothesis cannot see
