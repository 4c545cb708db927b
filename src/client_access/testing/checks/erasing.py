"""`Erasure`: a person goes, what happened stays (L5)."""

from __future__ import annotations

from datetime import timedelta

from client_access.deciding import replay
from client_access.errors import StaleClient
from client_access.repository import CommandMemory, Erasure, History, OutboxStore
from client_access.testing.checks.frame import (
    WithErasure,
    WithErasureAndHistory,
    WithErasureAndMemory,
    WithErasureAndOutbox,
    check,
    expect,
    expect_equal,
    expect_error,
    expect_saved,
)
from client_access.testing.checks.scene import Scene
from client_access.testing.clock import START
from client_access.testing.examples import SETUP
from client_access.testing.life import Life
from client_access.values import ContactDetails

_SECRETS = ("Secret", "secret", SETUP.vat_number)
_CONTACT = ContactDetails("Secret Person", "secret phone", "Secret Road 1")


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
            "client_access.erasing.erase_history and every notice through erase_notice, store the "
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
        "client that the history replays to, as client_access.erasing.erase_history leaves it.",
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
    """Erasure.erase: "Nothing happens where there is none"."""
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
    """Erasure.erase: "a change decided before the erasure is refused as StaleClient by save"."""
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


@check(Erasure, OutboxStore)
def erase_takes_the_person_out_of_notices(repository: WithErasureAndOutbox) -> None:
    """Erasure.erase: "from the client, its history and its notices"; deleting does so too."""
    scene = Scene(repository)
    erased, deleted = _life(scene), scene.life().add("Secret Two", scene.email("secret2"))
    deleted.subscribe({"start": SETUP})
    scene.save(deleted)
    repository.erase(erased.client_id)
    scene.save(deleted.delete())
    ids = {erased.client_id, deleted.client_id}
    kept = [
        claim.notice
        for claim in repository.waiting(parked=False, limit=100_000)
        if claim.notice.client_id in ids
    ]
    _expect_gone(kept, "a notice that waits")


@check(Erasure, CommandMemory)
def erase_takes_the_person_out_of_remembered_outcomes(repository: WithErasureAndMemory) -> None:
    """CommandMemory.recall: "Of a person erased meanwhile, everything in it is erased too"."""
    scene = Scene(repository)
    for number, end in enumerate((Life.delete, None)):
        life = scene.life().add("Secret Ltd", scene.email(f"secret{number}"), contact=_CONTACT)
        life.subscribe({"start": SETUP})
        ids = []
        for change in life.unsaved():
            ids.append(f"{scene.domain} {number} {change.after.version}")
            repository.save_once(ids[-1], change, at=START, until=START + timedelta(days=1))
        if end is None:
            repository.erase(life.client_id)
        else:
            scene.save(end(life))
        for command_id in ids:
            outcome = repository.recall(command_id, at=START)
            _expect_gone(outcome, "an outcome that is remembered")
            expect(
                outcome is not None,
                "An outcome must be remembered although its client was erased, so that its command "
                "is not handled again.",
            )
