"""A process that serves answers and takes feedback on them, until it is killed.

Prints the id of each reaction once it was acknowledged.
"""

import sys
from pathlib import Path

from rather.config.serving import Serving
from rather.records import Message
from rather.serving.context import Served, ServedCompletion
from rather.serving.feedback.contract import ThumbSaid
from rather.serving.feedback.joining import from_use
from rather.store.database import Database


def main(where: Path) -> None:
    """Serve, take feedback, say so; for ever."""
    with Database.open(where) as db:
        use = from_use(db, b"a secret of a test, 32 bytes long", Serving(keep="texts"))
        number = 0
        while True:
            id = f"chat-{number}"
            given = Served(
                id=id,
                created=2_000_000_000,
                client="127.0.0.1",
                asked="prod",
                version="ppo-1",
                messages=(Message("user", f"Why {number}?"),),
                is_text=False,
                sampling={"temperature": 1.0},
                completions=(ServedCompletion(0, number, "So.", 1, "stop"),),
                num_choices=1,
            )
            use.keeper.store(given)
            said = ThumbSaid(kind="thumb", completion_ids=[id], good=True, consent=True)
            reply = use.desk.take("127.0.0.1", said)
            print(reply.id, reply.judgment_id, flush=True)
            number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
