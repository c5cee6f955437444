"""Where requests wait until an engine takes them up."""

from collections import deque
from collections.abc import Callable

from rather.rollout.requests import NOBODY, Asker, Request, Settings, Ticket, limited, unheard


class Queue:
    """The face of an engine towards who asks: requests come in by `submit`, and may leave again."""

    def __init__(self, context: int) -> None:
        """`context`: tokens that a prompt and its completion may have together."""
        self._context = context
        self._waiting: deque[Ticket] = deque()

    def submit(
        self,
        request: Request,
        settings: Settings,
        adapter: str | None = None,
        heard: Callable[[int, int, float], None] = unheard,
        asker: Asker = NOBODY,
    ) -> Ticket:
        """Hand a request in; it is taken up at a step that has room for it."""
        ticket = limited(request, settings, adapter, heard, self._context, asker)
        if ticket.completions:
            self._waiting.append(ticket)
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Let a request go; what it has so far stays on the ticket."""
        ticket.is_cancelled = True

    def close(self) -> None:
        """Let go whatever of it would outlive its last step: nothing, where no thread is at it."""
