"""Correction: rules hear of the calls that change something ("AWS API Call via CloudTrail").

What AWS does ("AWS service events delivered via AWS CloudTrail", "Understanding CloudTrail events"): a management call that is
not read-only reaches the default bus as an event whose ``source`` is ``aws.`` with the service's name, and whose ``detail`` is
CloudTrail's record. (Read-only calls need a rule in the state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS, and calls on items
and objects are data events, which need a trail.) Names of parameters begin with a lowercase letter. Lambda's event names carry
the date of their API, so rules match them by ``prefix``, and some S3 names differ from the operation's.

What stock MiniStack does: sends none.

Here an event comes at once, for a successful call over HTTP. On AWS it takes a trail that is logging (an account has none of
itself) and comes within minutes. CloudFormation's own work makes no calls here, and so no events.
"""

from __future__ import annotations

import json
import logging
import re
import time
import urllib.parse
import uuid

from local.door import awscall

logger = logging.getLogger(__name__)

_READING = re.compile(
    "Assume|BatchGet|Check|Decode|Describe|Estimate|Filter|Get|Head|List|Lookup|Query|Scan|Search|Select|Simulate|StartLiveTail"
    "|StartQuery|Test|Validate"
)
# Data events, and what CloudTrail does not record at all.
_DATA = {
    "dynamodb": re.compile(r"(Put|Update|Delete|BatchWrite)Item|TransactWriteItems|(Batch)?Execute(Statement|Transaction)"),
    "events": re.compile(r"PutEvents"),
    "kms": re.compile(r"Encrypt|Decrypt|ReEncrypt|Generate\w+|Sign|Verify\w*|DeriveSharedSecret"),
    "lambda": re.compile(r"Invoke\w*"),
    "logs": re.compile(r"PutLogEvents"),
    "monitoring": re.compile(r"PutMetricData"),
    "s3": re.compile(r"(?!PutObjectLockConfiguration)\w*(Object|Multipart|UploadPart)\w*"),
    "sns": re.compile(r"Publish\w*"),
    "sqs": re.compile(r"(Send|Receive|Delete)Message\w*|ChangeMessageVisibility\w*"),
}
# "Amazon S3 CloudTrail events": bucket-level actions under a name of their own.
_S3_NAMES = {
    "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
_LAMBDA_DATE = re.compile(r"/(201[4-8])-(\d\d)-(\d\d)/")
_LAMBDA_SECOND_VERSION = (
    "AddPermission", "RemovePermission", "TagResource", "UntagResource", "UpdateFunctionCode", "UpdateFunctionConfiguration",
)  # fmt: skip
_HIDDEN = ("environment", "zipFile", "secretString", "secretBinary", "password")


def apply() -> None:
    from ministack import app

    dispatch = app._dispatch_service_request

    async def told(method, path, headers, body, query_params, request_id):
        answer = await dispatch(method, path, headers, body, query_params, request_id)
        if answer[0] < 400:
            try:
                _tell(method, path, headers, body, query_params, request_id, answer)
            except Exception:  # the call itself has succeeded
                logger.exception("no event of %s %s", method, path)
        return answer

    app._dispatch_service_request = told


def _tell(method, path, headers, body, query_params, request_id, answer) -> None:
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import eventbridge

    # Nearly every call reads or is about data: those leave first, and the rules of all accounts are looked at last.
    if method in ("GET", "HEAD") and "Action" not in query_params:
        return
    query = urllib.parse.urlencode(query_params, doseq=True)
    call = awscall.identify(method, path, query, headers, body)
    if call is None or _READING.match(call.action) or " " in call.action:
        return
    if call.service in _DATA and _DATA[call.service].fullmatch(call.action):
        return
    if not any(rule.get("EventPattern") for rule in eventbridge._rules.values()):
        return
    now, event_id = time.time(), str(uuid.uuid4())
    detail = {
        "eventVersion": "1.11",
        "userIdentity": _identity(headers, query_params),
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": _name(call, path),
        "awsRegion": get_region(),
        "sourceIPAddress": "127.0.0.1",
        "userAgent": headers.get("user-agent", ""),
        "requestParameters": _recorded(_parameters(call, path, query_params, body)),
        "responseElements": _recorded(_json(answer[2])) or None,
        "requestID": request_id,
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": get_account_id(),
        "eventCategory": "Management",
    }
    eventbridge._dispatch_event(
        {
            "EventId": event_id,
            "Source": f"aws.{call.service}",
            "DetailType": "AWS API Call via CloudTrail",
            "Detail": json.dumps(detail, default=str),
            "EventBusName": "default",
            "Time": now,
            "Resources": [],
            "Account": get_account_id(),
            "Region": get_region(),
        }
    )


def _name(call: awscall.AwsCall, path: str) -> str:
    if call.service == "s3":
        return _S3_NAMES.get(call.action, call.action)
    date = _LAMBDA_DATE.match(path) if call.service == "lambda" else None
    if date is None:
        return call.action
    return f"{call.action}{''.join(date.groups())}{'v2' if call.action in _LAMBDA_SECOND_VERSION else ''}"


def _parameters(call: awscall.AwsCall, path: str, query_params: dict, body: bytes) -> dict:
    if call.protocol == "query":
        form = {**urllib.parse.parse_qs(body.decode("utf-8", "replace")), **query_params}
        return {name: _first(value) for name, value in form.items() if name not in ("Action", "Version")}
    given = _json(body)
    if not call.protocol.startswith("rest"):
        return given
    labels = awscall.labels(call.service, call.action, path)
    if call.service == "s3":
        labels = {f"{name}Name" if name == "Bucket" else name: value for name, value in labels.items()}
    return {**{name: _first(value) for name, value in query_params.items()}, **labels, **given}


def _first(value):
    return value[0] if isinstance(value, list) else value


def _json(body) -> dict:
    try:
        found = json.loads(body or b"{}")
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _recorded(value):
    """Returns parameters as CloudTrail records them: names begin in lowercase, and what may be secret is left out."""
    if isinstance(value, list):
        return [_recorded(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {name[:1].lower() + name[1:]: item for name, item in value.items()}
    return {name: _recorded(item) for name, item in named.items() if name not in _HIDDEN}


def _identity(headers: dict, query_params: dict) -> dict:
    from ministack.core.iam_evaluator import request_caller_arn
    from ministack.core.responses import get_account_id
    from ministack.core.router import extract_access_key_id

    arn, account = request_caller_arn(headers, query_params), get_account_id()
    key = extract_access_key_id(headers, query_params)
    identity = {"principalId": account, "arn": arn, "accountId": account, "accessKeyId": key}
    if ":user/" in arn:
        return {"type": "IAMUser", "userName": arn.rsplit("/", 1)[1], **identity}
    return {"type": "AssumedRole" if ":assumed-role/" in arn else "Root", **identity}
