"""A mail server. It prints its port, then a line of JSON for each mail that it got, and ends with its input.

Nobody's mails are refused for good, those of somebody who is busy for now; those of somebody who is slow are taken once it is told
so by a line of its input. With `barred` as its argument it takes nothing from anybody. With `tls` or `starttls`, a certificate and its key as
arguments, it takes mails over TLS only; with `tls`, from those only who know its password.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self):
        self.told = asyncio.Event()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return f"550 5.1.1 <{address}> is not here"
        if address.startswith("busy@"):
            return f"451 4.7.1 <{address}> is busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        mail = {
            "to": envelope.rcpt_tos,
            "from": str(message["From"]),
            "subject": str(message["Subject"]),
            "date": str(message["Date"]),
            "message-id": str(message["Message-ID"]),
            "text": parts["text/plain"],
            "html": parts["text/html"],
        }
        print(json.dumps(mail), flush=True)
        if envelope.rcpt_tos[0].startswith("slow@"):
            await self.told.wait()
        return "250 OK"


class Barred(Handler):
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        return ["550 5.7.1 not from there"]


def authenticate(server, session, envelope, mechanism, data):
    knows = (data.login, data.password) == (b"otl", b"pass@word")
    # Whom nobody handled is told 535.
    return AuthResult(success=knows, handled=knows)


async def main():
    loop = asyncio.get_running_loop()
    how, implicit = {}, None
    handler = Barred() if sys.argv[1:] == ["barred"] else Handler()
    if sys.argv[2:]:
        form, certificate, key = sys.argv[1:]
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        if form == "tls":
            implicit = context
            how = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
        else:
            how = {"tls_context": context, "require_starttls": True}
    server = await loop.create_server(lambda: SMTP(handler, loop=loop, **how), "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        handler.told.set()


asyncio.run(main())
