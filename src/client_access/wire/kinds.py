"""The kinds of record, and the steps from older formats to the present ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import TypeAlias, cast, final

from attrs import frozen

from client_access.errors import CorruptRecord, InvalidValue
from client_access.wire.converting import converter

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
"""What records consist of. They have no floats."""
Upcast: TypeAlias = "Callable[[dict[str, Json]], dict[str, Json]]"
"""Returns the data of a record in the next format. It may change its argument."""

# What reading a value of the wrong shape can raise. InvalidValue is a ValueError.
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


@final
@frozen
class Kind:
    """One kind of record.

    Parameters:
        name: its stable name.
        cls: the class of its values.
        upcasts: the steps from format 1 to the present one, in order.
    """

    name: str
    cls: type
    upcasts: tuple[Upcast, ...] = ()

    @property
    def format(self) -> int:
        """The format that is written."""
        return len(self.upcasts) + 1

    def load(self, data_format: object, data: object) -> object:
        """Return the value of some data.

        Raises:
            CorruptRecord: the format is unknown, or the data is not of that format.
        """
        if type(data_format) is not int or not 1 <= data_format <= self.format:
            raise CorruptRecord(f"the format of a {self.name} is unknown")
        try:
            if data_format < self.format:
                data = deepcopy(data)  # the steps may change their argument
            for upcast in self.upcasts[data_format - 1 :]:
                data = upcast(dict(cast("dict[str, Json]", data)))
            return converter.structure(data, self.cls)
        except InvalidValue as problem:
            reason = str(problem)
        except CorruptRecord as problem:
            reason = problem.reason
        except MALFORMED:
            reason = "a value is malformed"
        # No reason repeats what was read, because it may be about a person.
        raise CorruptRecord(f"in the record of a {self.name}, {reason}")


def make_kinds(
    classes: Mapping[str, type], upcasts: Sequence[tuple[str, int, Upcast]]
) -> dict[str, Kind]:
    """Return the kinds by name, each with its steps.

    Parameters:
        classes: the classes by stable name.
        upcasts: the steps, as in :data:`UPCASTS`, in any order.

    Raises:
        ValueError: a step is missing, doubled, or for an unknown kind.
    """
    chains: dict[str, dict[int, Upcast]] = {name: {} for name in classes}
    for name, data_format, upcast in upcasts:
        if name not in chains or data_format in chains[name]:
            raise ValueError(
                f"the step from format {data_format} of {name} is doubled, or its kind is unknown"
            )
        chains[name][data_format] = upcast
    for name, chain in chains.items():
        if sorted(chain) != list(range(1, len(chain) + 1)):
            raise ValueError(f"the steps of {name} do not begin at format 1, or one is missing")
    return {
        name: Kind(name, classes[name], tuple(chain[start] for start in sorted(chain)))
        for name, chain in chains.items()
    }
