"""Schemathesis drives the host with what the host's own OpenAPI document describes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

# The schemas cannot say which addresses are valid, so a body that fits them may be malformed.
CANNOT_BE_SAID = "positive_data_acceptance"


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("sqlite", "practice/north/nora"),
        ("sqlite", "client/{}"),
        ("postgresql", "platform/cs"),
    ],
    indirect=["host"],
)
def test_no_answer_contradicts_the_document(host: Any, who: str, tmp_path: Path) -> None:
    """No 5xx. Each answer has a status, a type and a body that the document has."""
    acme = uuid4()
    address = {"email": f"{acme}@acme.example.com"}
    customer = {"business_name": "Acme", "services": {"payroll": None}, **address}
    host.post("platform/cs", f"clients/{acme}/register_customer", customer)
    host.post(f"client/{acme}", f"clients/{acme}/invite_practice", {"practice_id": "north"})
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.client_id" = "{acme}"\n')
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={config}",
            "run",
            f"{host.url}/openapi.json",
            f"--header=Authorization: Bearer {who.format(acme)}",
            f"--exclude-checks={CANNOT_BE_SAID}",
            "--phases=coverage,fuzzing",
            "--max-examples=3",
            "--seed=1",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
