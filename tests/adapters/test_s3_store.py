"""What only a store behind a network has to promise, against the real server; the rest is in test_store_contract.py."""

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from deploy.local.stack import Stack
from include.adapters import s3_store
from include.adapters.object_store import self_test
from include.adapters.s3_store import S3Store
from include.errors import (
    AccessDenied,
    AlreadyExists,
    BucketMissing,
    CorruptObject,
    NotAnObjectStore,
    ObjectMissing,
    StoreError,
    StoreUnreachable,
    WrongRegion,
)
from tests.fakes import CarelessS3, client_error
from tests.servers import Asked, Reply, answering

MakeStore = Callable[[], S3Store]


@pytest.fixture
def store(object_store: MakeStore) -> S3Store:
    return object_store()


def careless(*refusals: Any, writes_anyway: bool = False) -> tuple[S3Store, CarelessS3]:
    client: Any = CarelessS3(*refusals, writes_anyway=writes_anyway)
    return S3Store(client, "lake"), client


def test_a_listing_goes_past_its_first_page_in_the_order_of_the_keys(store: S3Store) -> None:
    """Every object is listed once and in order, also across pages, and also where a folder's name begins another key."""
    store._page_size = 7
    keys = [f"p/{number:03}" for number in range(40)] + ["p/a-b", "p/a.b", "p/a/b", "p/a0", "p/a/c/d"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, key.encode()), [*keys, "q/other"]))
    assert [entry.key for entry in store.entries("p/")] == sorted(keys)


def test_a_large_file_arrives_whole(store: S3Store, tmp_path: Path) -> None:
    """A file that goes up in parts comes back byte for byte, and its etag pins it like any other."""
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(1024**2) * 35)
    store.upload_file(path, "large.bin")
    entry = store.stat("large.bin")
    assert entry is not None
    assert entry.etag.endswith('-3"')
    assert store.read("large.bin", etag=entry.etag) == path.read_bytes()


def test_an_absent_bucket_is_not_an_absent_object(seaweedfs: Stack) -> None:
    """No operation takes a missing bucket for an empty one, and none creates it."""
    store = S3Store.connect("not-there", endpoint=seaweedfs.s3_endpoint, region="us-east-1")
    attempts: list[Callable[[], object]] = [
        lambda: store.read("a"),
        lambda: store.stat("a"),
        lambda: store.put("a", b"1"),
        lambda: store.create_if_absent("a", b"1"),
        lambda: list(store.entries()),
        partial(self_test, store),
    ]
    for attempt in attempts:
        with pytest.raises(BucketMissing, match=r"s3://not-there/.* does not exist: create it"):
            attempt()


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_refused(seaweedfs: Stack, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """A wrong key or secret is AccessDenied, for a read, a look, a listing and a write."""
    monkeypatch.setenv(wrong, "wrong")
    store = S3Store.connect("lake", endpoint=seaweedfs.s3_endpoint, region="us-east-1")
    attempts: list[Callable[[], object]] = [
        lambda: store.read("a"),
        lambda: store.stat("a"),
        lambda: list(store.entries()),
        lambda: store.put("a", b"1"),
    ]
    for attempt in attempts:
        with pytest.raises(AccessDenied, match="AWS_ACCESS_KEY_ID"):
            attempt()


def test_no_credentials_are_named(seaweedfs: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any credentials the message says which variables to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    store = S3Store.connect("lake", endpoint=seaweedfs.s3_endpoint, region="us-east-1")
    with pytest.raises(AccessDenied, match="there are no credentials: set AWS_ACCESS_KEY_ID"):
        store.read("a")


def test_a_dead_store_is_reported_soon(seaweedfs: Stack) -> None:
    """Where nothing listens a call fails within fifteen seconds, as an error that Airflow retries."""
    store = S3Store.connect("lake", endpoint="http://127.0.0.1:9", region="us-east-1")
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match="check that the store runs") as caught:
        store.put("a", b"1")
    assert time.monotonic() - began < 15
    assert caught.value.transient


def test_the_self_test_fails_on_a_store_that_ignores_conditions() -> None:
    """A store where two racing writers would both win is refused, and the message says what to use instead."""
    store, client = careless()
    with pytest.raises(StoreError, match=r"careless.example .* ignores If-None-Match .* AWS S3 or SeaweedFS"):
        self_test(store)
    assert client.objects == {}


def test_an_undecided_write_is_asked_again() -> None:
    """AWS's 409 "another conditional write is under way" is retried, not taken for an answer."""
    store, client = careless(*[client_error("ConditionalRequestConflict", 409)] * 2)
    store.create_if_absent("a", b"1")
    assert client.objects == {"a": b"1"}


def test_a_write_that_stays_undecided_ends() -> None:
    """A store that answers 409 for ever is a transient failure after a bounded number of attempts."""
    store, client = careless(*[client_error("ConditionalRequestConflict", 409)] * 20)
    with pytest.raises(StoreUnreachable, match="later"):
        store.create_if_absent("a", b"1")
    assert len(client.refusals) == 15


def test_a_writer_is_not_beaten_by_its_own_retry() -> None:
    """When the first attempt was written but its answer lost, the retry is recognized by its bytes."""
    store, _ = careless(client_error("PreconditionFailed", 412, retries=1), writes_anyway=True)
    assert store.create_if_absent("a", b"mine") == f'"{hash(b"mine")}"'
    store, client = careless(client_error("PreconditionFailed", 412, retries=1))
    client.objects["a"] = b"theirs"
    with pytest.raises(AlreadyExists):
        store.create_if_absent("a", b"mine")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("PermanentRedirect", 301, WrongRegion),
        ("AuthorizationHeaderMalformed", 400, WrongRegion),
        ("RequestTimeTooSkewed", 403, AccessDenied),
        ("ExpiredToken", 400, AccessDenied),
        ("SomethingNew", 403, AccessDenied),
        ("SlowDown", 503, StoreUnreachable),
        ("InternalError", 500, StoreUnreachable),
        ("NoSuchBucket", 404, BucketMissing),
        ("EntityTooLarge", 400, StoreError),
    ],
)
def test_each_refusal_has_its_error(code: str, status: int, kind: type[StoreError]) -> None:
    """The store's own word decides; where it is a new one, the status does."""
    store, _ = careless(client_error(code, status))
    with pytest.raises(StoreError, match=r"s3://lake/a at http://careless\.example") as caught:
        store.put("a", b"1")
    assert type(caught.value) is kind


PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>\xe2\x80\xaeWho are you?</body></html>"
HTML = {"content-type": "text/html; charset=utf-8"}
# As a server of static pages gives one.
STATIC = HTML | {"etag": '"5f3c-1a"', "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
NOT_FROM_S3 = {
    "a login page": Reply(200, PAGE, HTML),
    "a static page": Reply(200, PAGE, STATIC),
    "a page that is XML": Reply(200, b'<?xml version="1.0"?><html><body><br/></body></html>', HTML),
    "a page that hides its type": Reply(200, PAGE),
    "JSON": Reply(200, b'{"error": "log in"}', {"content-type": "application/json"}),
    "nothing": Reply(200),
    "moved": Reply(302, b"", HTML | {"location": "https://login.example/?next=x"}),
    "moved for now": Reply(307, b"", {"location": "https://login.example/"}),
    "a firewall's page": Reply(403, PAGE, HTML),
    "a proxy's question": Reply(401, PAGE, HTML | {"www-authenticate": "Basic"}),
    "another server's 404": Reply(404, PAGE, HTML),
    "a plain 404": Reply(404, b"404 page not found", {"content-type": "text/plain"}),
    "a page's condition": Reply(412, PAGE, HTML),
}


@pytest.fixture
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.usefixtures("_credentials")
@pytest.mark.parametrize("odd", [*NOT_FROM_S3])
def test_what_is_not_a_store_is_never_believed(odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login page, a redirect, another server: neither "nothing there", nor success, nor an object; the message says what."""
    monkeypatch.setattr(s3_store, "_TRANSFER", TransferConfig(multipart_threshold=2))
    (tmp_path / "small").write_bytes(b"1")
    (tmp_path / "in parts").write_bytes(b"123")
    attempts: dict[str, Callable[[S3Store], object]] = {
        "read": lambda store: store.read("a"),
        "read pinned": lambda store: store.read("a", etag='"x"'),
        "look": lambda store: store.stat("a"),
        "put": lambda store: store.put("a", b"1"),
        "create": lambda store: store.create_if_absent("a", b"1"),
        "replace": lambda store: store.compare_and_set("a", b"1", '"x"'),
        "list": lambda store: list(store.entries("a")),
        "delete": lambda store: store.delete("a"),
        "upload": lambda store: store.upload_file(tmp_path / "small", "a"),
        "upload in parts": lambda store: store.upload_file(tmp_path / "in parts", "a"),
    }
    expected = r"s3://lake/a at http://127.* PROVING_GROUND_S3_ENDPOINT.*status \d+"
    with answering(lambda _: NOT_FROM_S3[odd]) as address:
        store = S3Store.connect("lake", endpoint=address, region="us-east-1")
        for name, attempt in attempts.items():
            with pytest.raises(NotAnObjectStore, match=expected) as caught:
                pytest.fail(f"{name}: {attempt(store)!r}")
            assert len(str(caught.value)) < 1000
            assert "\u202e" not in str(caught.value)
            assert not caught.value.transient


@pytest.mark.usefixtures("_credentials")
def test_a_page_is_described() -> None:
    """With its status, its type, where it leads, and its first words, marked as text from outside."""
    page = Reply(302, PAGE, HTML | {"location": "https://login.example/"})
    with answering(lambda _: page) as address, pytest.raises(NotAnObjectStore) as caught:
        S3Store.connect("lake", endpoint=address, region="us-east-1").read("a")
    assert "status 302, moved to «https://login.example/», text/html; charset=utf-8, beginning with «<!DOCTYPE" in str(
        caught.value
    )


@pytest.mark.usefixtures("_credentials")
@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_page_that_reports_an_outage_is_an_outage(status: int) -> None:
    """A load balancer without a store behind it: trying again can help."""
    with answering(lambda _: Reply(status, PAGE, HTML)) as address, pytest.raises(StoreUnreachable):
        S3Store.connect("lake", endpoint=address, region="us-east-1", patience=5).read("a")


def stored(data: bytes, **headers: str) -> Reply:
    """An object as S3 gives it."""
    return Reply(200, data, {"etag": f'"{hashlib.md5(data).hexdigest()}"', "x-amz-request-id": "1"} | headers)


WHOLE = b"all that was stored"
SPOILT = {
    "a bit is another": (Reply(200, b"all that was stored"[:-1] + b"e", stored(WHOLE).headers), CorruptObject),
    "the checksum differs": (stored(WHOLE, **{"x-amz-checksum-crc32": "AAAAAA==", "etag": '"x-2"'}), CorruptObject),
    "the end is missing": (Reply(200, WHOLE[:5], stored(WHOLE).headers), CorruptObject),
    "it ends before its end": (Reply(200, WHOLE[:5], stored(WHOLE).headers, promised=len(WHOLE)), StoreUnreachable),
}


@pytest.mark.usefixtures("_credentials")
@pytest.mark.parametrize("spoilt", [*SPOILT])
@pytest.mark.parametrize("times", [1, 2])
def test_spoilt_bytes_are_read_again_once(spoilt: str, times: int, caplog: pytest.LogCaptureFixture) -> None:
    """What a fault of the network spoilt is right at the second try; what stays spoilt is never given out."""
    reply, kind = SPOILT[spoilt]
    replies = [reply] * times + [stored(WHOLE)]
    with answering(lambda _: replies.pop(0)) as address:
        store = S3Store.connect("lake", endpoint=address, region="us-east-1")
        if times == 1:
            assert store.read("a") == WHOLE
        else:
            with pytest.raises(kind, match=r"reading s3://lake/a at http://127.*: twice, "):
                store.read("a")
    assert "s3://lake/a at" in caplog.text
    assert "is read again" in caplog.text


@pytest.mark.usefixtures("_credentials")
@pytest.mark.parametrize(
    "headers",
    [
        {"etag": '"0123456789abcdef0123456789abcdef-2"'},
        {"x-amz-server-side-encryption": "aws:kms"},
        {"x-amz-server-side-encryption": "aws:kms:dsse"},
        {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
        {"etag": '"no digest at all"'},
        {"etag": 'W/"0123456789abcdef0123456789abcdef"'},
    ],
)
def test_an_etag_that_is_no_md5_of_the_bytes_is_not_taken_for_one(headers: dict[str, str]) -> None:
    """Uploads in parts, keys of KMS or of a customer, and servers with etags of their own."""
    reply = stored(WHOLE, **({"etag": '"0123456789abcdef0123456789abcdef"'} | headers))
    with answering(lambda _: reply) as address:
        assert S3Store.connect("lake", endpoint=address, region="us-east-1").read("a") == WHOLE


@pytest.mark.usefixtures("_credentials")
def test_a_plain_store_that_numbers_no_answers_is_one() -> None:
    """The form of the answers is enough: XML, an etag, "no content"; an absent object is proved by a listing."""
    listing = b'<?xml version="1.0"?>\n<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>'
    etag = {"etag": '"0"'}

    def plain(asked: Asked) -> Reply:
        if asked.method == "DELETE":
            return Reply(204)
        if asked.method == "PUT":
            return Reply(200, b"", etag)
        if "list-type" in asked.path:
            return Reply(200, listing, {"content-type": "application/xml"})
        return Reply(404, b"<Error><Code>NoSuchKey</Code></Error>", {"content-type": "application/xml"})

    with answering(plain) as address:
        store = S3Store.connect("lake", endpoint=address, region="us-east-1")
        assert (store.put("a", b"1"), store.stat("a"), list(store.entries())) == ('"0"', None, [])
        store.delete("a")
        with pytest.raises(ObjectMissing):
            store.read("a")


@pytest.mark.usefixtures("_credentials")
def test_a_listing_that_is_cut_is_none() -> None:
    """Half of a listing is not a shorter listing."""
    half = Reply(200, b"<ListBucketResult><Contents><Key>a</Key>", {"x-amz-request-id": "1"})
    with answering(lambda _: half) as address, pytest.raises(StoreUnreachable, match="listing s3://lake/"):
        list(S3Store.connect("lake", endpoint=address, region="us-east-1", patience=5).entries())
