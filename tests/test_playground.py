"""The playground's bridge, in CPython. `make browser` compares it with the page, in Pyodide."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from typing import Any
from uuid import UUID

import playground
from beginning import KEPT, record
from playground.session import PORTAL, Session, session_of
from playground.state import Begin, State, beginning, link_of, load_state, state_of

import client_access as ca
from client_access.wire import INPUTS, answer_of, read_command
from client_access.wire.inputs import problems_of

US = "your-practice"
START: dict[str, Any] = {"begin": "tour", "steps": []}


def ask(name: str, **given: Any) -> Any:
    return json.loads(playground.answer(json.dumps([name, given])))


def show(state: Any = START, **look: Any) -> Any:
    return ask("show", state=state, look=look)


def named(name: str, state: Any = START) -> str:
    """Return the id of the client with this name."""
    for client_list in ca.ClientList:
        rows = show(state, list=client_list.value, search=name)["lists"]["rows"]
        if rows:
            return str(rows[0]["id"])
    raise LookupError(name)


def asked(
    command: str, client: str | None, by: str = "practice", state: Any = START, **body: Any
) -> Any:
    what = {"command": command, "client": client, "by": by, "practice": US, "body": body}
    return ask("ask", state=state, ask=what)


def after(checked: Any, state: Any = START) -> Any:
    """Return the state after a command that was checked, as the page makes it."""
    assert checked["outcome"] == "accepted"
    return {**state, "steps": [*state["steps"], [show(state)["now"], checked["record"]]]}


def subscribed(name: str = "Amber") -> tuple[str, Any]:
    """Return a client that awaits its activation, and the state in which it does."""
    client = named(name)
    body: dict[str, Any] = {
        "payer": "practice",
        "sign_in": "practice_and_client",
        "services": {"payroll": None},
    }
    return client, after(asked("subscribe", client, **body))


# ── The beginning ────────────────────────────────────────────────────────────────────────────────


def test_the_beginning_is_the_tour_as_it_is_now() -> None:
    assert KEPT.read_text("utf-8") == record(), "run: python site/beginning.py"


def test_a_playground_can_begin_with_nothing() -> None:
    """Then a practice adds its first client."""
    state = ask("open", begin="nothing")["state"]
    assert [tab["count"] for tab in show(state)["lists"]["tabs"]] == [0, 0, 0, 0]
    state = after(asked("add_client", None, state=state, business_name="Aspen"), state)
    assert show(state, list="inactive")["lists"]["rows"][0]["name"] == "Aspen"


# ── Links ────────────────────────────────────────────────────────────────────────────────────────


def test_a_link_reproduces_the_whole_state() -> None:
    client, state = subscribed()
    state["steps"].append(["2026-03-01T09:00:00+00:00", None])
    link = show(state)["link"]
    again = ask("open", link=link)["state"]
    assert again == state
    assert show(again, client=client) == show(state, client=client)


def test_brackets_in_a_name_are_no_nesting() -> None:
    """A link that is nested deeply is unreadable; one with a strange name is not."""
    name = '["{\\' * 50
    state = after(asked("add_client", None, business_name=name))
    again = ask("open", link=show(state)["link"])["state"]
    assert show(again, list="inactive", search=name)["lists"]["rows"][0]["name"] == name


def packed(content: object) -> str:
    return urlsafe_b64encode(zlib.compress(json.dumps(content).encode())).decode().rstrip("=")


def test_whatever_a_link_has_it_is_read_or_unreadable() -> None:
    """A link comes from anybody: nothing in it is trusted."""
    mark = beginning().mark
    step = link_of(load_state(subscribed()[1]))
    hostile = [
        "é",
        "a",
        "====",
        step[:-9],
        f"{step}x" * 3,
        packed([]),
        packed({"mark": mark}),
        packed(None),
        packed({**START, "mark": mark + 1}),
        packed({**START, "mark": mark, "begin": "elsewhere"}),
        packed({**START, "mark": mark, "steps": [["2026-01-01", None]]}),
        packed({**START, "mark": mark, "steps": [["2026-01-01T00:00:00+00:00", {"kind": "x"}]]}),
        packed({**START, "mark": mark, "steps": {"a": 1}}),
        packed({**START, "mark": mark, "steps": [["9" * 99, None]]}),
        packed({**START, "mark": mark, "padding": "a" * 5_000_000}),
        urlsafe_b64encode(zlib.compress(b"[" * 200_000)).decode(),
    ]
    for link in hostile:
        assert ask("open", link=link) == {"unreadable": True}, link[:50]


def test_a_step_that_the_library_refuses_makes_a_state_unreadable() -> None:
    client, state = subscribed()
    record_ = state["steps"][0][1]
    twice = {**state, "steps": [*state["steps"], ["2026-02-01T09:00:00+00:00", record_]]}
    assert show(twice) == {"unreadable": True}
    assert show(state, client=client)["client"]["status"] == "awaiting_activation"


# ── What is shown ────────────────────────────────────────────────────────────────────────────────


def test_every_client_is_shown_with_the_library_s_own_answers() -> None:
    session = Session(Begin.TOUR)
    assert len(session.changes) > 80
    for client_id in session.changes:
        client = show(client=str(client_id))["client"]
        for name, by in (
            ("practice", ca.PracticeUser(US)),
            ("client", ca.ClientUser(client_id)),
            ("platform", ca.PlatformUser()),
        ):
            said = answer_of(session.access.actions(client_id, by))
            actions = client["actions"][name]
            assert [each["command"] for each in actions if not each["refusal"]] == said["allowed"]
            refused = {each["command"]: each["refusal"] for each in actions if each["refusal"]}
            assert refused.keys() == said["refused"].keys()  # type: ignore[union-attr]  # a dict
        stored = session.repository.get(client_id)
        assert stored is not None
        assert client["label"] == stored.label
        decision = ca.sign_in_of(stored, at=session.now)
        assert client["sign_in"]["allowed"] is decision.allowed
        assert len(client["notices"]) == len(list(session.notices(client_id)))


def test_a_practice_is_told_that_it_sees_only_the_name_of_a_client_that_invites_it() -> None:
    checked = asked(
        "register_customer",
        None,
        "platform",
        business_name="Aspen",
        email="a@example.com",
        services={"payroll": None},
    )
    state = after(checked)
    state = after(
        asked("invite_practice", checked["client"], "client", state, practice_id=US), state
    )
    client = show(state, practice=US, client=checked["client"])["client"]
    assert client["hidden"].startswith("Your Practice sees only the name until it accepts (C3).")
    assert show(state, practice="second-firm", client=checked["client"])["client"]["hidden"]
    assert show(client=named("Harbour"))["client"]["hidden"] is None


def test_a_search_that_is_malformed_says_why() -> None:
    assert "control" in show(search="\x00")["lists"]["problem"]


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────


def test_a_command_is_done_exactly_as_it_was_checked() -> None:
    client = named("Amber")
    services = {"accounting": {"vat_scheme": "standard", "vat_number": "GB 1"}, "payroll": None}
    checked = asked(
        "subscribe", client, payer="practice", sign_in="practice_and_client", services=services
    )
    assert {"name": "All services, a month", "before": "£0.00", "after": "£19.50"} in checked[
        "cost"
    ]
    assert checked["for_good"] == ["Who pays is settled by this, and cannot be chosen again."]
    assert len(checked["told"]) == 2
    after_it = show(after(checked), client=client)["client"]
    assert [after_it["label"], after_it["total"]] == ["Awaiting Client Activation", "£19.50"]
    assert len(after_it["notices"]) == 2
    assert show(client=client)["client"]["label"] == "Inactive"


def test_a_refusal_and_malformed_input_change_nothing_and_say_why() -> None:
    client = named("Harbour")
    assert asked("choose_payer", client, payer="client")["refusal"]["code"] == "payer_locked"
    invalid = asked("choose_payer", client, payer="nobody")
    assert (invalid["outcome"], invalid["errors"][0]["field"]) == ("invalid", "payer")
    # What only the catalogue shows to be malformed (S1) is found out when it is decided.
    setup = {"vat_scheme": "standard"}
    wrong = asked(
        "subscribe",
        named("Amber"),
        payer="practice",
        sign_in="practice_only",
        services={"payroll": setup},
    )
    assert (wrong["outcome"], wrong["errors"][0]["field"]) == ("invalid", "services")


def test_the_link_in_an_email_activates_the_client() -> None:
    client, state = subscribed()
    notices = show(state, client=client)["client"]["notices"]
    (email,) = [notice for notice in notices if notice["link"]]
    url = next(part for part in email["text"].split() if part.startswith(PORTAL))
    state = after(ask("follow", state=state, url=url), state)
    assert show(state, client=client)["client"]["status"] == "both_access"
    assert ask("follow", state=state, url=url)["refusal"]["code"] == "already_activated"
    assert ask("follow", state=state, url=f"{url}x")["outcome"] == "invalid"


def test_reminders_fall_due_when_the_clock_is_moved() -> None:
    """N1: seven days and one day before an activation ends."""
    client, state = subscribed()
    before = len(show(state, client=client)["client"]["notices"])
    deadline = show(state, client=client)["client"]["deadline"]
    state["steps"].append([deadline["at"], None])
    shown = show(state, client=client)["client"]
    assert [each["kind"] for each in shown["notices"][before:]] == ["ActivationEnding"] * 4
    assert shown["activation"]["state"] == "expired"


def ask_junk(command: str, body: dict[str, object]) -> list[str]:
    """Return what is wrong with a body, if anything is."""
    try:
        read_command(command, body, client_id=UUID(int=1), by=ca.PlatformUser())
    except ca.InvalidValue as malformed:
        return [each.reason for each in problems_of(malformed)]
    return []


def test_every_command_has_a_form_whose_fields_are_those_that_are_read() -> None:
    client = named("Harbour")
    for command in INPUTS:
        form = ask("form", state=START, command=command, client=client)
        fields = {field["name"] for field in form["fields"]}
        junk = {name: object() for name in fields}
        problems = ask_junk(command, junk)
        assert not any("is not a field" in problem for problem in problems)
        assert form["label"]


def test_a_form_is_filled_in_with_what_the_client_has() -> None:
    client = named("Harbour")
    (contact,) = ask("form", state=START, command="change_contact_details", client=client)["fields"]
    assert contact["fields"][0]["value"] == "Tom Quillfeather"
    assert ask("total", state=START, services=["start", "payroll"])["total"] == "£13.50"


# ── The Python ───────────────────────────────────────────────────────────────────────────────────


def test_the_python_that_is_shown_leads_to_the_same_clients() -> None:
    client, state = subscribed()
    state = after(
        asked("change_business_name", client, state=state, business_name='O\'"Amber"\\'), state
    )
    state["steps"].append(["2026-03-01T09:00:01.000002+00:00", None])
    setup = {"vat_scheme": "cash", "vat_number": "", "accounts_start": "2026-04-06"}
    state = after(asked("add_service", client, state=state, service="start", setup=setup), state)
    names: dict[str, Any] = {}
    exec(ask("python", state=state)["python"], names)
    session = session_of(load_state(state))
    repository = names["access"].repository
    for client_id in session.changes:
        assert repository.get(client_id) == session.repository.get(client_id)
        assert repository.history(client_id) == session.repository.history(client_id)
    assert names["now"] == session.now


# ── Blocks of the documentation ──────────────────────────────────────────────────────────────────


def test_the_blocks_of_a_page_share_their_names_and_say_what_they_print() -> None:
    def run(page: str, code: str) -> Any:
        return json.loads(playground.run(json.dumps({"page": page, "code": code})))

    assert run("one", "x = 1\nprint('a')") == {"printed": "a\n", "error": None}
    assert run("one", "print(x)") == {"printed": "1\n", "error": None}
    assert run("two", "x")["error"].startswith("NameError")
    assert run("two", "x = (")["error"].endswith("was never closed")
    assert run("two", "raise SystemExit(3)")["error"] == "SystemExit: 3"


def test_a_state_goes_on_and_goes_back() -> None:
    """The bridge keeps the session of the latest state; what it answers does not depend on it."""
    client, state = subscribed()
    forth = show(state, client=client)
    back = show(client=client)
    assert show(state, client=client) == forth
    assert show(client=client) == back
    assert state_of(link_of(State())) == State()
