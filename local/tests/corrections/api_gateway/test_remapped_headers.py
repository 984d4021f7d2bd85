"""Smoke test of ``api_gateway.remapped_headers``, over HTTP."""

from __future__ import annotations

from local.tests.rest_api import Api


def test_a_functions_challenge_is_renamed_and_the_gateways_own_is_not(aws):
    api = Api(aws)
    by_function = api.call("answer-challenge")
    assert by_function.headers["x-amzn-remapped-www-authenticate"] == "Bearer"
    assert by_function.headers["www-authenticate"] is None
    by_gateway = api.call("x", token=None)
    assert (by_gateway.status, by_gateway.headers["www-authenticate"]) == (401, "Bearer")
