"""stopped.py tells a function that may not run from one that may, and says in one line why it could not look."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from conftest import APP_DIR

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.mark.parametrize(("answer", "said"), [({"ReservedConcurrentExecutions": 0}, "stopped\n"), ({}, "")])
def test_a_reserved_concurrency_of_zero_is_stopped(answer: dict, said: str) -> None:
    class Lambda(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    asked: list[str] = []
    with HTTPServer(("127.0.0.1", 0), Lambda) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        run = look({**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"})
        server.shutdown()
    assert (run.returncode, run.stdout, run.stderr) == (0, said, "")
    assert asked == ["/2019-09-30/functions/tasks-dev-task-api/concurrency"]


def test_without_credentials_it_fails_with_one_line() -> None:
    run = look({"AWS_EC2_METADATA_DISABLED": "true"})
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines() == ["Unable to locate credentials"]


def look(settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "stopped.py", "tasks-dev-task-api"],
        cwd=APP_DIR,
        env={**environment, **nowhere, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
