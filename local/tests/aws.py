"""A running launcher and the AWS clients that talk to it."""

from __future__ import annotations

import io
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

import botocore.config
import botocore.session

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Launcher:
    """One local AWS in its own process."""

    def __init__(self, state_dir: pathlib.Path, *without: str, **environment: str):
        self.state_dir = state_dir
        arguments = [part for name in without for part in ("--without", name)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local", "--port", "0", "--state-dir", str(state_dir), *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=(state_dir / "log").open("w"),
            stderr=subprocess.STDOUT,
        )
        until(lambda: (state_dir / "ready.json").exists() or self.process.poll() is not None, 90)
        assert self.process.poll() is None, (state_dir / "log").read_text()
        self.url = json.loads((state_dir / "ready.json").read_text())["endpointUrl"]

    def client(self, service: str, caller: str | None = None, account: str = "test", secret: str = "test", token: str | None = None):
        """Returns an AWS client without retries; ``caller`` is put into the user agent, as the functions' SDKs do."""
        session = botocore.session.Session()
        config = botocore.config.Config(
            retries={"total_max_attempts": 1}, user_agent_appid=caller, s3={"addressing_style": "path"}, read_timeout=20
        )
        return session.create_client(
            service,
            region_name="us-east-1",
            endpoint_url=self.url,
            config=config,
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )

    def call(self, method: str, path: str, body=None, headers: dict | None = None) -> Answer:
        """Makes a plain HTTP call; a ``body`` that is not bytes is sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)


class Answer:
    """Status, headers (case-insensitive) and body of an HTTP answer."""

    def __init__(self, status: int, headers, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


def until(condition, seconds: float = 20.0):
    """Waits until ``condition()`` is true and returns its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
    return value


def archive(name: str, source: str, mode: int = 0o644) -> bytes:
    """Returns a deployment package with one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (0o100000 | mode) << 16
        file.writestr(entry, source)
    return packed.getvalue()


BOOTSTRAP = '''#!{python}
"""A custom runtime: speaks the Lambda Runtime API and calls handler(event) of the code appended below."""
import http.client, json, os, sys, time

{code}

if __name__ == "__main__":
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        answer = api.getresponse()
        request_id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(answer.read())
        try:
            kind, result = "response", handler(event)
        except Exception as error:
            kind, result = "error", {{"errorMessage": str(error), "errorType": type(error).__name__}}
        api.request("POST", f"/2018-06-01/runtime/invocation/{{request_id}}/{{kind}}", json.dumps(result))
        api.getresponse().read()
'''


def bootstrap(code: str) -> bytes:
    """Returns a ``provided.al2023`` package around ``def handler(event)``."""
    return archive("bootstrap", BOOTSTRAP.format(python=sys.executable, code=code), 0o755)


def create_function(aws: Launcher, name: str, code: str, account: str = "test", **more) -> None:
    aws.client("lambda", account=account).create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=more.pop("Role", "arn:aws:iam::000000000000:role/any"),
        Code={"ZipFile": bootstrap(code)},
        Timeout=more.pop("Timeout", 5),
        **more,
    )
