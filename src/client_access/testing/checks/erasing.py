"""`Erasure`: a person goes, what happened stays (L5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from client_access.change import Change
from client_access.client import ERASED_NAME
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
    WithErasure,
    WithErasureAndHistory,
    WithErasureAndLookup,
    WithErasureAndMemory,
    WithErasureAndOutbox,
    WithErasureAndServiceCounts,
    WithErasureHistoryAndMemory,
    check,
    expect,
    expect_equal,
    expect_error,
    expect_saved,
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


def _life(scene: Scene) -> Life:
    """Save a client that has a secret in everything that says who it is."""
    life = scene.life().add("Secret Ltd", scene.email("secret"), contact=_CONTACT)
    life.rename("Secret & Sons").change_email(scene.email("secret.too"))
    life.subscribe({"start": SETUP, "payroll": None}).change_contact(_CONTACT).resend()
    scene.save(life)
    return life


def _expect_gone(value: object, where: str) -> None:
    text = repr(value)
    for secret in _SECRETS:
        expect(
            secret not in text,
            f"A person that was erased is still named in {where}: put the events through "
            "client_access.repository.erasing.erase_history and every notice through "
            "erase_notice, store the "
            f"client that the events replay to, and its key and listing. Found {secret!r} in "
            f"{text}",
        )


@check(Erasure)
def erase_takes_the_person_out_of_the_client(repository: WithErasure) -> None:
    """Erasure.erase: "Erase name, contact details and address from the client"."""
    scene = Scene(repository)
    life, other = _life(scene), scene.added("Other", local="other")
    before = life.client
    repository.erase(life.client_id)
    erased = repository.get(life.client_id)
    _expect_gone(erased, "the client")
    expect(
        erased is not None and erased.erasures == 1,
        "erase() must count the erasure: store the "
        "client that the history replays to, as "
        "client_access.repository.erasing.erase_history leaves it.",
    )
    assert erased is not None  # just expected
    expect_equal(
        (erased.id, erased.version, erased.status, erased.payer_state, erased.practice_id),
        (before.id, before.version, before.status, before.payer_state, before.practice_id),
        "erase() must leave everything that does not say who the client was, its version too.",
    )
    expect_equal(repository.get(other.client_id), other.client, "Other clients must be left.")


@check(Erasure)
def erase_frees_the_address(repository: WithErasure) -> None:
    """Erasure.erase: "Erase name, contact details and address from the client"."""
    scene = Scene(repository)
    life = _life(scene)
    repository.erase(life.client_id)
    for local in ("secret", "secret.too"):
        expect(
            repository.find_by_email(scene.email(local)) is None,
            "erase() must forget the address: store the email_key of the erased client.",
        )
    with expect_saved("an erased address is free again."):
        scene.added("Next", local="secret.too")


@check(Erasure, Lookup)
def erase_is_seen_by_lookups(repository: WithErasureAndLookup) -> None:
    """Lookup.find_many_by_email: "the clients that have these addresses", and not those erased."""
    scene = Scene(repository)
    life, other = _life(scene), scene.added("Other", local="other")
    key = life.client.email_key
    repository.erase(life.client_id)
    expect_equal(
        dict(repository.find_many_by_email([key, other.client.email_key])),
        {other.client.email_key: other.client_id},
        "find_many_by_email() still knows an address that was erased: let it read what "
        "find_by_email() reads.",
    )
    expect_equal(
        dict(repository.get_many([life.client_id])),
        {life.client_id: repository.get(life.client_id)},
        "get_many() must return an erased client as get() does.",
    )


@check(Erasure, ServiceCounts)
def erase_leaves_what_is_invoiced(repository: WithErasureAndServiceCounts) -> None:
    """ServiceCounts.service_counts: "how many clients hold it for which the practice pays"."""
    scene = Scene(repository)
    life = _life(scene)
    before = dict(repository.service_counts(scene.practice.practice_id))
    repository.erase(life.client_id)
    expect_equal(
        dict(repository.service_counts(scene.practice.practice_id)),
        before,
        "erase() takes out the person, not the services: the practice goes on paying for them.",
    )


@check(Erasure)
def erase_moves_the_client_to_its_erased_name(repository: WithErasure) -> None:
    """Repository.page: "Return clients by their `listing`": the erased client's, after erasing."""
    scene = Scene(repository)
    life = _life(scene)
    repository.erase(life.client_id)
    expect_equal(
        (scene.listed(search="secret"), scene.listed()),
        ([], [life.client_id]),
        "erase() must store the listing of the erased client, so that its old name finds nothing.",
    )


@check(Erasure)
def erase_of_nobody_does_nothing(repository: WithErasure) -> None:
    """Erasure.erase: "If there is no such client, nothing happens"."""
    scene = Scene(repository)
    other = scene.added("Other")
    client_id = scene.new_id()
    repository.erase(client_id)
    expect(repository.get(client_id) is None, "erase() of nobody must make no client.")
    expect_equal(repository.get(other.client_id), other.client, "Other clients must be left.")


@check(Erasure)
def erase_twice_is_erase_once(repository: WithErasure) -> None:
    """Erasure.erase: "Erase name, contact details and address", whether or not that was done."""
    scene = Scene(repository)
    life = _life(scene)
    repository.erase(life.client_id)
    once = repository.get(life.client_id)
    repository.erase(life.client_id)
    expect_equal(repository.get(life.client_id), once, "Erasing again must change nothing.")


@check(Erasure)
def save_refuses_what_would_bring_an_erased_person_back(repository: WithErasure) -> None:
    """Erasure.erase: "refuse a change that was decided before the erasure"."""
    scene = Scene(repository)
    life = _life(scene)
    decided_before = life.decide(life.new_contact(ContactDetails()))
    repository.erase(life.client_id)
    with expect_error(
        StaleClient,
        life.client_id,
        "save() accepted a change decided before the client was erased, whose `after` still names "
        "the person: erasing leaves the version as it is, so compare before.erasures as well.",
    ):
        repository.save([decided_before])
    _expect_gone(repository.get(life.client_id), "the client")


@check(Erasure, CommandMemory)
def save_once_refuses_what_would_bring_an_erased_person_back(
    repository: WithErasureAndMemory,
) -> None:
    """Erasure.erase: "refuse a change that was decided before the erasure"."""
    scene = Scene(repository)
    life = _life(scene)
    decided_before = life.decide(life.new_contact(ContactDetails()))
    repository.erase(life.client_id)
    command_id = f"{scene.domain} before"
    advice = (
        "save_once() accepted a change decided before the client was erased, whose `after` still "
        "names the person: let it store the change by the very code of save()."
    )
    with expect_error(StaleClient, life.client_id, advice):
        repository.save_once(command_id, decided_before, at=START, until=_UNTIL)
    _expect_gone(repository.get(life.client_id), "the client")
    expect(repository.recall(command_id, at=START) is None, "What was refused is not remembered.")


@check(Erasure)
def erase_takes_out_what_was_said_since_the_last_time(repository: WithErasure) -> None:
    """Repository.save: "the `version` and the `erasures` of `before`"."""
    scene = Scene(repository)
    life = _life(scene)
    repository.erase(life.client_id)

    def decided(command: Command) -> Change:
        stored = repository.get(life.client_id)
        return decide(stored, command, at=scene.clock(), catalogue=CATALOGUE)

    said: tuple[Command, ...] = (
        life.new_contact(_CONTACT),
        life.new_email(scene.email("secret.again")),
    )
    for times, command in enumerate(said, 2):
        with expect_saved("an erased client may be given new details."):
            repository.save([decided(command)])
        decided_before = decided(life.new_contact(ContactDetails("Secret Successor")))
        repository.erase(life.client_id)
        erased = repository.get(life.client_id)
        _expect_gone(erased, "the client, which was given new details after it was erased")
        expect_equal(
            erased and erased.erasures,
            times,
            "Each time that erase() finds something to erase, it must count: a mark that the "
            "client was erased once does not tell the times apart.",
        )
        with expect_error(
            StaleClient,
            life.client_id,
            "save() accepted a change decided after one erasure and before the next: compare how "
            "often the person was erased, and not whether.",
        ):
            repository.save([decided_before])
        _expect_gone(repository.get(life.client_id), "the client")


@check(Erasure)
def erase_takes_nobody_for_erased_by_the_name(repository: WithErasure) -> None:
    """Erasure.erase: "Erase name, contact details and address", whatever the client's name is."""
    scene = Scene(repository)
    life = scene.life().add(ERASED_NAME, scene.email("secret"), contact=_CONTACT)
    scene.save(life)
    decided_before = life.decide(life.new_email(scene.email("secret.too")))
    repository.erase(life.client_id)
    _expect_gone(repository.get(life.client_id), f"a client whose own name is {ERASED_NAME!r}")
    with expect_error(
        StaleClient,
        life.client_id,
        f"save() accepted a change decided before a client named {ERASED_NAME!r} was erased: tell "
        "erasures by client.erasures, and not by the name.",
    ):
        repository.save([decided_before])


@check(Erasure, History)
def erase_takes_the_person_out_of_the_history(repository: WithErasureAndHistory) -> None:
    """Erasure.erase: "from the client, its history"; "The history still replays"."""
    scene = Scene(repository)
    life, other = _life(scene), scene.added("Other", local="other")
    repository.erase(life.client_id)
    events = repository.history(life.client_id)
    _expect_gone(events, "the history")
    expect_equal(
        [(type(event), event.version, event.at) for event in events],
        [(type(event), event.version, event.at) for event in life.events],
        "erase() must leave what happened: the same events, at the same times, in the same order.",
    )
    expect_equal(
        replay(events),
        repository.get(life.client_id),
        "After erase() the stored client must be what the erased history replays to.",
    )
    expect_equal(list(repository.history(other.client_id)), list(other.events), "Others stay.")


@check(Erasure, History)
def deleting_erases_too(repository: WithErasureAndHistory) -> None:
    """Erasure.erase: "Deleting a client erases it too"."""
    scene = Scene(repository)
    life = _life(scene)
    scene.save(life.delete())
    _expect_gone(repository.get(life.client_id), "the client after it was deleted")
    events = repository.history(life.client_id)
    _expect_gone(events, "the history after the client was deleted")
    expect_equal(
        replay(events), repository.get(life.client_id), "A deleted client's history must replay."
    )


@check(Erasure, History, CommandMemory)
def deleting_by_save_once_erases_too(repository: WithErasureHistoryAndMemory) -> None:
    """Erasure.erase: "Deleting a client erases it too, in the transaction that saves"."""
    scene = Scene(repository)
    life = _life(scene)
    (change,) = life.delete().unsaved()
    repository.save_once(f"{scene.domain} delete", change, at=START, until=_UNTIL)
    _expect_gone(
        repository.history(life.client_id), "the history after save_once() deleted the client"
    )
    expect_equal(
        repository.get(life.client_id), life.client, "save_once() must store the deleted client."
    )


def _notices_of(repository: OutboxStore, client_id: UUID, *, parked: bool) -> list[Notice]:
    claims = repository.waiting(parked=parked, limit=_ALL)
    return [claim.notice for claim in claims if claim.notice.client_id == client_id]


def _erased_notices(life: Life) -> list[Notice]:
    """Return the notices that are left of a life whose person was erased."""
    told = [notice for change in life.changes for notice in change.notices]
    return [erased for notice in told if (erased := erase_notice(notice)) is not None]


@check(Erasure, OutboxStore)
def erase_takes_the_person_out_of_notices(repository: WithErasureAndOutbox) -> None:
    """Erasure.erase: "from the client, its history and its notices"; deleting does so too."""

    def delete(life: Life) -> None:
        scene.save(life.delete())

    ends: tuple[Callable[[Life], object], ...] = (
        lambda life: repository.erase(life.client_id),
        delete,
    )
    for parked in (False, True):
        for number, end in enumerate(ends):
            empty_outbox(repository)
            scene = Scene(repository)
            life = scene.life().add("Secret", scene.email(f"secret{number}"), contact=_CONTACT)
            scene.save(life.subscribe({"start": SETUP, "payroll": None}).resend())
            while parked and (claims := repository.claim(at=_LATER, lease=_LEASE, limit=_ALL)):
                for claim in claims:
                    repository.failed(claim, retry_at=None)
            end(life)
            kept = [
                notice
                for where in (False, True)
                for notice in _notices_of(repository, life.client_id, parked=where)
            ]
            _expect_gone(kept, "a notice that is parked" if parked else "a notice that waits")
            expect_equal(
                {notice.id: notice for notice in kept},
                {notice.id: notice for notice in _erased_notices(life)},
                "Of a person that was erased, the notices to the practice and those by way of the "
                "platform must stay, without the name, and those to the address must go: put each "
                "through client_access.repository.erasing.erase_notice, and drop it where that "
                "is None.",
            )


@check(Erasure, OutboxStore)
def erase_leaves_notices_leased_and_parked(repository: WithErasureAndOutbox) -> None:
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
    advice = (
        "erase() must change what a notice says, and neither its lease, its attempts nor whether "
        "it is parked: write the erased notice over the old one, and no other column. "
    )
    shown = [
        *repository.waiting(parked=True, limit=_ALL),
        *repository.waiting(parked=False, limit=_ALL),
    ]
    expect_equal(
        [(entry.notice, entry.attempts, entry.due) for entry in shown],
        [(first, 1, None), (second, 1, _LATER + _LEASE), (third, 0, shown[-1].due)],
        advice + "A parked notice must stay parked, and a failed one keep its attempts.",
    )
    expect_equal(
        claimed(_LEASE - timedelta(microseconds=1)),
        [],
        advice + "A notice that is leased must be given to nobody else.",
    )
    expect(repository.delivered(held), advice + "Whoever holds a lease must be able to use it.")
    expect_equal(
        [claim.notice for claim in claimed()], [third], advice + "The next must be given then."
    )


@check(Erasure, CommandMemory)
def save_once_remembers_nobody_who_was_erased_meanwhile(repository: WithErasureAndMemory) -> None:
    """CommandMemory.save_once: "also for a change without an event"."""
    scene = Scene(repository)
    for number, delete in enumerate((False, True)):
        life = scene.life().add("Secret Ltd", scene.email(f"secret{number}"), contact=_CONTACT)
        scene.save(life)
        said_before = life.decide(life.new_contact(_CONTACT))
        if delete:
            scene.save(life.delete())
        else:
            repository.erase(life.client_id)
        command_id = f"{scene.domain} {number}"
        with expect_error(
            StaleClient,
            life.client_id,
            "save_once() remembered, unerased, what a person had asked before being erased, "
            "because it changes nothing: compare version and erasures for such a change as well.",
        ):
            repository.save_once(command_id, said_before, at=START, until=START + timedelta(days=1))
        _expect_gone(repository.recall(command_id, at=START), "what is remembered")


@check(Erasure, CommandMemory)
def erase_takes_the_person_out_of_remembered_outcomes(repository: WithErasureAndMemory) -> None:
    """CommandMemory.recall: "the event and the notices are erased too"."""
    scene = Scene(repository)
    for number, end in enumerate(("erase", "save", "save_once")):
        life = scene.life().add("Secret Ltd", scene.email(f"secret{number}"), contact=_CONTACT)
        life.subscribe({"start": SETUP})
        ids = []
        for change in life.unsaved():
            ids.append(f"{scene.domain} {number} {change.after.version}")
            repository.save_once(ids[-1], change, at=START, until=_UNTIL)
        if end == "erase":
            repository.erase(life.client_id)
        elif end == "save":
            scene.save(life.delete())
        else:
            (change,) = life.delete().unsaved()
            ids.append(f"{scene.domain} {number} {change.after.version}")
            repository.save_once(ids[-1], change, at=START, until=_UNTIL)
        for command_id in ids:
            outcome = repository.recall(command_id, at=START)
            _expect_gone(outcome, f"an outcome that is remembered, after {end}()")
            expect(
                outcome is not None,
                "An outcome must be remembered although its client was erased, so that its command "
                "is not handled again.",
            )
