"""A mail server on loopback, as a process: `python -m examples.mail_worker.tests.mailbox`.

It writes a line of JSON to `MAILBOX` when a message begins to arrive and another when it has it.
`PAUSE` is how many seconds lie between the two, `PORT` where it listens.
"""

import asyncio
import json
import os
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Handler:
    """Takes every message."""

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Take a message."""
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=default)
        body = message.get_body(("plain",))
        assert body is not None
        mail = {"id": message["Message-ID"], "to": envelope.rcpt_tos, "text": body.get_content()}
        write({"begun": mail["id"]})
        await asyncio.sleep(float(os.environ.get("PAUSE", "0.02")))
        write(mail)
        return "250 OK"


def write(line: object) -> None:
    """Add a line to the mailbox."""
    with Path(os.environ["MAILBOX"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


async def main() -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    port = int(os.environ.get("PORT", "0"))
    server = await loop.create_server(lambda: SMTP(Handler()), "127.0.0.1", port)
    print("listening on", server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  # read by the tests
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
