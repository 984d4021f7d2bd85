"""log_role.py says in one line why it could not read the role; every local deployment shows that it can."""

import os
import subprocess
import sys

from conftest import APP_DIR


def test_without_credentials_it_fails_with_one_line() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    run = subprocess.run(
        [sys.executable, "log_role.py"],
        cwd=APP_DIR,
        env={**environment, **nowhere},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines() == ["Unable to locate credentials"]


def test_an_unknown_profile_is_named() -> None:
    environment = {**os.environ, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    run = subprocess.run(
        [sys.executable, "log_role.py", "nobodys"],
        cwd=APP_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "nobodys" in run.stderr
    assert "Traceback" not in run.stderr
