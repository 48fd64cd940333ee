"""What the lock holds, as CycloneDX, in sbom.json.

By CycloneDX' own library and not by cyclonedx-bom, which brings checks of formats with it that change what Airflow's forms
accept.
"""

import re
from collections.abc import Iterator

import click
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from include.cli.connection import PROJECT

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> Iterator[Component]:
    """Each package of a lock, with the digests of the files that may be installed of it."""
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if pinned := _PINNED.match(entry):
            name, version = pinned.groups()
            yield Component(
                name=name,
                version=version,
                type=ComponentType.LIBRARY,
                purl=PackageURL("pypi", name=name, version=version),
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in _HASH.findall(entry)],
            )


@click.command("sbom")
def command() -> None:
    """Write what the lock holds as CycloneDX.

    \b
    Example:
      python -m include.cli sbom
    """
    packages = list(components((PROJECT / "requirements.txt").read_text()))
    bom = Bom(components=packages)
    bom.metadata.component = project = Component(name="proving-ground", type=ComponentType.APPLICATION)
    bom.register_dependency(project, packages)
    (PROJECT / "sbom.json").write_text(JsonV1Dot6(bom).output_as_string(indent=1))
    click.echo(f"sbom.json: {len(bom.components)} packages.")
