"""A host on FastAPI: every command and question over HTTP, beside a table of its own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import URL, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from starlette.exceptions import HTTPException as StarletteHTTPException

import client_access as ca
from client_access.links import ActivationLinks
from client_access.sql import AsyncSqlRepository, in_transaction_async
from client_access.wire import (
    INPUTS,
    InvalidInput,
    answer_of,
    problem_of,
    read_command,
    read_cursor,
    schema,
    schemas,
)
from examples.shop import CATALOGUE

log = logging.getLogger(__name__)

# The host's own table: who did what. Each event has one row, written in the same transaction.
JOURNAL = """
    CREATE TABLE IF NOT EXISTS journal (
        client_id VARCHAR(36) NOT NULL,
        version INTEGER NOT NULL,
        what VARCHAR(50) NOT NULL,
        who VARCHAR(255) NOT NULL,
        PRIMARY KEY (client_id, version)
    )"""
# A command that is repeated with its key returns its first change, which has a row already.
JOT = text("INSERT INTO journal VALUES (:client_id, :version, :what, :who) ON CONFLICT DO NOTHING")

# ── Who asks ─────────────────────────────────────────────────────────────────────────────────────

bearer = HTTPBearer(auto_error=False, description="practice/north/nora, client/<id> or platform/cs")


def actor(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> ca.Actor:
    """Return who asks. This is a toy that believes everybody: yours looks at a session."""
    try:
        match given.credentials.split("/") if given else []:
            case ["practice", practice_id, user]:
                return ca.PracticeUser(practice_id, user)
            case ["client", client_id]:
                return ca.ClientUser(UUID(client_id))
            case ["platform", user]:
                return ca.PlatformUser(user)
    except ValueError:
        pass
    raise HTTPException(401, "Say who you are.", {"WWW-Authenticate": "Bearer"})


def only(kind: type[ca.Actor]) -> Any:
    """Return a dependency that lets one kind of actor in."""

    def check(by: Annotated[ca.Actor, Depends(actor)]) -> ca.Actor:
        if not isinstance(by, kind):
            raise HTTPException(403, "This is not for you.")
        return by

    return Depends(check)


By = Annotated[ca.Actor, Depends(actor)]
Practice = Annotated[ca.PracticeUser, only(ca.PracticeUser)]
Client = Annotated[ca.ClientUser, only(ca.ClientUser)]
Key = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern="^[!-~]+$")
]


# ── What is answered ─────────────────────────────────────────────────────────────────────────────


def answers(name: str, *, many: bool = False) -> dict[str, Any]:
    """Return how an operation is described whose answer has the schema of this name."""
    ref = {"$ref": f"#/components/schemas/{name}"}
    content = {"application/json": {"schema": {"type": "array", "items": ref} if many else ref}}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    error = {"description": "A problem", "content": {"application/problem+json": problem}}
    return {"responses": {200: {"description": name, "content": content}, "default": error}}


def problem(details: Any, headers: Any = None) -> JSONResponse:
    """Return problem details as a response."""
    return JSONResponse(details, details["status"], headers, "application/problem+json")


def failed(_: Request, error: Exception) -> JSONResponse:
    """Answer an error of the library, or of the database in a statement of the host's own."""
    if not isinstance(error, ca.ClientAccessError):
        error = ca.RepositoryError("the database failed")
    details = problem_of(error)
    if details["status"] in (500, 503):
        log.error("a request failed", exc_info=True)
    return problem(details)


def malformed(_: Request, error: Exception) -> JSONResponse:
    """Answer a path, a query or a header that FastAPI has found to be malformed."""
    assert isinstance(error, RequestValidationError)
    errors = [ca.InvalidValue(str(each["loc"][-1]), each["msg"]) for each in error.errors()]
    return problem(problem_of(InvalidInput(*errors)))


def other(_: Request, error: Exception) -> JSONResponse:
    """Answer whatever else HTTP refuses."""
    assert isinstance(error, StarletteHTTPException)
    details = {"title": error.detail, "status": error.status_code, "detail": error.detail}
    code = {"type": "about:blank", "code": "http"}
    return problem(details | code, error.headers)


# ── The host ─────────────────────────────────────────────────────────────────────────────────────


def create_app(database_url: URL, links_key: str) -> FastAPI:
    """Return the host.

    Parameters:
        database_url: the database, with an async driver.
        links_key: the key that signs links to activate.
    """
    engine = create_async_engine(database_url, hide_parameters=True, pool_size=20)
    repository = AsyncSqlRepository(engine)
    access = ca.AsyncClientAccess(repository, catalogue=CATALOGUE)
    links = ActivationLinks([links_key])

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await repository.prepare()
        async with engine.begin() as connection:
            if engine.dialect.name == "postgresql":  # processes that begin together take turns
                await connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
            await connection.execute(text(JOURNAL))
        yield
        await engine.dispose()

    app = FastAPI(title="Clients", lifespan=lifespan)
    app.add_exception_handler(ca.ClientAccessError, failed)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(SQLAlchemyError, failed)
    app.add_exception_handler(StarletteHTTPException, other)

    # ── Commands ──

    async def handle(command: ca.Command, key: str | None = None) -> JSONResponse:
        """Handle a command, and note who did it, in one transaction."""

        async def work(connection: AsyncConnection) -> ca.Change:
            inside = ca.AsyncClientAccess(AsyncSqlRepository(connection), catalogue=CATALOGUE)
            change = await inside.handle(command, command_id=key)
            if event := change.event:
                row = {"client_id": str(event.client_id), "version": event.version}
                who = {"what": type(event).__name__, "who": str(event.by.user)}
                await connection.execute(JOT, row | who)
            return change

        return JSONResponse(answer_of(await in_transaction_async(engine, work)))

    def add_command(kind: str) -> None:
        body = {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind}"}}}
        described = {"content": body, "required": bool(schema(kind)["required"])}

        @app.post(
            f"/clients/{{client_id}}/{kind}",
            name=kind,
            tags=["commands"],
            openapi_extra={"requestBody": described},
            **answers("Change"),
        )
        async def command(
            client_id: UUID, request: Request, by: By, key: Key = None
        ) -> JSONResponse:
            body = await request.body() or b"{}"
            return await handle(read_command(kind, body, client_id=client_id, by=by), key)

    for kind in INPUTS:
        add_command(kind)

    @app.post("/activate", **answers("Change"))
    async def activate(token: Annotated[str, Body(embed=True)]) -> JSONResponse:
        return await handle(links.redeem(token))

    # ── Questions ──

    @app.post("/sign-in", **answers("SignInDecision"))
    async def sign_in(email: Annotated[str, Body(embed=True)]) -> JSONResponse:
        # You have checked the password before.
        return JSONResponse(answer_of(await access.sign_in(email)))

    @app.get("/clients", **answers("Page"))
    async def clients(
        by: Practice,
        which: Annotated[ca.ClientList, Query(alias="list")],
        search: str = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        after: str | None = None,
    ) -> JSONResponse:
        place = None if after is None else read_cursor(after)
        page = await access.clients(by.practice_id, which, search=search, limit=limit, after=place)
        return JSONResponse(answer_of(page))

    @app.get("/clients/{client_id}", **answers("Client"))
    async def client(client_id: UUID, by: By) -> JSONResponse:
        return JSONResponse(answer_of(await access.client(client_id, by)))

    @app.get("/clients/{client_id}/actions", **answers("Actions"))
    async def actions(client_id: UUID, by: By) -> JSONResponse:
        return JSONResponse(answer_of(await access.actions(client_id, by)))

    @app.get("/clients/{client_id}/opening", **answers("Opening"))
    async def opening(client_id: UUID, by: By) -> JSONResponse:
        return JSONResponse(answer_of(await access.opening(client_id, by)))

    @app.get(
        "/clients/{client_id}/history",
        dependencies=[only(ca.PlatformUser)],
        **answers("Event", many=True),
    )
    async def history(client_id: UUID) -> JSONResponse:
        return JSONResponse([answer_of(event) for event in await repository.history(client_id)])

    @app.get("/invoice", **answers("Invoice"))
    async def invoice(by: Practice) -> JSONResponse:
        return JSONResponse(answer_of(await access.next_invoice(by.practice_id)))

    @app.get("/own-invoice", **answers("Invoice"))
    async def own_invoice(by: Client) -> JSONResponse:
        return JSONResponse(answer_of(await access.next_invoice_of_client(by.client_id)))

    # ── The description ──

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=ca.__version__, routes=app.routes)
            document["components"]["schemas"].update(schemas())
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it
    return app
