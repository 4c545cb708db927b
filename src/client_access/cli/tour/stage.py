"""Where the tour is played: what is asked, decided, told and listed is printed as it happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol, final
from uuid import UUID, uuid4

from attrs import evolve
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
    History,
    ImportClient,
    Notice,
    OutboxStore,
    PlatformUser,
    PracticeUser,
    Recipient,
    Refusal,
    RefusalCode,
    Repository,
    ToAddress,
    ToClientService,
    ToPractice,
    utc_now,
)
from client_access.cli import words
from client_access.cli.screen import GUTTER, Screen
from client_access.cli.tour.previews import differences
from client_access.links import ActivationLinks
from client_access.rendering import render
from client_access.service.outbox import relay

PORTAL = "https://portal.example.com/activate?"


class TourBroken(Exception):
    """The tour met another answer than the one that it was going to show."""


class TourRepository(Repository, History, OutboxStore, Protocol):
    """A repository that the tour can prove right, and whose notices it can deliver."""


@final
class Stage:
    """A practice, a repository and a screen.

    Parameters:
        repository: where the clients are.
        catalogue: the services on offer.
        screen: where to print.
        file: the clients that are imported.
        run: the number of this walk on this database, from 1.
    """

    def __init__(
        self,
        repository: TourRepository,
        *,
        catalogue: Catalogue,
        screen: Screen,
        file: Path,
        run: int,
    ) -> None:
        self.repository = repository
        self.access: ClientAccess = ClientAccess(repository, catalogue=catalogue)
        self.catalogue = catalogue
        self.screen = screen
        self.file = file
        self.run = run
        self.practice: PracticeUser = PracticeUser(practice_name(run), "you")
        self.platform: PlatformUser = PlatformUser("customer services")
        self.touched: dict[UUID, None] = {}
        self._scenes = 0
        self._links = ActivationLinks([uuid4().hex])
        self._mailbox: dict[UUID, ActivationEmail] = {}
        self._imported: list[ImportClient] = []

    # ── The cast ─────────────────────────────────────────────────────────────────────────────────

    def address(self, mailbox: str) -> str:
        """Return an address that no earlier walk on this database has taken (E1)."""
        local, _, domain = mailbox.rpartition("@")
        return mailbox if self.run == 1 else f"{local}+{self.run}@{domain}"

    def of_this_walk(self, command: ImportClient) -> ImportClient:
        """Return a command with an address of this walk's own."""
        if command.email is None or self.run == 1:
            return command
        return evolve(command, email=self.address(command.email.address))

    def imported(self, command: ImportClient) -> None:
        """Remember who was imported, so that the scenes can choose among them."""
        self.touched[command.client_id] = None
        self._imported.append(command)

    def pick(self, *, with_address: bool) -> Client:
        """Return the next imported client with or without an address, or a stand-in.

        A file of one's own may be short, or hold only one kind.
        """
        for command in self._imported:
            if (command.email is not None) is with_address:
                self._imported.remove(command)
                return self.now(command.client_id)
        number = len(self.touched)
        email = self.address(f"stand-in-{number}@example.com") if with_address else None
        return self.quietly(
            ImportClient(uuid4(), self.practice, business_name=f"Stand-in {number}", email=email)
        ).after

    def now(self, client_id: UUID) -> Client:
        """Return a client as it stands now."""
        return self.access.client(client_id, self.platform)

    # ── Asking ───────────────────────────────────────────────────────────────────────────────────

    def ask(self, request: str, command: Command) -> None:
        """Ask for something that is accepted; print what happens and who is told what."""
        self.asks(request, command.by)
        self._tell(self.quietly(command))

    def ask_all(self, request: str, commands: Sequence[Command]) -> None:
        """Ask for several things at once, all or none (S5)."""
        self.asks(request, commands[0].by)
        changes = self.access.handle_all(commands)
        for change in changes:
            self._remember(change)
        self.screen.accepted(f"All {len(changes)}, in one go: had one been refused, none would be.")
        self._deliver(changes[0].notices)
        self.screen.line("… and so on.", gutter=GUTTER + 2, style="dim")

    def refuse(self, request: str, command: Command, code: RefusalCode) -> None:
        """Ask for something that a rule refuses; print why, and what helps."""
        self.asks(request, command.by)
        try:
            self.access.handle(command)
        except CommandRefused as refused:
            self._expect(refused.refusal, code)
        else:
            raise TourBroken(f"{type(command).__name__} was accepted")

    def check(self, about: str, command: Command) -> None:
        """Preview a command: the "check your information" step; nothing is saved (S2)."""
        change = self.access.preview(command)
        self.asks(f"checks the information before finishing: {about}.", command.by)
        self.screen.facts(differences(change, self.catalogue, at=utc_now()))

    def quietly(self, command: Command) -> Change:
        """Do something without a word, and return what it changed."""
        change = self.access.handle(command)
        self._remember(change)
        return change

    def activate_quietly(self, client_id: UUID) -> None:
        """Let a client activate without a word."""
        pending = self._mailbox[client_id].activation_id
        self.quietly(Activate(client_id, ClientUser(client_id), activation_id=pending))

    def newest_email(self, client_id: UUID) -> ActivationEmail:
        """Return the newest activation email of a client."""
        return self._mailbox[client_id]

    def reads_email(self, client_id: UUID) -> None:
        """Let a client read its newest email, in the words in which it is sent."""
        url = self._links.url(PORTAL)
        email = render(
            self._mailbox[client_id],
            activation_url=lambda client, activation: f"{url(client, activation)[:60]}...",
            practice_name=lambda _: "Your Practice",
        )
        self.asks("reads its email.", ClientUser(client_id))
        self.screen.line(email.subject, gutter=GUTTER + 2)
        for paragraph in email.text.strip().split("\n\n"):
            self.screen.gap()
            self.screen.line(" ".join(paragraph.split()), style="dim", gutter=GUTTER + 2)

    def relays(self) -> None:
        """Deliver everything that waits in the outbox, and print how much went where."""
        taken = Counter[type[Recipient]]()

        def deliver(notice: Notice) -> None:
            taken[type(notice.recipient)] += 1

        report = relay(self.repository, deliver)
        self.asks("relays what has been waiting since each change was saved.", self.platform)
        self.screen.accepted(
            f"{report.delivered} delivered: {taken[ToAddress]} by email,"
            f" {taken[ToClientService]} in the clients' own service, {taken[ToPractice]} to"
            " practices."
        )

    def follows_link(self, client_id: UUID) -> None:
        """Let a client follow the link of its newest email, which is made at the sending (E6)."""
        token = self._token(self._mailbox[client_id])
        self.asks("follows the link in its email, and chooses a password.", ClientUser(client_id))
        self.screen.line(f"{PORTAL}{token[:24]}…", style="dim", gutter=GUTTER + 2)
        self._tell(self.quietly(self._links.redeem(token)))

    def follows_old_link(self, mail: ActivationEmail) -> None:
        """Let a client follow a link that a newer one has replaced."""
        old = self._links.redeem(self._token(mail))
        self.refuse("follows the link in the old email.", old, RefusalCode.ACTIVATION_UNKNOWN)

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────

    def opens(self, client_id: UUID, by: Actor) -> None:
        """Let somebody open a client, and print what that opens."""
        elsewhere = isinstance(by, PracticeUser) and by.practice_id != self.practice.practice_id
        self.asks("asks for it from another firm." if elsewhere else "opens its services.", by)
        try:
            held = self.access.services_open_to(client_id, by)
        except CommandRefused as refused:
            self.screen.refused(refused.refusal)
        else:
            self.screen.accepted(f"Open: {words.services(held, self.catalogue)}.")

    def signs_in(self, client: Client, *, later: timedelta = timedelta(0)) -> None:
        """Let a client sign in, now or some time later, and print what it finds."""
        when = f" {later.days} days later" if later else ""
        self.asks(f"signs in{when}, as {client.email}.", ClientUser(client.id))
        access = ClientAccess(
            self.access.repository, catalogue=self.catalogue, clock=lambda: utc_now() + later
        )
        decision = access.sign_in(client.email)
        if decision.refusal is not None:
            self.screen.refused(decision.refusal)
        else:
            found = words.services(decision.services, self.catalogue)
            self.screen.accepted(f"Signed in, and can choose from: {found}.")
        self._deliver(decision.prompts)

    def card(self, client_id: UUID) -> None:
        """Print a client as its sidebar shows it, and what the practice can do with it."""
        client = self.now(client_id)
        contact = client.contact
        self.asks(f"clicks {client.business_name}.")
        actions = self.access.actions(client_id, self.practice)
        can = sorted(words.asked(command).lower() for command in actions.allowed)
        self.screen.facts(
            [
                ("status", client.label),
                ("who pays", words.payer(client)),
                ("services", words.services(client.services, self.catalogue)),
                ("address", str(client.email)),
                ("contact", ", ".join(part for part in (contact.name, contact.phone) if part)),
                ("can be done", f"{words.listed(can)}."),
                ("cannot", f"{len(actions.refused)} other things, each with its reason."),
            ]
        )

    def show(self, client_list: ClientList, search: str = "", *, limit: int = 5) -> None:
        """Print a client list as it stands, or those of its rows that a search finds."""
        page = self.access.clients(
            self.practice.practice_id, client_list, search=search, limit=1000
        )
        rows = [(row.business_name, row.label) for row in page.rows] or [("nobody", "")]
        if len(rows) > limit:
            rows = [*rows[: limit - 1], (f"… and {len(rows) - limit + 1} more", "")]
        which = f" with “{search}”" if search else ""
        self.screen.excerpt(f"{words.LISTS[client_list]}{which}", rows)

    # ── Printing ─────────────────────────────────────────────────────────────────────────────────

    def scene(self, title: str, guide: str) -> None:
        """Begin a procedure of the guide."""
        self._scenes += 1
        self.screen.heading(f"{self._scenes}  {title}")
        self.screen.paragraph(guide, style="dim italic", indent=3)

    def aside(self, text: str) -> None:
        """Print what stands between the lines."""
        self.screen.gap()
        self.screen.paragraph(text, style="dim italic", indent=3)

    def asks(self, request: str, by: Actor | None = None) -> None:
        """Print who asks for what; the practice, if nobody is named."""
        who = words.actor(self.practice if by is None else by)
        self.screen.gap()
        self.screen.line(request, label=who, label_style="cyan")

    def answer(self, text: str) -> None:
        """Print an answer that is neither a change nor a refusal."""
        self.screen.accepted(text)

    def _expect(self, refusal: Refusal, code: RefusalCode) -> None:
        if refusal.code is not code:
            raise TourBroken(f"{code.value} was expected, not {refusal.code.value}")
        self.screen.refused(refusal)

    def _tell(self, change: Change) -> None:
        if change.event is None:
            raise TourBroken(f"{type(change.command).__name__} changed nothing")
        sentence = Text(words.happened(change.event, self.catalogue))
        before = change.before and change.before.label
        if before != change.after.label:
            sentence.append(" Now: ").append(change.after.label, style="bold").append(".")
        self.screen.accepted(sentence)
        self._deliver(change.notices)

    def _deliver(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            ours = isinstance(notice.recipient, ToPractice)
            to = "you" if ours else words.recipient(notice.recipient)
            self.screen.sent(to, words.told(notice))

    def _remember(self, change: Change) -> None:
        self.touched[change.after.id] = None
        for notice in change.notices:
            if isinstance(notice, ActivationEmail):
                self._mailbox[notice.client_id] = notice

    def _token(self, mail: ActivationEmail) -> str:
        return self._links.token(mail.client_id, mail.activation_id)


def practice_name(run: int) -> str:
    """Return the id of the practice that walks the n-th time on one database."""
    return "your-practice" if run == 1 else f"your-practice-{run}"
