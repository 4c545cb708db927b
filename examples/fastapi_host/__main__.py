"""Starts the host: `make fastapi-host`, or `python -m examples.fastapi_host`."""

import os

import uvicorn

from examples.fastapi_host.app import create_app

uvicorn.run(
    create_app(
        os.environ.get("DATABASE_URL", "sqlite:///clients.db"),
        os.environ.get("LINKS_KEY", "a toy: make yours with secrets.token_urlsafe(32)"),
    ),
    port=int(os.environ.get("PORT", "8000")),
)
