"""The object store over S3: one bucket, with conditional writes, and errors that say what to do."""

import hashlib
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)

from include.adapters.object_store import ObjectStore, StoredObject, read_again
from include.errors import (
    AccessDenied,
    AlreadyExists,
    BucketMissing,
    Conflict,
    CorruptObject,
    NotAnObjectStore,
    ObjectMissing,
    StoreError,
    StoreUnreachable,
    WrongRegion,
)
from include.untrusted_text import of_data, one_line

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MEGABYTE = 1024**2
_TRANSFER = TransferConfig(multipart_threshold=16 * _MEGABYTE, multipart_chunksize=16 * _MEGABYTE, max_concurrency=4)
_CONTESTED_ATTEMPTS = 5
_LONGEST = 500

# Code or status in the answer -> what it means, and what to do next.
_MEANINGS: dict[str, tuple[type[StoreError], str]] = {
    code: meaning
    for codes, meaning in (
        (
            "NoSuchKey NotFound 404",
            (ObjectMissing, "there is no such object: list the prefix, it may have been deleted or never written"),
        ),
        (
            "NoSuchBucket",
            (BucketMissing, "the bucket does not exist: create it, or correct the setting that names it"),
        ),
        (
            "AccessDenied InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken AllAccessDisabled Forbidden 403",
            (
                AccessDenied,
                "the credentials are wrong or may not do this: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or the file that AWS_SHARED_CREDENTIALS_FILE names",
            ),
        ),
        (
            "RequestTimeTooSkewed",
            (AccessDenied, "the clocks of this machine and of the store differ too much: set this machine's clock"),
        ),
        (
            "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException 301",
            (WrongRegion, "the bucket lives in another region: set PROVING_GROUND_S3_REGION to the one it lives in"),
        ),
        (
            "PreconditionFailed 412",
            (
                Conflict,
                "the object is not the one that was expected, another writer replaced it: read it again and decide again",
            ),
        ),
        (
            "ConditionalRequestConflict SlowDown RequestTimeout Throttling ThrottlingException 429",
            (StoreUnreachable, "the store asks to come back later: try again"),
        ),
    )
    for code in codes.split()
}


# Operation -> the root of the XML that S3 answers with.
_ROOTS = {
    "ListObjectsV2": b"ListBucketResult",
    "CreateMultipartUpload": b"InitiateMultipartUploadResult",
    "CompleteMultipartUpload": b"CompleteMultipartUploadResult",
}
_WITH_ETAG = ("GetObject", "HeadObject", "PutObject", "UploadPart")
_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>)?\s*<(?:\w+:)?(\w+)")
_MD5 = re.compile(r'"([0-9a-f]{32})"')


class _NotFromS3(BotoCoreError):
    """An answer such as no S3 server gives."""

    fmt = "{answer}"


class _OtherBytes(BotoCoreError):
    """The bytes that came are not those that were stored."""

    fmt = "the bytes that came have the MD5 {found}, the etag says {stored}"


_CUT_SHORT = (IncompleteReadError, ResponseStreamingError)
_SPOILT = (_OtherBytes, FlexibleChecksumError)


class S3Store(ObjectStore):
    """One bucket of a server that speaks S3, or of AWS."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self.bucket = bucket
        self._client = client
        self._page_size = 1000

    @classmethod
    def connect(cls, bucket: str, *, endpoint: str | None, region: str, patience: float | None = None) -> "S3Store":
        """A store with boto3's own credential chain; nothing is sent yet. No `endpoint` means AWS.

        With `patience`, in seconds, each request is made once and waited for no longer.
        """
        config = Config(
            connect_timeout=patience or 10,
            read_timeout=patience or 60,
            # Four attempts wait 3.5 s on average: a dead store is reported while a person still looks.
            retries={"mode": "standard", "total_max_attempts": 1 if patience else 4},
            s3={"addressing_style": "path" if endpoint else "auto"},
            max_pool_connections=16,
        )
        # The default session is shared between threads and may not be.
        session = boto3.session.Session()
        client = session.client("s3", endpoint_url=endpoint, region_name=region, config=config)
        # Before botocore, which makes a 500 of all that is not XML: what has this pattern is called first.
        client.meta.events.register_first("before-parse.*.*", _refuse_what_is_not_from_s3)
        return cls(client, bucket)

    def read(self, key: str, *, etag: str | None = None) -> bytes:
        condition: Any = {"IfMatch": etag} if etag else {}

        def read() -> bytes:
            return _checked(self._client.get_object(Bucket=self.bucket, Key=key, **condition))

        with self._translate_errors("reading", key):
            return read_again(read, self.address(key), (*_CUT_SHORT, *_SPOILT))

    def download(self, key: str, path: Path, *, etag: str | None = None) -> None:
        condition: Any = {"IfMatch": etag} if etag else {}

        def read() -> None:
            answer, digest = self._client.get_object(Bucket=self.bucket, Key=key, **condition), _md5()
            with path.open("wb") as file:
                for part in answer["Body"].iter_chunks(_MEGABYTE):
                    file.write(part)
                    digest.update(part)
            _refuse_other_bytes(answer, digest.hexdigest())

        with self._translate_errors("reading", key):
            read_again(read, self.address(key), (*_CUT_SHORT, *_SPOILT))

    def stat(self, key: str) -> StoredObject | None:
        try:
            with self._translate_errors("looking at", key):
                answer = self._client.head_object(Bucket=self.bucket, Key=key)
        except ObjectMissing:
            # A HEAD has no body to say which of the two is missing, nor whether S3 has answered at all. A listing does, and
            # "no object" is an answer that callers act on.
            with self._translate_errors("looking at", key):
                self._client.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
            return None
        return StoredObject(key, answer["ETag"], answer["ContentLength"], answer["LastModified"])

    def put(self, key: str, data: bytes) -> str:
        with self._translate_errors("writing", key):
            return self._client.put_object(Bucket=self.bucket, Key=key, Body=data)["ETag"]

    def create_if_absent(self, key: str, data: bytes) -> str:
        try:
            return self._put_under_condition(key, data, {"IfNoneMatch": "*"})
        except Conflict as error:
            raise AlreadyExists(
                f"creating {self.address(key)}: the key is taken; expected was none. Read what is there: the work may be done."
            ) from error

    def compare_and_set(self, key: str, data: bytes, etag: str) -> str:
        try:
            return self._put_under_condition(key, data, {"IfMatch": etag})
        except ObjectMissing as error:
            raise Conflict(
                f"replacing {self.address(key)}: the object is gone; expected was etag {etag}. Read again and decide again."
            ) from error

    def entries(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        beginning: Any = {"StartAfter": after} if after else {}
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, **beginning, PaginationConfig={"PageSize": self._page_size}
        )
        with self._translate_errors("listing", prefix):
            found = [
                StoredObject(item["Key"], item["ETag"], item["Size"], item["LastModified"])
                for page in pages
                for item in page.get("Contents", [])
                if item["Key"] > after
            ]
        # Not every store lists in the order of the keys: some list folder by folder.
        return iter(sorted(found))

    def delete(self, key: str) -> None:
        with self._translate_errors("deleting", key):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def upload_file(self, path: Path, key: str) -> None:
        with path.open("rb") as file, self._translate_errors("uploading to", key):
            self._client.upload_fileobj(file, self.bucket, key, Config=_TRANSFER)

    def _put_under_condition(self, key: str, data: bytes, condition: dict[str, str]) -> str:
        options: Any = condition
        for attempt in range(1, _CONTESTED_ATTEMPTS + 1):
            try:
                with self._translate_errors("writing", key):
                    return self._client.put_object(Bucket=self.bucket, Key=key, Body=data, **options)["ETag"]
            except StoreError as error:
                if isinstance(error, Conflict) and (landed := self._landed_before_a_retry(error, key, data)):
                    return landed
                # AWS answers 409 while another conditional write is under way: undecided, so ask again.
                if _code(error.__cause__) != "ConditionalRequestConflict" or attempt == _CONTESTED_ATTEMPTS:
                    raise
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311  # nosec B311
        raise AssertionError("the last attempt returns or raises")

    def _landed_before_a_retry(self, error: Conflict, key: str, data: bytes) -> str | None:
        """The etag, if botocore's first attempt was written though its answer was lost, so that the retry met itself."""
        cause = error.__cause__
        if not isinstance(cause, ClientError) or not cause.response["ResponseMetadata"].get("RetryAttempts"):
            return None
        there = self.stat(key)
        return there.etag if there and self.read(key, etag=there.etag) == data else None

    @contextmanager
    def _translate_errors(self, doing: str, key: str) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            kind, advice = _meaning(error)
            raise kind(f"{doing} {self.address(key)}: {advice}. The answer: {one_line(error, _LONGEST)}") from error

    @property
    def endpoint(self) -> str:
        return self._client.meta.endpoint_url


def _refuse_what_is_not_from_s3(*, operation_model: Any, response_dict: Mapping[str, Any], **_others: object) -> None:
    """Called by botocore before it reads an answer: it would take a login page for an empty listing, or for the object."""
    status, headers, body = response_dict["status_code"], response_dict["headers"], response_dict["body"]
    # That is an outage, also where a proxy reports it, and botocore asks again.
    if status >= 500 or status in (408, 429) or _is_from_s3(operation_model.name, response_dict):
        return
    beginning = body if isinstance(body, bytes) else body.read(_LONGEST)
    moved = f", moved to {of_data(headers['location'], 100)}" if "location" in headers else ""
    kind = one_line(headers.get("content-type") or "no content type", 100)
    text = of_data(beginning[:_LONGEST].decode(errors="replace"), 150)
    raise _NotFromS3(answer=f"status {status}{moved}, {kind}, beginning with {text}")


def _is_from_s3(operation: str, answer: Mapping[str, Any]) -> bool:
    """Whether an S3 server can have given this answer to this operation."""
    status, headers, body = answer["status_code"], answer["headers"], answer["body"]
    # AWS, SeaweedFS, Ceph and MinIO number their answers; where a server does not, the form of the answer has to do.
    numbered = "x-amz-request-id" in headers
    if not numbered and "html" in headers.get("content-type", "").lower():
        return False
    if status >= 300:
        # An error in answer to a HEAD has no body that could tell.
        return numbered or _root_of(body) == b"Error" or (status >= 400 and operation.startswith("Head"))
    if operation in _ROOTS:
        # AWS begins a long answer with status 200, and may end it with an error, which botocore finds.
        return _root_of(body) in (_ROOTS[operation], b"Error")
    if operation in _WITH_ETAG:
        return "etag" in headers
    return numbered or operation != "DeleteObject" or status == 204


def _root_of(body: bytes) -> bytes:
    """The name of the first element of an XML document; empty for everything else."""
    found = _ROOT.match(body)
    return found[1] if found else b""


def _checked(answer: Any) -> bytes:
    """The bytes of an answer, if they are those that were stored, as far as the etag can tell."""
    data: bytes = answer["Body"].read()
    _refuse_other_bytes(answer, _md5(data).hexdigest())
    return data


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)


def _refuse_other_bytes(answer: Any, found: str) -> None:
    stored = _MD5.fullmatch(answer.get("ETag", ""))
    # Under a customer's or KMS's key the etag is no MD5, nor is that of an upload in parts, which does not look like one.
    encrypted = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    if stored and not encrypted and found != stored[1]:
        raise _OtherBytes(found=found, stored=stored[1])


def _code(error: BaseException | None) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _meaning(error: ClientError | BotoCoreError) -> tuple[type[StoreError], str]:
    """The error of ours, and the advice that goes with it; the code decides before the HTTP status does."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if found := _MEANINGS.get(_code(error)) or _MEANINGS.get(str(status)):
            return found
        if status >= 500:
            return StoreUnreachable, "the store failed inside: try again, and look at its log if it stays"
        return StoreError, "the store refused"
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        says = "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE"
        return AccessDenied, says
    if isinstance(error, _NotFromS3):
        return NotAnObjectStore, (
            "the answer is not one of an S3 server; a proxy, a login page or another service gave it: check what "
            "PROVING_GROUND_S3_ENDPOINT names, and exempt the store from the proxy (NO_PROXY)"
        )
    if isinstance(error, _SPOILT):
        return CorruptObject, "twice, other bytes came than were stored: restore the object, and check the store's disks"
    if isinstance(error, _CUT_SHORT):
        return StoreUnreachable, (
            "twice, the answer ended before its end: try again; if it stays, look at the store's log and at what is in between"
        )
    if isinstance(error, ConnectionError | HTTPClientError):
        return StoreUnreachable, "no answer: check that the store runs and that PROVING_GROUND_S3_ENDPOINT names it"
    return StoreError, "the request could not be made"
