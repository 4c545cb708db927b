"""The stage: gives each command to the library, and prints the answer."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import final
from uuid import UUID, uuid4

import attrs
from attrs import define, field
from rich.text import Text

from client_access import (
    Activate,
    ActivationEmail,
    Actor,
    Catalogue,
    Change,
    Client,
    ClientAccess,
    ClientList,
    ClientUser,
    Command,
    CommandRefused,
    ImportClient,
    Notice,
    Payer,
    PlatformUser,
    PracticeUser,
    Recipient,
    Refusal,
    RefusalCode,
    Service,
    ServiceSetup,
    SignIn,
    Subscribe,
    ToAddress,
    ToClientService,
    ToPractice,
    VatScheme,
    mailto,
    undelivered_activation,
    utc_now,
)
from client_access.cli import words
from client_access.cli.ending import Failure
from client_access.links import ActivationLinks
from client_access.rendering import render
from client_access.service.outbox import relay
from client_access.sql import SqlRepository
from examples.tour.previews import differences
from examples.tour.screen import MARGIN, TourScreen

_CAPABILITIES = (
    "submit VAT returns",
    "run reports",
    "create journals",
    "customise the chart of accounts",
)

CATALOGUE = Catalogue(
    [
        Service(
            "start", "Start", Decimal("6.00"), needs_setup=True, capabilities=_CAPABILITIES[:2]
        ),
        Service(
            "accounting",
            "Accounting",
            Decimal("12.00"),
            needs_setup=True,
            capabilities=_CAPABILITIES,
        ),
        Service("payroll", "Payroll", Decimal("7.50")),
        Service("expenses", "Expenses", Decimal("3.25")),
    ]
)

VAT = ServiceSetup(VatScheme.STANDARD, "GB123456789")

BOTH, ALONE = SignIn.PRACTICE_AND_CLIENT, SignIn.PRACTICE_ONLY

PORTAL = "https://portal.example.com/activate?"
_REDEEMED = "access.handle(links.redeem(token))"


@final
@define
class Cast:
    """The clients that are in more than one scene.

    Parameters:
        added: added with a mistake in its address; later subscribed, corrected and activated.
        mistaken: invited at the wrong address; deleted and invited again.
        customer: signed up by itself, and invited the practice.
        other_customer: another one, which the practice keeps.
        paid_for: paid for by the practice, until the practice stops managing it.
        active: has services added and removed.
        waiting: has a service, but has not activated.
        alone: has no address and does not sign in, until it is given access.
        pays: was invited by the practice, and pays for itself.
    """

    added: UUID = field(factory=uuid4)
    mistaken: UUID = field(factory=uuid4)
    customer: UUID = field(factory=uuid4)
    other_customer: UUID = field(factory=uuid4)
    paid_for: UUID = field(factory=uuid4)
    active: UUID = field(factory=uuid4)
    waiting: UUID = field(factory=uuid4)
    alone: UUID = field(factory=uuid4)
    pays: UUID = field(factory=uuid4)


def practice_of(run: int, name: str = "your-practice") -> PracticeUser:
    """Return a user of a practice that only the n-th run on a database has."""
    return PracticeUser(name if run == 1 else f"{name}-{run}")


@final
class Stage:
    """A practice, a repository and a screen.

    Parameters:
        repository: where the clients are stored.
        screen: where to print.
        file: the CSV file of clients to import.
        run: the number of this run on this database, from 1.

    Attributes:
        number: the number of the scene that is played.
    """

    def __init__(
        self, repository: SqlRepository, *, screen: TourScreen, file: Path, run: int
    ) -> None:
        self.repository = repository
        self.access = ClientAccess(repository, catalogue=CATALOGUE)
        self.screen = screen
        self.file = file
        self.run = run
        self.number = 0
        self.practice = practice_of(run)
        self.platform = PlatformUser("customer services")
        self._links = ActivationLinks([uuid4().hex])
        self._mailbox: dict[UUID, ActivationEmail] = {}
        self._imported: list[ImportClient] = []
        self._stand_ins = 0

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Play what another scene needs without printing it."""
        screen, self.screen = self.screen, TourScreen(io.StringIO())
        try:
            yield
        finally:
            self.screen = screen

    # ── The cast ─────────────────────────────────────────────────────────────────────────────────

    def address(self, mailbox: str) -> str:
        """Return an address that no earlier run on this database has taken (E1)."""
        local, _, domain = mailbox.rpartition("@")
        return mailbox if self.run == 1 else f"{local}+{self.run}@{domain}"

    def of_this_run(self, command: ImportClient) -> ImportClient:
        """Return a command with an address that no earlier run has taken."""
        if command.email is None or self.run == 1:
            return command
        return attrs.evolve(command, email=self.address(command.email.address))

    def imported(self, command: ImportClient) -> None:
        """Remember an imported client, so that a scene can pick it."""
        self._imported.append(command)

    def pick(self, *, with_address: bool) -> Client:
        """Return the next imported client with or without an address.

        If the file has no more of them, a stand-in is imported.
        """
        for command in self._imported:
            if (command.email is not None) is with_address:
                self._imported.remove(command)
                return self.now(command.client_id)
        self._stand_ins += 1
        name = f"Stand-in {self._stand_ins}"
        email = self.address(f"stand-in-{self._stand_ins}@example.com") if with_address else None
        return self.quietly(
            ImportClient(uuid4(), self.practice, business_name=name, email=email)
        ).after

    def subscribed(self, *services: str, sign_in: SignIn = BOTH) -> Client:
        """Subscribe the next imported client, for which the practice pays.

        If it is to sign in, it has an address; otherwise it has none. Nothing is printed.
        """
        client = self.pick(with_address=sign_in is BOTH)
        setups = {code: VAT if CATALOGUE.held(code).needs_setup else None for code in services}
        return self.quietly(
            Subscribe(
                client.id,
                self.practice,
                payer=Payer.PRACTICE,
                sign_in=sign_in,
                services=setups,
            )
        ).after

    def activated(self, *services: str) -> Client:
        """Subscribe the next imported client and let it activate, without printing anything."""
        client = self.subscribed(*services)
        pending = self._mailbox[client.id].activation_id
        return self.quietly(Activate(client.id, ClientUser(client.id), activation_id=pending)).after

    def now(self, client_id: UUID) -> Client:
        """Return a client as it is now."""
        return self.access.client(client_id, self.platform)

    # ── Commands ─────────────────────────────────────────────────────────────────────────────────

    def ask(self, request: str, command: Command) -> None:
        """Give a command that is accepted; print what happened and who is told."""
        self.asks(request, _handle(command), command.by)
        self._show(self.quietly(command))

    def ask_all(self, request: str, commands: Sequence[Command]) -> None:
        """Give several commands at once; all are accepted or none (S5)."""
        first = commands[0]
        self.asks(request, f"access.handle_all([{_in_short(first)}, …])", first.by)
        changes = self.access.handle_all(commands)
        for change in changes:
            self._remember(change)
        self.screen.accepted(
            f"All {len(changes)} together. If one had been refused, nothing would be saved."
        )
        self._deliver(changes[0].notices)
        self.screen.line("… and so on.", indent=MARGIN + 2, style="dim")

    def refuse(self, request: str, command: Command, code: RefusalCode, call: str = "") -> None:
        """Give a command that is refused; print why, and what helps."""
        self.asks(request, call or _handle(command), command.by)
        try:
            self.access.handle(command)
        except CommandRefused as refused:
            self._expect(refused.refusal, code)
        else:
            raise Failure(f"The tour failed: {type(command).__name__} was accepted.")

    def check(self, about: str, command: Command) -> None:
        """Preview a command: the "check your information" step; nothing is saved (S2)."""
        change = self.access.preview(command)
        self.asks(
            f"checks the information first: {about}.",
            f"consequences_of(access.preview({_in_short(command)}), …)",
            command.by,
        )
        self.screen.facts(differences(change, CATALOGUE, at=utc_now()), indent=MARGIN + 2)

    def quietly(self, command: Command) -> Change:
        """Give a command without printing anything, and return the change."""
        change = self.access.handle(command)
        self._remember(change)
        return change

    def newest_email(self, client_id: UUID) -> ActivationEmail:
        """Return the newest activation email of a client."""
        return self._mailbox[client_id]

    def reads_email(self, client_id: UUID) -> None:
        """Let a client read its newest activation email, as it is sent."""
        url = self._links.url(PORTAL)
        email = render(
            self._mailbox[client_id],
            activation_url=lambda client, activation: f"{url(client, activation)[:60]}...",
            practice_name=lambda _: "Your Practice",
        )
        self.asks("reads its email.", "render(notice, …)", ClientUser(client_id))
        self.screen.line(email.subject, indent=MARGIN + 2)
        for paragraph in email.text.strip().split("\n\n"):
            self.screen.gap()
            text = re.sub(r"\n(?!- )", " ", paragraph)  # the screen wraps lines itself
            self.screen.line(text, style="dim", indent=MARGIN + 2)

    def relays(self) -> None:
        """Deliver everything in the outbox, and print how many notices went where."""
        taken = Counter[type[Recipient]]()

        def deliver(notice: Notice) -> None:
            taken[type(notice.recipient)] += 1

        report = relay(self.repository, deliver)
        self.asks(
            "delivers the notices that were saved with the changes.",
            "relay(repository, deliver)",
            self.platform,
        )
        self.screen.accepted(
            f"{report.delivered} delivered: {taken[ToAddress]} by email,"
            f" {taken[ToClientService]} in the clients' service, {taken[ToPractice]} to"
            " practices."
        )

    def follows_link(self, client_id: UUID) -> None:
        """Let a client follow the link in its newest email, which is made on sending (E6)."""
        token = self._token(self._mailbox[client_id])
        self.asks(
            "follows the link in its email, and chooses a password.",
            _REDEEMED,
            ClientUser(client_id),
        )
        self.screen.line(f"{PORTAL}{token[:24]}…", style="dim", indent=MARGIN + 2)
        self._show(self.quietly(self._links.redeem(token)))

    def follows_old_link(self, mail: ActivationEmail) -> None:
        """Let a client follow a link that a newer one has replaced."""
        old = self._links.redeem(self._token(mail))
        code = RefusalCode.ACTIVATION_UNKNOWN
        self.refuse("follows the link in the old email.", old, code, _REDEEMED)

    # ── Questions ────────────────────────────────────────────────────────────────────────────────

    def opens(self, client_id: UUID, by: Actor) -> None:
        """Let somebody open a client's services, and print what can be done in each (S7)."""
        self.asks("opens its services.", "access.opening(client_id, by)", by)
        try:
            opening = self.access.opening(client_id, by)
        except CommandRefused as refused:
            self.screen.refused(refused.refusal)
            return
        if opening.refusal is not None:
            self.screen.refused(opening.refusal)
            return
        self.screen.accepted(f"Open: {words.listed(each.name for each in opening.services)}.")
        for each in opening.services:
            if each.capabilities:
                inside = f"In {each.name}: {words.listed(each.capabilities)}."
                self.screen.line(inside, indent=MARGIN + 2, style="dim")

    def signs_in(self, client: Client, *, later: timedelta = timedelta(0)) -> None:
        """Let a client sign in with its address, now or later, and print what it finds."""
        when = f" {later.days} days later" if later else ""
        self.asks(
            f"signs in{when}, as {client.email}.", "access.sign_in(email)", ClientUser(client.id)
        )
        access = ClientAccess(
            self.access.repository, catalogue=CATALOGUE, clock=lambda: utc_now() + later
        )
        decision = access.sign_in(client.email)
        if decision.refusal is not None:
            self.screen.refused(decision.refusal)
        else:
            found = words.services(decision.services, CATALOGUE)
            self.screen.accepted(f"Signed in, and can choose from: {found}.")
        self._deliver(decision.prompts)

    def card(self, client_id: UUID, *refused: type[Command]) -> None:
        """Print a client as its sidebar shows it, and what the practice can do with it.

        Parameters:
            client_id: the client.
            refused: commands that are refused now; why and what helps is printed.
        """
        client = self.now(client_id)
        contact = client.contact
        self.asks(
            f"clicks {client.business_name}.",
            "access.client(client_id, by), access.actions(client_id, by)",
        )
        actions = self.access.actions(client_id, self.practice)
        can = sorted(words.asked(command).lower() for command in actions.allowed)
        self.screen.facts(
            [
                ("status", client.label),
                ("who pays", words.payer(client)),
                ("services", words.services(client.services, CATALOGUE)),
                ("address", str(client.email)),
                ("contact", ", ".join(part for part in (contact.name, contact.phone) if part)),
                ("can be done", f"{words.listed(can)}."),
                (
                    "refused",
                    f"{len(actions.refused)} other commands, each with its reason. Two of them:",
                ),
            ],
            indent=MARGIN + 2,
        )
        for command in refused:
            self.screen.refused(actions.refused[command], words.asked(command))

    def advice(self, client_id: UUID) -> None:
        """Print what helps if the activation email of a client never arrives (E5)."""
        client = self.now(client_id)
        self.asks("looks up what helps.", "undelivered_activation(client, by)")
        self.screen.helps(undelivered_activation(client, self.practice))

    def emails(self, client_id: UUID) -> None:
        """Start an email to a client (D3)."""
        client = self.now(client_id)
        self.asks(f"starts an email to {client.business_name}.", "mailto(client)")
        self.screen.accepted(mailto(client) or "It has no address to write to.")

    def show(
        self,
        client_list: ClientList,
        search: str = "",
        *,
        limit: int = 5,
        of: PracticeUser | None = None,
    ) -> None:
        """Print one of a practice's client lists, or the rows that a search finds."""
        practice = of or self.practice
        page = self.access.clients(practice.practice_id, client_list, search=search, limit=1000)
        rows = [(row.business_name, row.label) for row in page.rows] or [("nobody", "")]
        if len(rows) > limit:
            rows = [*rows[: limit - 1], (f"… and {len(rows) - limit + 1} more", "")]
        which = f" with “{search}”" if search else ""
        owner = f" of {practice.practice_id}" if of else ""
        found = ", search=…" if search else ""
        self.screen.excerpt(
            f"{words.LISTS[client_list]}{owner}{which}",
            f"access.clients(practice_id, ClientList.{client_list.name}{found})",
            rows,
        )

    # ── Printing ─────────────────────────────────────────────────────────────────────────────────

    def scene(self, title: str, guide: str) -> None:
        """Print the title of a scene, and what the guide says."""
        self.screen.heading(f"{self.number}  {title}")
        self.screen.paragraph(guide, style="dim italic", indent=3)

    def aside(self, text: str) -> None:
        """Print what happens between two steps."""
        self.screen.gap()
        self.screen.paragraph(text, style="dim italic", indent=3)

    def asks(self, request: str, call: str, by: Actor | None = None) -> None:
        """Print who asks for what, and the call that does it; default: the practice."""
        by = by or self.practice
        if isinstance(by, PracticeUser) and by != self.practice:
            request = f"({by.practice_id}) {request}"
        self.screen.asked(words.actor(by), request, call)

    def _expect(self, refusal: Refusal, code: RefusalCode) -> None:
        if refusal.code is not code:
            raise Failure(f"The tour failed: {code.value} was expected, not {refusal.code.value}.")
        self.screen.refused(refusal)

    def _show(self, change: Change) -> None:
        if change.event is None:
            raise Failure(f"The tour failed: {type(change.command).__name__} changed nothing.")
        sentence = Text(words.happened(change.event, CATALOGUE))
        before = change.before and change.before.label
        if before != change.after.label:
            sentence.append(" Now: ").append(change.after.label, style="bold").append(".")
        self.screen.accepted(sentence)
        self._deliver(change.notices)

    def _deliver(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self.screen.sent(self._reader(notice.recipient), words.told(notice))

    def _reader(self, recipient: Recipient) -> str:
        if not isinstance(recipient, ToPractice):
            return words.recipient(recipient)
        ours = recipient.practice_id == self.practice.practice_id
        return "you" if ours else recipient.practice_id

    def _remember(self, change: Change) -> None:
        for notice in change.notices:
            if isinstance(notice, ActivationEmail):
                self._mailbox[notice.client_id] = notice

    def _token(self, mail: ActivationEmail) -> str:
        return self._links.token(mail.client_id, mail.activation_id)


def _in_short(command: Command) -> str:
    return f"{type(command).__name__}(…)"


def _handle(command: Command) -> str:
    return f"access.handle({_in_short(command)})"
