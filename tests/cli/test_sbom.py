"""`sbom` names every package of the lock, with its digests."""

from include.cli.connection import PROJECT
from include.cli.sbom import components


def test_every_package_of_the_lock_is_named_with_its_digests() -> None:
    """As many as are pinned, each by version, none without a digest."""
    lock = (PROJECT / "requirements.txt").read_text()
    found = list(components(lock))
    pinned = [line for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert len(found) == len(pinned) > 200
    assert all(one.version and one.hashes for one in found)
    assert "pkg:pypi/apache-airflow@" in " ".join(str(one.purl) for one in found)
