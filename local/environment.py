"""The environment of the emulator and, through it, of the functions.

``provided.*`` functions inherit the emulator's environment. On AWS a function sees only what Lambda and the template set
("Defined runtime environment variables"), so almost nothing of the caller's environment is let through. Above all, no AWS
profile is: a function must not reach a real account.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import shutil
import tempfile

ACCOUNT = "000000000000"
REGION = "us-east-1"

_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "LOG_LEVEL",
    "AUTH",
    "SFN_WAIT_SCALE",
)
_KEPT_PREFIXES = ("PYTHON",)


class StateInUse(Exception):
    """Another local AWS runs on the same state directory."""


def claim(state_dir: pathlib.Path):
    """Claims the state directory for this process and clears what a killed one left. Returns the lock: keep it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = (state_dir / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StateInUse(f"another local AWS runs on {state_dir}") from error
    (state_dir / "ready.json").unlink(missing_ok=True)
    shutil.rmtree(state_dir / "tmp", ignore_errors=True)
    return lock


def prepare(port: int, state_dir: pathlib.Path) -> str:
    """Replaces ``os.environ`` before MiniStack is imported, and returns the endpoint's URL."""
    endpoint = f"http://127.0.0.1:{port}"
    temporary = state_dir / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if k in _KEPT or k.startswith(_KEPT_PREFIXES)}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(
        {
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "PERSIST_STATE": "0",
            "TMPDIR": str(temporary),
            # So that no container is started, removed or even looked for on the developer's machine.
            "DOCKER_HOST": f"unix://{temporary}/no-docker.sock",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    tempfile.tempdir = str(temporary)
    return endpoint
