"""Every error Gofer raises on purpose.

GoferError
├── UserFacing          a safe sentence for the person, and the next step
│   ├── NotAllowed      the actor may not do this (also a PermissionError)
│   ├── NotFound        no such task, ask, file, person (also a LookupError)
│   └── Refused         the request cannot be carried out as asked (also a ValueError)
│       └── FolderInUse another process owns the data folder, or runs its tasks
├── ToolFailed          final for this call; the model reads the message and adapts
├── ToolRetry           the model's own mistake (bad arguments); it reads the message and corrects
├── CommandTimeout      a sandbox command ran into its limit (also a TimeoutError)
├── SandboxGone         the sandbox is no more; retried by core.dispatch on a new one
├── LlmUnavailable      the model cannot answer now; retried or parked by core.turn
├── ContextExceeded     the conversation no longer fits the model; compacted by core.context
├── Fenced              another worker owns the task now; the segment stops without a word
└── Bug                 a rule of ours is broken; the task fails and the traceback is logged
"""


class GoferError(Exception):
    """Root of all errors raised on purpose."""


class UserFacing(GoferError):
    """What happened and what to do next, in two sentences that are safe to show to anybody."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(f"{message} {next_step}".strip())
        self.message = message
        self.next_step = next_step


class NotAllowed(UserFacing, PermissionError):
    """The actor may not do this."""


class NotFound(UserFacing, LookupError):
    """There is no such task, ask, file or person, or the actor may not know of it."""


class Refused(UserFacing, ValueError):
    """The request cannot be carried out as asked."""


class FolderInUse(Refused):
    """Another process owns the data folder, or the right to run the tasks of this database."""


class ToolFailed(GoferError):
    """The call failed for good; its message goes to the model as an error result."""


class ToolRetry(GoferError):
    """The model called the tool wrongly; its message says how to call it right."""


class CommandTimeout(GoferError, TimeoutError):
    """A command ran longer than it may; its whole process tree is dead.

    `output` holds what it printed until then, head and tail.
    """

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class SandboxGone(GoferError, ConnectionError):
    """The sandbox is no more. Never shown to the model as the output of a command."""


class LlmUnavailable(GoferError, ConnectionError):
    """The model cannot answer now.

    `retry_after_s` is what the service asked for, or None where it did not say.
    `retryable` is False when waiting does not help (a refused key, a spending limit).
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, retryable: bool = True) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.retryable = retryable


class ContextExceeded(GoferError):
    """The conversation no longer fits into the model's window."""


class Fenced(GoferError):
    """Another worker, or a stop, took the task over: this segment must end and write nothing."""


class Bug(GoferError):
    """A rule of ours is broken."""
