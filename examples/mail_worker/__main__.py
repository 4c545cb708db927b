"""Starts a worker: `make mail-worker`, or `python -m examples.mail_worker`."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from threading import Event

from sqlalchemy import create_engine

from client_access.links import ActivationLinks
from examples.mail_worker.worker import Worker
from examples.shop import LINKS_KEY, database_url

stop = Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stop.set())

server = os.environ.get("SMTP_SERVER", "127.0.0.1:1025")
host, _, port = server.rpartition(":")
toy = None
if "SMTP_SERVER" not in os.environ:  # it prints each mail
    toy = subprocess.Popen([sys.executable, "-u", "-m", "aiosmtpd", "-n", "-l", server])

worker = Worker(
    create_engine(database_url("pysqlite"), hide_parameters=True),
    (host, int(port)),
    ActivationLinks([LINKS_KEY]),
    timedelta(seconds=float(os.environ.get("LEASE_SECONDS", "60"))),
)
print(f"mailing by {server}; Ctrl-C stops", flush=True)
worker.run(stop, say=lambda words: print(words, flush=True))
if toy is not None:
    toy.terminate()
