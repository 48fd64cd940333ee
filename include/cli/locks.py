"""Whether what a model is made of is where it has to be: in the lock of the pipeline, and in that of the inference servers."""

import re
from collections.abc import Iterator, Mapping

from include.cli.connection import PROJECT
from include.decisions.contest.linear_baseline import pool
from include.decisions.data.spec_check import SpecFinding
from include.formats import format_named
from include.formats.code_used import own_code, requirements_of
from include.models.contract import Model

PIPELINE = ("requirements.txt", "deploy/estimators/requirements.txt")
SERVING = ("deploy/serving/requirements.txt", "deploy/serving/estimators.txt")
_PAGE = "docs/estimators.md says how a package is added."


def findings(model: Model) -> Iterator[SpecFinding]:
    """What is missing, of all candidates."""
    built = [(candidate, candidate.pipeline()) for candidate in pool(model)]
    needed = {
        line
        for candidate, pipeline in built
        for line in requirements_of(pipeline, *format_named(candidate.artifact).libraries)
    }
    for where, files in (("of the pipeline", PIPELINE), ("of serving", SERVING)):
        lock = locked(files)
        for name, _, version in (line.partition("==") for line in sorted(needed)):
            here = lock.get(_plain(name), [])
            if version not in here:
                held = f"{name} {' or '.join(here)}" if here else f"no {name}"
                yield SpecFinding(
                    "doubt", f"{name} {version} is in the model", f"the lock {where} has {held}", "the same", _PAGE
                )
    if own := sorted({module for _, pipeline in built for module in own_code(pipeline)}):
        what, modules = "code of your own is in the model", ", ".join(own)
        do = "Put them on PYTHONPATH of the inference servers too; without servers there is nothing to do."
        yield SpecFinding("doubt", what, modules, "modules that every process finds", do)


def locked(files: tuple[str, ...]) -> Mapping[str, list[str]]:
    """The releases that some lock files hold, by distribution; several where they differ between releases of Python."""
    held: dict[str, list[str]] = {}
    for file in files:
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (PROJECT / file).read_text(), re.MULTILINE):
            held.setdefault(_plain(name), []).append(version)
    return held


def _plain(name: str) -> str:
    """A distribution's name as locks write it."""
    return re.sub(r"[-_.]+", "-", name).lower()
