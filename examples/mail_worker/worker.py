"""A worker that mails: what waits in the outbox, and once a day the reminders."""

import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import localtime
from threading import Event
from uuid import UUID

from sqlalchemy import Connection, Engine, text

import client_access as ca
from client_access.links import ActivationLinks
from client_access.rendering import render
from client_access.sql import SqlRepository, in_transaction
from examples.shop import CATALOGUE, PRACTICES

DAY, WEEK = timedelta(days=1), timedelta(days=7)

TABLES = """
-- What clients and practices read in the host's own pages.
CREATE TABLE IF NOT EXISTS message (
    id VARCHAR(36) PRIMARY KEY, recipient VARCHAR(200) NOT NULL,
    subject TEXT NOT NULL, html TEXT NOT NULL);
-- The reminders that wait: whom they are about, and not what they say.
CREATE TABLE IF NOT EXISTS reminder (
    id VARCHAR(36) PRIMARY KEY, client_id VARCHAR(36) NOT NULL,
    remind_at VARCHAR(40) NOT NULL, due VARCHAR(40) NOT NULL, attempts INTEGER NOT NULL);
-- One row: the moment up to which reminders were planned.
CREATE TABLE IF NOT EXISTS reminded (one INTEGER PRIMARY KEY, until VARCHAR(40) NOT NULL)
"""
CLAIM = "UPDATE reminder SET due = :until, attempts = attempts + 1 WHERE id = :id AND due = :due"


class Worker:
    """Delivers notices. Any number of workers share one database.

    Parameters:
        engine: the database of the library and of the host.
        smtp: the host and the port of the mail server.
        links: makes the links to activate.
        lease: after how long another worker takes over what a dead one was doing.
    """

    def __init__(
        self, engine: Engine, smtp: tuple[str, int], links: ActivationLinks, lease: timedelta
    ) -> None:
        self.engine = engine
        self.smtp = smtp
        self.activation_url = links.url("http://localhost:8000/activate#")
        self.lease = lease
        self.repository = SqlRepository(engine)
        self.policy = ca.RelayPolicy(lease=lease, first_delay=lease / 6)
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":  # workers that begin together take turns
                connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
            for table in TABLES.split(";"):
                connection.execute(text(table))

    def run(self, stop: Event, pause: float = 1.0, say: Callable[[str], object] = print) -> None:
        """Work until `stop` is set. A delivery that has begun is finished."""
        while not stop.is_set():
            report = ca.relay(
                self.repository, self.deliver, policy=self.policy, limit=1_000, stop=stop.is_set
            )
            for failure in report.failures:
                say(f"failed: {type(failure.notice).__name__} {failure.notice.id}")
            planned, reminded = self.plan_reminders(), self.send_reminders(stop)
            if report.delivered or report.dropped or planned or reminded:
                say(
                    f"{report.delivered} delivered, {report.dropped} dropped,"
                    f" {planned} reminders planned, {reminded} sent"
                )
            stop.wait(pause)
        say("stopped")

    # ── One notice ───────────────────────────────────────────────────────────────────────────────

    def deliver(self, notice: ca.Notice) -> None:
        """Mail a notice, or show it in the host's own pages."""
        words = render(
            notice,
            activation_url=self.activation_url,
            practice_name=lambda practice_id: PRACTICES.get(practice_id, practice_id),
        )
        match notice.recipient:
            case ca.ToAddress(email):
                message = EmailMessage()
                message["From"] = "accounts@example.com"
                message["To"] = email.address
                message["Subject"] = words.subject
                message["Date"] = localtime()
                # The same each time, so that a mailbox can drop a second copy.
                message["Message-ID"] = f"<{notice.id}@example.com>"
                message.set_content(words.text)
                message.add_alternative(words.html, subtype="html")
                with smtplib.SMTP(*self.smtp, timeout=30) as server:
                    server.send_message(message)
            case ca.ToPractice(recipient) | ca.ToClientService(recipient):
                row = {"id": str(notice.id), "to": str(recipient), "subject": words.subject}
                statement = (
                    "INSERT INTO message VALUES (:id, :to, :subject, :html) ON CONFLICT DO NOTHING"
                )
                with self.engine.begin() as connection:
                    connection.execute(text(statement), row | {"html": words.html})

    # ── Reminders ────────────────────────────────────────────────────────────────────────────────

    def plan_reminders(self) -> int:
        """Write down the reminders since the last time, if that is a day ago; return how many.

        The moment is moved in the same transaction. So each reminder is planned once, by whichever
        worker is first, and a day in which no worker ran is made up for.
        """
        now = ca.utc_now()

        def work(connection: Connection) -> int:
            first = "INSERT INTO reminded VALUES (1, :day_ago) ON CONFLICT DO NOTHING"
            connection.execute(text(first), {"day_ago": (now - DAY).isoformat()})
            last: str = connection.execute(text("SELECT until FROM reminded")).scalar_one()
            since = datetime.fromisoformat(last)
            move = "UPDATE reminded SET until = :now WHERE until = :last"
            if since > now - DAY or not changed(connection, move, now=now.isoformat(), last=last):
                return 0
            access = ca.ClientAccess(SqlRepository(connection), catalogue=CATALOGUE)
            planned = [
                {
                    "id": str(each.id),
                    "client": str(each.client_id),
                    "at": each.remind_at.isoformat(),
                }
                for deadline in access.deadlines(since, now + WEEK)
                for each in ca.reminders(deadline.client, since, now)
            ]
            if planned:
                row = "INSERT INTO reminder VALUES (:id, :client, :at, :at, 0)"
                connection.execute(text(row), planned)
            return len(planned)

        return in_transaction(self.engine, work)

    def send_reminders(self, stop: Event) -> int:
        """Send the reminders that wait, and return how many were sent."""
        sent = 0
        while not stop.is_set() and (claimed := in_transaction(self.engine, self._claim)):
            notice_id, client_id, remind_at = claimed
            reminder = self._reminder(UUID(notice_id), UUID(client_id), remind_at)
            if reminder is not None:  # else the client has activated, for example
                try:
                    self.deliver(reminder)
                except (OSError, smtplib.SMTPException):
                    continue  # it is due again when its lease has ended
                sent += 1
            with self.engine.begin() as connection:
                changed(connection, "DELETE FROM reminder WHERE id = :id", id=notice_id)
        return sent

    def _claim(self, connection: Connection) -> tuple[str, str, datetime] | None:
        now = ca.utc_now()
        find = text(
            "SELECT id, client_id, remind_at, due FROM reminder WHERE due <= :now"
            " AND attempts < 10 ORDER BY due LIMIT 1"
        )
        while row := connection.execute(find, {"now": now.isoformat()}).one_or_none():
            until = (now + self.lease).isoformat()
            if changed(connection, CLAIM, until=until, id=row.id, due=row.due):
                return row.id, row.client_id, datetime.fromisoformat(row.remind_at)
        return None

    def _reminder(self, notice_id: UUID, client_id: UUID, at: datetime) -> ca.Notice | None:
        """Return a reminder as it is now, so that nothing is sent that holds no longer."""
        client = self.repository.get(client_id)
        found = () if client is None else ca.reminders(client, at, at + timedelta(microseconds=1))
        return next((each for each in found if each.id == notice_id), None)


def changed(connection: Connection, statement: str, **values: object) -> int:
    """Execute a statement, and return how many rows it changed."""
    return connection.execute(text(statement), values).rowcount
