"""Why a console closes: the close code of the socket contract and the sentence a person reads. WebSocket reasons hold 123 bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Closing:
    code: int
    reason: str

    def __post_init__(self) -> None:
        if len(self.reason.encode()) > 123:
            raise ValueError(f"This reason does not fit into a close frame: {self.reason}")


class Refused(Exception):
    """The console cannot be opened."""

    def __init__(self, closing: Closing) -> None:
        super().__init__(closing.reason)
        self.closing = closing


LEFT = Closing(1000, "")
NOT_BINARY = Closing(1003, "A console speaks binary messages only.")
BAD_TICKET = Closing(4401, "This console ticket was used already or has expired. Open the console again.")
LOGGED_OUT = Closing(4403, "You were logged out. Log in and open the console again.")
RIGHT_LOST = Closing(4403, "You may no longer use this console. Ask an owner of the tenant for the right.")
KICKED = Closing(4403, "This console was closed by an owner of the tenant or an operator. Ask them before you open it again.")
ENDED = Closing(4403, "This console was closed. Open it again if you still need it.")
PROCESS_ENDED = Closing(1012, "The process that carried this console ended.")
GONE = Closing(4404, "There is no such guest, or you may not see it.")
IDLE = Closing(4408, "Nobody typed or moved the mouse for 30 minutes. Reconnect to go on.")
TIME_LIMIT = Closing(4408, "A console stays open for 8 hours at most. Reconnect to go on.")
NOT_RUNNING = Closing(4409, "The guest is not running. Start it, then open its console.")
TOO_MANY = Closing(4429, "You have too many consoles open. Close one and try again.")
UNREACHABLE = Closing(4503, "The guest's host does not answer. Try again in a minute, or ask an operator.")
NO_SCREEN = Closing(4503, "The guest has no screen that can be shown. Try its serial line.")
NO_SERIAL = Closing(4503, "The guest has no serial line. Try its screen.")
LINE_ENDED = Closing(4503, "The guest closed the connection. Reconnect to go on.")
UNAVAILABLE = Closing(4503, "Consoles are not available now. Try again in a minute, or ask an operator.")
UNKNOWN_HANDSHAKE = Closing(4503, "This screen speaks a protocol that cannot be shown view-only.")
