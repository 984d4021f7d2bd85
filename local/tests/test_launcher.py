"""Tests of the launcher itself: how it starts and stops."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import uuid

import pytest

from local.tests.aws import ROOT, Launcher, create_function, until


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_stops_with_every_function_even_in_mid_invocation(tmp_path):
    aws = Launcher(tmp_path)
    name = f"sleeper-{uuid.uuid4().hex[:8]}"
    create_function(
        aws,
        name,
        "def handler(event):\n    open(os.path.join(os.environ['TMPDIR'], str(os.getpid())), 'w').close()\n    time.sleep(60)",
        Timeout=60,
    )
    aws.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    [pid] = until(lambda: [int(path.name) for path in (tmp_path / "tmp").iterdir() if path.name.isdigit()])
    assert aws.stop() == 0
    assert not alive(pid)
    assert not (tmp_path / "ready.json").exists()
    assert not (tmp_path / "tmp").exists()


def test_a_port_in_use_is_said_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "local", "--port", str(port), "--state-dir", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert str(port) in line and "--port" in line


def test_a_state_directory_in_use_is_said_in_one_line(aws):
    done = subprocess.run(
        [sys.executable, "-m", "local", "--port", "0", "--state-dir", str(aws.state_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert str(aws.state_dir) in line
    assert aws.call("GET", "/_ministack/health").status == 200


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="needs /proc")
def test_it_listens_on_loopback_only(aws):
    sockets = set()
    for fd in pathlib.Path(f"/proc/{aws.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            sockets.add(os.readlink(fd))
    listening = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as rows:
            for row in [row.split() for row in rows][1:]:
                if row[3] == "0A" and f"socket:[{row[9]}]" in sockets:
                    listening.append(row[1].split(":")[0])
    assert listening and set(listening) == {"0100007F"}


def test_ready_says_where_and_who(aws):
    ready = json.loads((aws.state_dir / "ready.json").read_text())
    assert ready == {"endpointUrl": aws.url, "pid": aws.process.pid}


def test_a_function_sees_nothing_of_the_callers_environment(tmp_path):
    aws = Launcher(tmp_path, AWS_PROFILE="production", SOME_SECRET="s")
    try:
        create_function(aws, "env", "def handler(event):\n    return dict(os.environ)")
        seen = json.loads(aws.client("lambda").invoke(FunctionName="env", Payload=b"{}")["Payload"].read())
    finally:
        assert aws.stop() == 0
    assert "AWS_PROFILE" not in seen and "SOME_SECRET" not in seen
    assert seen["AWS_ENDPOINT_URL"] == aws.url
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "env"
