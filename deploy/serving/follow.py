"""Keeps an MLServer that no Seldon or KServe looks after at the champion: copies what was published, and has it loaded.

    python follow.py s3://BUCKET/serving/MODEL FOLDER http://127.0.0.1:8080 [seconds between looks, by default 30]

The settings are read first, the folder that they name next, and they are put in place last: a version is loaded whole or not.
Credentials and AWS_ENDPOINT_URL_S3 are read as by AWS's own tools.
"""

import json
import logging
import re
import shutil
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import boto3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SETTINGS, ABOUT = "model-settings.json", "about.json"
_FOLDER = re.compile(r"\./([0-9]+-[^/]+)")
_FILE = re.compile(r"model\.[a-z_.]+")
_log = logging.getLogger("follow")


def copy(client: "S3Client", source: str, folder: Path) -> bool:
    """Bring the version that is published into MLServer's folder; whether it is another one than was there."""
    parts = urlsplit(source)
    bucket, prefix = parts.netloc, parts.path.strip("/") + "/"
    data = client.get_object(Bucket=bucket, Key=prefix + SETTINGS)["Body"].read()
    place = folder / SETTINGS
    if place.is_file() and place.read_bytes() == data:
        return False
    match = _FOLDER.fullmatch(json.loads(data)["parameters"]["uri"])
    if match is None:
        raise ValueError(f"{source}/{SETTINGS} was not written by the pipeline")

    def fetch(name: str) -> Path:
        path = folder / match[1] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, f"{prefix}{match[1]}/{name}", str(path))
        return path

    file = str(json.loads(fetch(ABOUT).read_text())["file"])
    if not _FILE.fullmatch(file):
        raise ValueError(f"{source}/{match[1]}/{ABOUT} was not written by the pipeline")
    fetch(file)
    aside = folder / f"{SETTINGS}.new"
    aside.write_bytes(data)
    aside.replace(place)
    return True


def load(server: str, folder: Path) -> None:
    """Have MLServer load what is in its folder, and drop the files of versions before."""
    settings = json.loads((folder / SETTINGS).read_text())
    request = urllib.request.Request(f"{server}/v2/repository/models/{quote(settings['name'])}/load", method="POST")
    with urllib.request.urlopen(request, timeout=120):  # nosec B310
        pass
    for old in folder.glob("[0-9]*-*"):
        if old.name != settings["parameters"]["uri"].removeprefix("./"):
            shutil.rmtree(old)


def main(source: str, folder: str, server: str, seconds: str = "30") -> None:
    """Look for a new version for ever; what fails is tried again."""
    client, behind = boto3.client("s3"), False
    while True:
        try:
            behind = copy(client, source, Path(folder)) or behind
            if behind:
                load(server, Path(folder))
                behind = False
                _log.info("%s serves what is published at %s", server, source)
        except Exception:  # noqa: BLE001 - the version before goes on being served; the next look tries again
            _log.exception("%s could not be brought up to date", server)
        time.sleep(float(seconds))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main(*sys.argv[1:])
