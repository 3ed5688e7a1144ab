"""The Python peer: aiosmtpd's LMTP, the email package's parser, one SQLite commit (synchronous=FULL) per mail.

Usage: aiosmtpd-peer.py SOCKET DATABASE. One event loop, one connection to SQLite, write-ahead log; the reply 250 is
given after the commit. This is the straightforward way to write a durable mail endpoint in Python.
"""

import asyncio
import email
import email.policy
import sqlite3
import sys

from aiosmtpd.lmtp import LMTP


class Store:
    """Parses each mail and commits its raw bytes with what a consumer would look up."""

    def __init__(self, path):
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.execute(
            "CREATE TABLE mail (id INTEGER PRIMARY KEY, message_id TEXT UNIQUE, recipient TEXT,"
            " subject TEXT, body TEXT, raw BLOB)"
        )

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = message.get_body(preferencelist=("plain", "html"))
        self.database.execute(
            "INSERT INTO mail (message_id, recipient, subject, body, raw) VALUES (?, ?, ?, ?, ?)",
            (
                str(message["Message-ID"]),
                envelope.rcpt_tos[0],
                str(message["Subject"]),
                body.get_content() if body is not None else "",
                envelope.content,
            ),
        )
        return "250 2.0.0 queued"


async def main(socket, database):
    store = Store(database)
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: LMTP(store, loop=loop), path=socket)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
