"""Correction: CloudFormation locks a bucket as its template says, and nothing unlocks it.

What AWS does ("AWS::S3::Bucket" in the template reference, "Configuring S3 Object Lock"): ObjectLockEnabled creates the bucket
locked and versioned, and ObjectLockConfiguration sets the default retention of new versions. Nothing unlocks a bucket, and its
versioning cannot be suspended: PutBucketVersioning answers 409 InvalidBucketState. A retain-until date must be in the future,
for PutObject and PutObjectRetention alike (400 InvalidArgument).

What stock MiniStack does: drops both properties silently, suspends the versioning and takes dates in the past.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.etree import ElementTree

from local.corrections.cloudformation.handlers import complete_after, service_failure

BUCKET = "AWS::S3::Bucket"
SUSPENDING = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
PAST = "The retain until date must be in the future!"


def apply() -> None:
    from ministack.services import s3

    _keep_versioning(s3)
    _demand_a_future_date(s3)
    _follow_the_template(s3)


def _keep_versioning(s3) -> None:
    put = s3._put_bucket_versioning

    def put_versioning(name: str, body: bytes):
        if s3._bucket_object_lock.get(name) and re.search(rb"<(\w+:)?Status>\s*Suspended", body):
            return s3._error("InvalidBucketState", SUSPENDING, 409, f"/{name}")
        return put(name, body)

    s3._put_bucket_versioning = put_versioning


def _demand_a_future_date(s3) -> None:
    put, refused = s3._put_object_retention, s3._object_lock_header_error

    def put_retention(bucket: str, key: str, body: bytes, *more):
        date = re.search(rb"RetainUntilDate>\s*([^<\s]+)", body)
        if date and _is_past(date[1].decode()):
            return s3._error("InvalidArgument", PAST, 400)
        return put(bucket, key, body, *more)

    def refused_headers(bucket: str, headers: dict):
        if _is_past(headers.get("x-amz-object-lock-retain-until-date") or ""):
            return s3._error("InvalidArgument", PAST, 400)
        return refused(bucket, headers)

    s3._put_object_retention, s3._object_lock_header_error = put_retention, refused_headers


def _is_past(date: str) -> bool:
    try:
        return datetime.fromisoformat(date) <= datetime.now(UTC)
    except ValueError:
        return False  # what is no date is refused elsewhere


def _follow_the_template(s3) -> None:
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS[BUCKET]
    create, delete = handlers["create"], handlers["delete"]

    def created(logical_id, props, *more):
        name, attributes = create(logical_id, props, *more)
        if _locked(props):
            s3._bucket_versioning[name] = "Enabled"
        return name, attributes

    def deleted(name, props, *more):
        delete(name, props, *more)
        s3._bucket_object_lock.pop(name, None)

    handlers["create"], handlers["delete"] = created, deleted
    complete_after(BUCKET, _lock)


def _lock(name: str, props: dict) -> None:
    from ministack.services import s3

    configuration = props.get("ObjectLockConfiguration")
    if _locked(props) or configuration:
        document = ElementTree.Element("ObjectLockConfiguration")
        ElementTree.SubElement(document, "ObjectLockEnabled").text = "Enabled"
        retention = ((configuration or {}).get("Rule") or {}).get("DefaultRetention")
        if retention:
            rule = ElementTree.SubElement(ElementTree.SubElement(document, "Rule"), "DefaultRetention")
            for member, value in retention.items():
                ElementTree.SubElement(rule, member).text = str(value)
        _demand(s3._put_object_lock_configuration(name, ElementTree.tostring(document)))
    status = (props.get("VersioningConfiguration") or {}).get("Status")
    if status == "Suspended" and s3._bucket_object_lock.get(name):
        raise service_failure(SUSPENDING, "S3", 409, "GeneralServiceException")


def _locked(props: dict) -> bool:
    return str(props.get("ObjectLockEnabled")).lower() == "true"


def _demand(answer: tuple) -> None:
    """Fails as the handler does whose call S3 refuses."""
    if answer[0] >= 400:
        message = ElementTree.fromstring(answer[2]).findtext("Message") or ""
        raise service_failure(message, "S3", answer[0], "GeneralServiceException" if answer[0] == 409 else "InvalidRequest")
