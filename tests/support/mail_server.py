#!/ usr / bin / python3
"""A mail server for tests: takes mail, or does to it what the recipient's address asks for.

usage: mail_server.py DIR [--certificate FILE] [--implicit] [--auth USER:PASSWORD] [--per-connection N]
                          [--mail-code CODE] [--greeting-hangs]

Writes its port into DIR/port and a JSON line for each message that it took into DIR/taken, before it says so. What a
recipient's address begins with is what it meets:
  rcpt-CODE       CODE at RCPT TO            end-CODE     CODE after the message
  data-CODE       CODE at DATA               drop-STAGE   the connection is cut at rcpt, data or end
  hang-STAGE      nothing is said any more   lost-end     the message is taken, and the connection cut without a word
--per-connection N answers 452 at MAIL FROM after N messages, as OpenSMTPD does after 100;
--mail-code CODE always.
"""
import argparse
import asyncio
import json
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("directory", type=pathlib.Path)
parser.add_argument("--certificate", help="offer TLS with it; its key is in the same file")
parser.add_argument("--implicit", action="store_true", help="TLS from the first byte")
parser.add_argument("--auth", help="USER:PASSWORD, without which no mail is taken")
parser.add_argument("--per-connection", type=int, default=0)
parser.add_argument("--mail-code", default="", help="the answer to every MAIL FROM")
parser.add_argument("--greeting-hangs", action="store_true", help="take connections and never speak")
options = parser.parse_args()
WORDS = {"550": "5.1.1 no such user", "554": "5.7.1 looks like spam", "450": "4.2.0 greylisted", "451": "4.3.0 not now",
         "452": "4.2.2 mailbox full", "421": "4.3.2 closing", "552": "5.3.4 too big"}


def answer(code):
    return f"{code} {WORDS.get(code, 'as you wish')}"


class Handler:
    async def met(self, server, stage, address):
        wish, _, what = address.split("@")[0].partition("-")
        what = what.partition("+")[0]
        if wish == stage and what:
            return answer(what)
        if what == stage and wish == "hang":
            await asyncio.sleep(3600)
        if what == stage and wish == "drop":
            server.transport.abort()
            return "421 gone"
        return None

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        if options.mail_code:
            return answer(options.mail_code)
        if options.per_connection and getattr(session, "taken", 0) >= options.per_connection:
            return "452 4.5.3 too many messages on this connection"
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        refused = await self.met(server, "rcpt", address)
        if not refused:
            envelope.rcpt_tos.append(address)
        return refused or "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        recipient = envelope.rcpt_tos[0]
        refused = await self.met(server, "end", recipient)
        if refused:
            return refused
        session.taken = getattr(session, "taken", 0) + 1
        line = {"from": envelope.mail_from, "to": envelope.rcpt_tos,
                "bytes": envelope.original_content.decode("latin1"),
                "tls": session.ssl is not None or options.implicit, "user": str(session.auth_data or "")}
        with open(options.directory / "taken", "a") as taken:
            taken.write(json.dumps(line) + "\n")
        if recipient.startswith("lost-end"):
            server.transport.abort()
        return "250 2.0.0 queued"


class Server(SMTP):
    async def smtp_DATA(self, arg):
        if self.envelope.rcpt_tos:
            refused = await self.event_handler.met(self, "data", self.envelope.rcpt_tos[0])
            if refused:
                await self.push(refused)
                return
        await super().smtp_DATA(arg)


def authenticate(server, session, envelope, mechanism, data):
    given = f"{data.login.decode()}:{data.password.decode()}"
    return AuthResult(success=given == options.auth, handled=False, auth_data=data.login.decode())


context = None
if options.certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate)


def make():
    return Server(Handler(), hostname="mail.test", tls_context=None if options.implicit else context,
                  authenticator=authenticate if options.auth else None, auth_required=bool(options.auth),
                  auth_require_tls=bool(context) and not options.implicit, timeout=3600)


async def serve():
    loop = asyncio.get_running_loop()
    protocol = asyncio.Protocol if options.greeting_hangs else make
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if options.implicit else None)
    port = server.sockets[0].getsockname()[1]
    (options.directory / "port.new").write_text(f"{port}\n")
    (options.directory / "port.new").rename(options.directory / "port")
    await server.serve_forever()


asyncio.run(serve())
