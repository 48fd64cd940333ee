"""The object store over S3: one bucket, with conditional writes, and errors that say what to do."""

import random
import time
from collections.abc import Iterator
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
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)

from include.adapters.object_store import ObjectStore, StoredObject
from include.errors import (
    AccessDenied,
    AlreadyExists,
    BucketMissing,
    Conflict,
    ObjectMissing,
    StoreError,
    StoreUnreachable,
    WrongRegion,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MEGABYTE = 1024**2
_TRANSFER = TransferConfig(multipart_threshold=16 * _MEGABYTE, multipart_chunksize=16 * _MEGABYTE, max_concurrency=4)
_CONTESTED_ATTEMPTS = 5

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
        return cls(session.client("s3", endpoint_url=endpoint, region_name=region, config=config), bucket)

    def read(self, key: str, *, etag: str | None = None) -> bytes:
        condition: Any = {"IfMatch": etag} if etag else {}
        with self._translate_errors("reading", key):
            return self._client.get_object(Bucket=self.bucket, Key=key, **condition)["Body"].read()

    def stat(self, key: str) -> StoredObject | None:
        try:
            with self._translate_errors("looking at", key):
                answer = self._client.head_object(Bucket=self.bucket, Key=key)
        except ObjectMissing:
            # A HEAD has no body to say which of the two is missing, and "no object" is an answer that callers act on.
            self._require_bucket()
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

    def entries(self, prefix: str = "") -> Iterator[StoredObject]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": self._page_size}
        )
        with self._translate_errors("listing", prefix):
            found = [
                StoredObject(item["Key"], item["ETag"], item["Size"], item["LastModified"])
                for page in pages
                for item in page.get("Contents", [])
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

    def _require_bucket(self) -> None:
        try:
            with self._translate_errors("looking for", ""):
                self._client.head_bucket(Bucket=self.bucket)
        except ObjectMissing as error:
            raise BucketMissing(f"looking for {self.address('')}: {_MEANINGS['NoSuchBucket'][1]}.") from error

    @contextmanager
    def _translate_errors(self, doing: str, key: str) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            kind, advice = _meaning(error)
            raise kind(f"{doing} {self.address(key)}: {advice}. The store said: {error}") from error

    @property
    def endpoint(self) -> str:
        return self._client.meta.endpoint_url


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
    if isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError):
        return StoreUnreachable, "no answer: check that the store runs and that PROVING_GROUND_S3_ENDPOINT names it"
    return StoreError, "the request could not be made"
