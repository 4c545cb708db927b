"""What an observer of a service sees: each command, its outcome, and what that took."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from types import TracebackType
from typing import Self, final

from attrs import frozen

from client_access.change import Change
from client_access.commands import Command
from client_access.refusals import CommandRefused

_log = logging.getLogger("client_access.service")


@final
@frozen
class Observation:
    """A command that a service was given, and what became of it.

    Parameters:
        command: the command.
        outcome: its change, its refusal, or the error that the call raises.
        attempts: how often the command was decided on, conflicts with other writers included; 0 if
            its change was remembered under its `command_id`.
        seconds: how long the whole call took, pauses between attempts included.
    """

    command: Command
    outcome: Change | Exception
    attempts: int
    seconds: float


Observer = Callable[[Observation], object]


@final
class Watch:
    """Observes one call: a context manager around the attempts at it.

    Parameters:
        observe: is given what is observed, if it is not None.
        commands: what the call was given.

    Attributes:
        attempts: how many have begun.
        remembered: whether the outcome was remembered.
        outcomes: what came of the commands.
    """

    def __init__(self, observe: Observer | None, commands: Sequence[Command]) -> None:
        self._observe = observe
        self._commands = commands
        self._began = perf_counter()
        self.attempts = 0
        self.outcomes: Sequence[Change | CommandRefused] = ()
        self.remembered = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the observer one observation for each command.

        Nothing is observed if a task is cancelled or a process ends: the outcome is not known.
        """
        if self._observe is None:
            return
        outcomes: Sequence[Change | Exception] = self.outcomes
        if isinstance(error, Exception):
            outcomes = [error] * len(self._commands)
        attempts = 0 if self.remembered else self.attempts
        seconds = perf_counter() - self._began
        for command, outcome in zip(self._commands, outcomes, strict=False):
            try:
                self._observe(Observation(command, outcome, attempts, seconds))
            except Exception:
                # The change is saved: no error of an observer may hide that.
                _log.exception("The observer of a service failed")
