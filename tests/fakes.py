"""Stand-ins for outside systems, each as small as the tests allow."""

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError


def client_error(code: str, status: int, *, retries: int = 0) -> ClientError:
    """What boto3 raises when an S3 store answers with this code."""
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": retries}}
    return ClientError(answer, "PutObject")


class CarelessS3:
    """An S3 client for a store that accepts conditions and ignores them, as several servers do.

    Errors in `refusals` are raised first, one for each write; with `writes_anyway`, after the bytes were written.
    """

    def __init__(self, *refusals: ClientError, writes_anyway: bool = False) -> None:
        self.objects: dict[str, bytes] = {}
        self.refusals = list(refusals)
        self.writes_anyway = writes_anyway
        self.meta = SimpleNamespace(endpoint_url="http://careless.example")

    def put_object(self, *, Key: str, Body: bytes, **_ignored: str) -> dict[str, str]:
        """Write, whatever the conditions say."""
        if not self.refusals or self.writes_anyway:
            self.objects[Key] = Body
        if self.refusals:
            raise self.refusals.pop(0)
        return {"ETag": f'"{hash(Body)}"'}

    def get_object(self, *, Key: str, **_ignored: str) -> dict[str, io.BytesIO]:
        """Give the newest bytes, whatever the conditions say."""
        return {"Body": io.BytesIO(self.objects[Key])}

    def head_object(self, *, Key: str, **_ignored: str) -> dict[str, Any]:
        """Describe the newest bytes."""
        body = self.objects[Key]
        return {"ETag": f'"{hash(body)}"', "ContentLength": len(body), "LastModified": datetime(2013, 1, 1, tzinfo=UTC)}

    def delete_object(self, *, Key: str, **_ignored: str) -> None:
        """Remove, or do nothing."""
        self.objects.pop(Key, None)
