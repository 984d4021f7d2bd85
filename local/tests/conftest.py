"""A corrected and a stock launcher for the whole session, each with and without IAM; the stock ones show what is wrong."""

from __future__ import annotations

import os

import pytest

from local.corrections import order
from local.tests.aws import Launcher
from local.tests.stacks import let_gateway_log

# The tests' clients must not use the AWS profile of whoever runs them.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]


@pytest.fixture(scope="session")
def aws(tmp_path_factory, pytestconfig):
    yield from _running(tmp_path_factory.mktemp("corrected"), *pytestconfig.getoption("--without"))


@pytest.fixture(scope="session")
def stock(tmp_path_factory):
    yield from _running(tmp_path_factory.mktemp("stock"), *order.NAMES)


@pytest.fixture(scope="session")
def iam(tmp_path_factory, pytestconfig):
    yield from _evaluating(tmp_path_factory.mktemp("iam"), *pytestconfig.getoption("--without"))


@pytest.fixture(scope="session")
def stock_iam(tmp_path_factory):
    yield from _evaluating(tmp_path_factory.mktemp("stock-iam"), *order.NAMES)


def _running(state_dir, *without):
    launcher = Launcher(state_dir, *without)
    let_gateway_log(launcher)
    yield launcher
    assert launcher.stop() == 0


def _evaluating(state_dir, *without):
    launcher = Launcher(state_dir, *without, AUTH="true")
    yield launcher
    assert launcher.stop() == 0


def pytest_addoption(parser):
    parser.addoption(
        "--without", action="append", default=[], help="leave a correction out: its smoke test must fail then"
    )
