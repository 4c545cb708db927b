"""`Erasure`: the person is erased, what happened is kept (L5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from client_access.change import Change
from client_access.client import ERASED_NAME, Client
from client_access.commands import Command
from client_access.deciding import decide, replay
from client_access.errors import StaleClient
from client_access.notices import Notice
from client_access.repository import (
    Claim,
    CommandMemory,
    Erasure,
    History,
    Lookup,
    OutboxStore,
    ServiceCounts,
)
from client_access.repository.erasing import erase_notice
from client_access.testing.checks.frame import (
    FullRepository,
    check,
    expect,
    expect_equal,
    expect_error,
    expect_saved,
    shown,
)
from client_access.testing.checks.scene import Scene, empty_outbox
from client_access.testing.clock import START
from client_access.testing.examples import CATALOGUE, SETUP
from client_access.testing.life import Life
from client_access.values import ContactDetails, SignIn

_SECRETS = ("Secret", "secret", SETUP.vat_number)
_CONTACT = ContactDetails("Secret Person", "secret phone", "Secret Road 1")
_ALL = 100_000
_LEASE = timedelta(minutes=5)
_LATER = START + timedelta(days=200)
"""After everything that a check saves."""
_UNTIL = START + timedelta(days=1)
_OTHERS = "erase() must leave other clients as they are."


def _life(scene: Scene) -> Life:
    """Save a client with a secret in everything that says who it is."""
    life = scene.life().add("Secret Ltd", scene.email("secret"), contact=_CONTACT)
    life.rename("Secret & Sons").change_email(scene.email("secret.too"))
    life.subscribe({"start": SETUP, "payroll": None}).change_contact(_CONTACT).resend()
    scene.save(life)
    return life


def _expect_gone(value: object, where: str) -> None:
    text = shown(value)
    for secret in _SECRETS:
        expect(
            secret not in text,
            f"A person was erased, but {secret!r} is still in {where}: pass the events through "
            "client_access.repository.erasing.erase_history, each notice through erase_notice, and "
            "each remembered change through erase_change, and store the client that the erased "
            "events replay to, with its key and its listing.\n"
            f"  found:  {text}",
        )


def _erase(repository: FullRepository, life: Life, where: str = "the client") -> Client | None:
    """Erase a client, expect the person to be gone from it, and return it."""
    repository.erase(life.client_id)
    erased = repository.get(life.client_id)
    _expect_gone(erased, where)
    return erased


def _expect_refused(repository: FullRepository, decided_before: Change, advice: str) -> None:
    """Expect save() to refuse a change decided before an erasure, and to store nothing of it."""
    with expect_error(StaleClient, decided_before.after.id, advice):
        repository.save([decided_before])
    _expect_gone(repository.get(decided_before.after.id), "the client, after a refused save()")


@check(Erasure)
def erase_takes_the_person_out_of_the_client(repository: FullRepository) -> None:
    """Erasure.erase: "Erase name, contact details and address from the client"."""
    scene = Scene(repository)
    life, other = _life(scene), scene.added("Other", local="other")
    before = life.client
    erased = _erase(repository, life)
    expect_equal(
        erased and erased.erasures,
        1,
        "erase() must count the erasure: store the client that the history replays to after "
        "client_access.repository.erasing.erase_history.",
    )
    assert erased is not None  # it has erasures
    expect_equal(
        (erased.id, erased.version, erased.status, erased.payer_state, erased.practice_id),
        (before.id, before.version, before.status, before.payer_state, before.practice_id),
        "erase() must keep everything that does not say who the client was, including its version.",
    )
    expect_equal(repository.get(other.client_id), other.client, _OTHERS)


@check(Erasure)
def erase_frees_the_address(repository: FullRepository) -> None:
    """Erasure.erase: "Erase name, contact details and address from the client"."""
    scene = Scene(repository)
    _erase(repository, _life(scene))
    for local in ("secret", "secret.too"):
        expect(
            repository.find_by_email(scene.email(local)) is None,
            "find_by_email() still finds an erased address: store the email_key of the erased "
            "client.",
        )
    with expect_saved("another client must be able to take an erased address."):
        scene.added("Next", local="secret.too")


@check(Erasure, Lookup)
def erase_is_seen_by_lookups(repository: FullRepository) -> None:
    """Lookup.find_many_by_email: "the clients that have these addresses", and not those erased."""
    scene = Scene(repository)
    life, other = _life(scene), scene.added("Other", local="other")
    key = life.client.email_key
    erased = _erase(repository, life)
    expect_equal(
        dict(repository.find_many_by_email([key, other.client.email_key])),
        {other.client.email_key: other.client_id},
        "find_many_by_email() must not find an erased address: let it read what find_by_email() "
        "reads.",
    )
    expect_equal(
        dict(repository.get_many([life.client_id])),
        {life.client_id: erased},
        "get_many() must return an erased client as get() does.",
    )


@check(Erasure, ServiceCounts)
def erase_leaves_what_is_invoiced(repository: FullRepository) -> None:
    """ServiceCounts.service_counts: "how many clients hold it for which the practice pays"."""
    scene = Scene(repository)
    life, practice_id = _life(scene), scene.practice.practice_id
    before = dict(repository.service_counts(practice_id))
    _erase(repository, life)
    expect_equal(
        dict(repository.service_counts(practice_id)),
        before,
        "erase() must not change the service counts: the client keeps its services, and the "
        "practice still pays for them.",
    )


@check(Erasure)
def erase_moves_the_client_to_its_erased_name(repository: FullRepository) -> None:
    """Repository.page: "Return clients by their `listing`": the erased client's, after erasing."""
    scene = Scene(repository)
    life = _life(scene)
    _erase(repository, life)
    expect_equal(
        (scene.listed(search="secret"), scene.listed()),
        ([], [life.client_id]),
        "page() must list an erased client, but not find it by its old name: store the listing of "
        "the erased client.",
    )


@check(Erasure)
def erase_of_nobody_does_nothing(repository: FullRepository) -> None:
    """Erasure.erase: "If there is no such client, nothing happens"."""
    scene = Scene(repository)
    other = scene.added("Other")
    client_id = scene.new_id()
    repository.erase(client_id)
    expect(
        repository.get(client_id) is None, "erase() with an unknown id must not create a client."
    )
    expect_equal(repository.get(other.client_id), other.client, _OTHERS)


@check(Erasure)
def erase_twice_is_erase_once(repository: FullRepository) -> None:
    """Erasure.erase: "Erase name, contact details and address", whether or not that was done."""
    scene = Scene(repository)
    life = _life(scene)
    once = _erase(repository, life)
    expect_equal(
        _erase(repository, life),
        once,
        "erase() must change nothing if the client is erased already, not even its erasures.",
    )


@check(Erasure)
def save_refuses_what_would_bring_an_erased_person_back(repository: FullRepository) -> None:
    """Erasure.erase: "`save` and `save_once` refuse a change that was decided before"."""
    scene = Scene(repository)
    life = _life(scene)
    decided_before = life.decide(life.new_contact(ContactDetails()))
    _erase(repository, life)
    _expect_refused(
        repository,
        decided_before,
        "save() accepted a change decided before the client was erased, which brings the person "
        "back. Erasing does not change the version, so compare before.erasures as well.",
    )


@check(Erasure, CommandMemory)
def save_once_refuses_what_would_bring_an_erased_person_back(repository: FullRepository) -> None:
    """Erasure.erase: "`save` and `save_once` refuse a change that was decided before"."""
    scene = Scene(repository)
    life = _life(scene)
    decided_before = life.decide(life.new_contact(ContactDetails()))
    _erase(repository, life)
    command_id = f"{scene.domain} before"
    with expect_error(
        StaleClient,
        life.client_id,
        "save_once() accepted a change decided before the client was erased, which brings the "
        "person back: store the change with the code of save().",
    ):
        repository.save_once(command_id, decided_before, at=START, until=_UNTIL)
    _expect_gone(repository.get(life.client_id), "the client, after a refused save_once()")
    expect(
        repository.recall(command_id, at=START) is None,
        "recall() returned a change that save_once() had refused: remember it in the transaction "
        "that stores it.",
    )


@check(Erasure)
def erase_takes_out_what_is_new_since_the_last_time(repository: FullRepository) -> None:
    """Repository.save: "the `version` and the `erasures` of `before`"."""
    scene = Scene(repository)
    life = _life(scene)
    _erase(repository, life)

    def decided(command: Command) -> Change:
        stored = repository.get(life.client_id)
        return decide(stored, command, at=scene.clock(), catalogue=CATALOGUE)

    said: tuple[Command, ...] = (
        life.new_contact(_CONTACT),
        life.new_email(scene.email("secret.again")),
    )
    for times, command in enumerate(said, 2):
        with expect_saved("an erased client must accept new details."):
            repository.save([decided(command)])
        decided_before = decided(life.new_contact(ContactDetails("Secret Successor")))
        erased = _erase(repository, life, "a client that was given new details after an erasure")
        expect_equal(
            erased and erased.erasures,
            times,
            "erase() must count each time that it erases something: a flag is not enough.",
        )
        _expect_refused(
            repository,
            decided_before,
            "save() accepted a change decided between two erasures: compare the number of "
            "erasures, not whether there was one.",
        )


@check(Erasure)
def erase_does_not_go_by_the_name(repository: FullRepository) -> None:
    """Erasure.erase: "Erase name, contact details and address", whatever the client's name is."""
    scene = Scene(repository)
    life = scene.life().add(ERASED_NAME, scene.email("secret"), contact=_CONTACT)
    scene.save(life)
    decided_before = life.decide(life.new_email(scene.email("secret.too")))
    _erase(repository, life, f"a client that was named {ERASED_NAME!r} before it was erased")
    _expect_refused(
        repository,
        decided_before,
        f"save() accepted a change decided before a client named {ERASED_NAME!r} was erased: "
        "compare client.erasures, not the name.",
    )


@check(Erasure, History)
def erase_takes_the_person_out_of_the_history(repository: FullRepository) -> None:
    """Erasure.erase: "from the client, its history"; "The history still replays"."""
    scene = Scene(repository)
    life, other = _life(scene), scene.added("Other", local="other")
    erased = _erase(repository, life)
    events = repository.history(life.client_id)
    _expect_gone(events, "the history")
    expect_equal(
        [(type(event), event.version, event.at) for event in events],
        [(type(event), event.version, event.at) for event in life.events],
        "erase() must keep every event, with its time and its place: replace only what names the "
        "person.",
    )
    expect_equal(
        erased, replay(events), "erase() must store the client that the erased history replays to."
    )
    expect_equal(list(repository.history(other.client_id)), list(other.events), _OTHERS)


@check(Erasure, History)
def deleting_erases_too(repository: FullRepository) -> None:
    """Erasure.erase: "Deleting a client erases it too"."""
    scene = Scene(repository)
    life = _life(scene)
    scene.save(life.delete())
    stored, events = repository.get(life.client_id), repository.history(life.client_id)
    _expect_gone(stored, "a deleted client")
    _expect_gone(events, "the history of a deleted client")
    expect_equal(
        stored, replay(events), "The history of a deleted client must replay to the stored client."
    )


@check(Erasure, History, CommandMemory)
def deleting_by_save_once_erases_too(repository: FullRepository) -> None:
    """Erasure.erase: "Deleting a client erases it too, in the transaction that saves"."""
    scene = Scene(repository)
    life = _life(scene)
    (change,) = life.delete().unsaved()
    repository.save_once(f"{scene.domain} delete", change, at=START, until=_UNTIL)
    _expect_gone(
        repository.history(life.client_id), "the history, after save_once() deleted the client"
    )
    expect_equal(
        repository.get(life.client_id), life.client, "save_once() must store the deleted client."
    )


def _erased_notices(life: Life) -> list[Notice]:
    """Return the notices of a life that remain after erasing."""
    notices = (notice for change in life.changes for notice in change.notices)
    return [erased for notice in notices if (erased := erase_notice(notice)) is not None]


def _shown(repository: FullRepository) -> list[Claim]:
    """Return every notice in the outbox, those that are parked first."""
    return [
        claim for parked in (True, False) for claim in repository.waiting(parked=parked, limit=_ALL)
    ]


@check(Erasure, OutboxStore)
def erase_takes_the_person_out_of_notices(repository: FullRepository) -> None:
    """Erasure.erase: "from the client, its history and its notices"; deleting does so too."""
    for parked in (False, True):
        for end in ("erase", "delete"):
            empty_outbox(repository)
            scene = Scene(repository)
            life = scene.life().add("Secret", scene.email("secret"), contact=_CONTACT)
            scene.save(life.subscribe({"start": SETUP, "payroll": None}).resend())
            while parked and (claims := repository.claim(at=_LATER, lease=_LEASE, limit=_ALL)):
                for claim in claims:
                    repository.failed(claim, retry_at=None)
            if end == "erase":
                repository.erase(life.client_id)
            else:
                scene.save(life.delete())
            kept = [
                claim.notice
                for claim in _shown(repository)
                if claim.notice.client_id == life.client_id
            ]
            _expect_gone(kept, "a parked notice" if parked else "a waiting notice")
            expect_equal(
                {notice.id: notice for notice in kept},
                {notice.id: notice for notice in _erased_notices(life)},
                "Erasing a person must keep the notices to the practice and to the platform, "
                "without the name, and drop those to the person's address: pass each notice "
                "through client_access.repository.erasing.erase_notice, and drop it if that "
                "returns None.",
            )


@check(Erasure, OutboxStore)
def erase_leaves_notices_leased_and_parked(repository: FullRepository) -> None:
    """Erasure.erase: "The others stay, with their leases, attempts and parking"."""
    empty_outbox(repository)
    scene = Scene(repository)
    life = scene.life().add("Secret Ltd").subscribe({"payroll": None}, sign_in=SignIn.PRACTICE_ONLY)
    scene.save(life.add_service("bookkeeping").add_service("start", SETUP))
    first, second, third = _erased_notices(life)

    def claimed(after: timedelta = timedelta(0)) -> list[Claim]:
        return list(repository.claim(at=_LATER + after, lease=_LEASE, limit=_ALL))

    repository.failed(claimed()[0], retry_at=None)
    repository.failed(claimed()[0], retry_at=_LATER)
    (held,) = claimed()
    repository.erase(life.client_id)
    advice = "erase() must overwrite the text of a notice and no other column of its row: "
    shown = _shown(repository)
    expect_equal(
        [(entry.notice, entry.attempts, entry.due) for entry in shown],
        [(first, 1, None), (second, 1, _LATER + _LEASE), (third, 0, shown[-1].due)],
        advice + "a parked notice must stay parked, and a failed one must keep its attempts.",
    )
    expect_equal(
        claimed(_LEASE - timedelta(microseconds=1)),
        [],
        advice + "a leased notice must stay leased, but claim() returned one.",
    )
    expect(
        repository.delivered(held),
        advice + "a leased notice must keep its lease, but delivered() returned False.",
    )
    expect_equal(
        [claim.notice for claim in claimed()],
        [third],
        advice + "claim() must return the next notice of the client after a delivery.",
    )


@check(Erasure, CommandMemory)
def save_once_remembers_nobody_who_was_erased_meanwhile(repository: FullRepository) -> None:
    """CommandMemory.save_once: "also for a change without an event"."""
    scene = Scene(repository)
    ends: tuple[Callable[[Life], None], ...] = (
        lambda life: repository.erase(life.client_id),
        lambda life: scene.save(life.delete()),
    )
    for number, end in enumerate(ends):
        life = scene.life().add("Secret Ltd", scene.email(f"secret{number}"), contact=_CONTACT)
        scene.save(life)
        said_before = life.decide(life.new_contact(_CONTACT))
        end(life)
        command_id = f"{scene.domain} {number}"
        with expect_error(
            StaleClient,
            life.client_id,
            "save_once() remembered a change without an event that was decided before the client "
            "was erased, and that names the person: compare version and erasures for such a "
            "change as well.",
        ):
            repository.save_once(command_id, said_before, at=START, until=_UNTIL)
        _expect_gone(repository.recall(command_id, at=START), "a remembered change")


def _command_id(change: Change) -> str:
    return f"{change.after.id} {change.after.version}"


def _remember(repository: FullRepository, changes: Sequence[Change]) -> None:
    for change in changes:
        repository.save_once(_command_id(change), change, at=START, until=_UNTIL)


@check(Erasure, CommandMemory)
def erase_takes_the_person_out_of_remembered_outcomes(repository: FullRepository) -> None:
    """CommandMemory.recall: "the event and the notices are erased too", as the client is."""
    scene = Scene(repository)
    for end in ("erase", "save", "save_once"):
        life = scene.life().add("Secret Ltd", scene.email(f"secret.{end}"), contact=_CONTACT)
        remembered = list(life.subscribe({"start": SETUP}).unsaved())
        _remember(repository, remembered)
        if end == "erase":
            repository.erase(life.client_id)
        elif end == "save":
            scene.save(life.delete())
        else:
            deletion = life.delete().unsaved()
            _remember(repository, deletion)
            remembered += deletion
        for change in remembered:
            outcome = repository.recall(_command_id(change), at=START)
            _expect_gone(outcome, f"a remembered change, after {end}()")
            expect(
                outcome is not None,
                "recall() must still return the change after its client was erased, so that the "
                "command is not handled again.",
            )
