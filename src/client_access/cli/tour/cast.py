"""Who is in more than one procedure of the tour."""

from __future__ import annotations

from typing import final
from uuid import UUID, uuid4

from attrs import define, field


@final
@define
class Cast:
    """The clients that the procedures tell of, by their parts.

    Parameters:
        added: added with a slip in its address; subscribed, corrected and activated later.
        mistaken: invited at the wrong address; deleted, and invited again.
        customer: signed up alone, and invited the practice.
        other_customer: another one, which stays.
        paid_for: billed to the practice, until it stops managing it.
        locked_out: loses its access, and gets it back.
        active: has services added and removed.
        waiting: has a service, and has not activated.
        alone: has no address, and does not sign in; in the end it does.
    """

    added: UUID = field(factory=uuid4)
    mistaken: UUID = field(factory=uuid4)
    customer: UUID = field(factory=uuid4)
    other_customer: UUID = field(factory=uuid4)
    paid_for: UUID = field(factory=uuid4)
    locked_out: UUID = field(factory=uuid4)
    active: UUID = field(factory=uuid4)
    waiting: UUID = field(factory=uuid4)
    alone: UUID = field(factory=uuid4)
