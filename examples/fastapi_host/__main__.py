"""Starts the host: `make fastapi-host`, or `python -m examples.fastapi_host`."""

import os

import uvicorn

from examples.fastapi_host.app import create_app
from examples.shop import LINKS_KEY, database_url

uvicorn.run(
    create_app(database_url("aiosqlite"), LINKS_KEY), port=int(os.environ.get("PORT", "8000"))
)
