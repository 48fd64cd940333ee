"""What lands, by hand: put files into the bucket for deliveries, list them, remove or withdraw one, take all in again."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import click

from include.adapters.file_reader import SUFFIXES
from include.adapters.landing import Stream, is_hidden
from include.adapters.object_store import ObjectStore
from include.champion.withdrawal import withdraw
from include.cli.connection import by_hand, landing_bucket
from include.errors import ToolError
from include.models import model_names
from include.services import StepContext

_STREAMS = get_args(Stream)
_SHOWN = 3


@click.group("landing")
def command() -> None:
    """Put files into landing, list, remove, withdraw them.

    \b
    Example:
      python -m include.cli landing ls churn/
    """


@command.command("put")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("key")
def put_command(path: Path, key: str) -> None:
    """Put a file, or every readable file of a folder, into landing.

    KEY is <model>/features/<name> or <model>/labels/<name>; without a name the file keeps its own.

    \b
    Example:
      python -m include.cli landing put week.csv.gz churn/features/2024-01-01.csv.gz
    """
    files, passed_over = planned(path, key, model_names())
    click.echo(put(landing_bucket(), files, passed_over))


@command.command("ls")
@click.argument("prefix", default="")
def list_command(prefix: str) -> None:
    """List what is in landing, or what of it begins with PREFIX.

    \b
    Example:
      python -m include.cli landing ls churn/
    """
    for line in listed(landing_bucket(), prefix):
        click.echo(line)


@command.command("rm")
@click.argument("key")
def remove_command(key: str) -> None:
    """Remove one file from landing.

    \b
    Example:
      python -m include.cli landing rm churn/features/2024-01-01.csv.gz
    """
    click.echo(remove(landing_bucket(), key))


@command.command("withdraw")
@click.argument("key")
@click.option("--reason", required=True, help="Why; the ledger keeps it.")
def withdraw_command(key: str, reason: str) -> None:
    """Withdraw one file: its rows leave training, hold-outs and quality from the next run on.

    Snapshots keep them, so that what was decided can be reproduced; versions that have seen them say so on their cards.

    \b
    Example:
      python -m include.cli landing withdraw churn/features/2024-01-01.csv --reason "sensor 7 was broken"
    """
    context = by_hand(_parts(key, model_names())[0], "landing withdraw", reason)
    click.echo(f"{withdraw(context, key, landing_bucket()).in_words()}.")


@command.command("take-again")
@click.argument("model")
def take_again_command(model: str) -> None:
    """Take the whole history in again from landing, as the file of MODEL reads it now.

    \b
    Example:
      python -m include.cli landing take-again churn
    """
    context = by_hand(model, "landing take-again", "take-again")
    click.echo(take_again(context))


def take_again(context: StepContext) -> str:
    """Let the next run take in every file of landing; what was done, in a sentence."""
    lake, model = context.services.lake, context.model
    there = len(context.services.landing.files(model.name))
    gone = lake.delivered_keys(model.name) - {file.key for file in context.services.landing.files(model.name)}
    changes = lake.begin_again(model)
    lost = f" Not in landing any more, and so not taken in again: {_some(sorted(gone))}." if gone else ""
    why = f" Changed: {'; '.join(changes)}." if changes else ""
    return (
        f"The next run of {model.name}.monitor takes in all {there:,} files of landing.{why}{lost} Snapshots keep their rows."
    )


def planned(path: Path, key: str, models: Sequence[str]) -> tuple[dict[str, Path], list[str]]:
    """Which file goes under which key, and the names of those that are passed over; nothing is sent yet.

    Raises:
        ToolError: there is nothing to put, or `pull` would not find it under that key.
    """
    if not path.exists():
        raise ToolError(f"{path} is not a file and not a folder; name the one to put into landing.")
    model, stream, *name = _parts(key, models)
    if path.is_dir():
        return _of_folder(path, "/".join([model, stream, *name]))
    name = name or [path.name]
    _require_readable("/".join([model, stream, *name]), path)
    return {"/".join([model, stream, *name]): path}, []


def put(bucket: ObjectStore, files: dict[str, Path], passed_over: Sequence[str]) -> str:
    """Send them over one connection; what was done, in a line."""
    for key, file in files.items():
        bucket.put(key, file.read_bytes())
    if len(files) == 1 and not passed_over:
        return f"{next(iter(files))} is in landing."
    others = f"; passed over: {_some(passed_over)}" if passed_over else ""
    return f"{len(files):,} files are in landing, from {min(files)} to {max(files)}{others}."


def listed(bucket: ObjectStore, prefix: str) -> Iterator[str]:
    """A line for each object: bytes, when it landed, key; then how many there are."""
    count = size = 0
    for entry in bucket.entries(prefix):
        count, size = count + 1, size + entry.size
        yield f"{entry.size:>12,}  {entry.modified:%Y-%m-%d %H:%M}Z  {entry.key}"
    yield f"{count:,} files, {size:,} bytes in landing" + (f" that begin with {prefix}" if prefix else "")


def remove(bucket: ObjectStore, key: str) -> str:
    """Remove one file; what was done, in a line.

    Raises:
        ToolError: it is not there.
    """
    if bucket.stat(key) is None:
        near = [entry.key for entry in bucket.entries("/".join(key.split("/")[:2]))]
        nearby = f"near it are {_some(near)}" if near else "nothing near it is either"
        raise ToolError(
            f"{key!r} is not in landing; {nearby}. Accepted is the whole key of one file; "
            "`python -m include.cli landing ls` lists them."
        )
    bucket.delete(key)
    return (
        f"{key} is removed from landing. Rows of it that a run took in before stay in the lake: "
        "`python -m include.cli landing withdraw` takes them back too."
    )


def _parts(key: str, models: Sequence[str]) -> list[str]:
    parts = key.removesuffix("/").split("/")
    form = "Accepted is <model>/features/<name> or <model>/labels/<name>"
    if parts[0] not in models:
        raise ToolError(
            f"key {key!r}: {parts[0]!r} is no model; there are {', '.join(models)}. {form}: correct it, or add the model "
            "first (make new-model)."
        )
    if len(parts) < 2 or parts[1] not in _STREAMS:
        folder = repr(parts[1]) if len(parts) > 1 else "nothing"
        raise ToolError(f"key {key!r}: {folder} is not one of the two folders. {form}: choose {' or '.join(_STREAMS)}.")
    if not all(part.isprintable() and part.strip() and part not in (".", "..") for part in parts):
        raise ToolError(f"key {key!r}: a part of it is empty, or no name. {form}: correct it.")
    return parts


def _of_folder(folder: Path, prefix: str) -> tuple[dict[str, Path], list[str]]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    readable = [file for file in files if _ending(file.name) and not is_hidden(file.name)]
    if not readable:
        raise ToolError(
            f"{folder} holds {len(files)} files, and none that can be read. Accepted names end in {', '.join(SUFFIXES)} and "
            "do not begin with . or _. Name another folder, or rename them."
        )
    keys = {f"{prefix}/{file.relative_to(folder).as_posix()}": file for file in readable}
    return keys, [file.relative_to(folder).as_posix() for file in files if file not in readable]


def _require_readable(key: str, file: Path) -> None:
    name = key.rsplit("/", 1)[-1]
    if is_hidden(name):
        raise ToolError(f"key {key!r}: pull passes over names that begin with . or _. Choose another name.")
    if not (ending := _ending(name)):
        raise ToolError(f"key {key!r}: pull cannot read {name!r}. Accepted names end in {', '.join(SUFFIXES)}: choose one.")
    if (own := _ending(file.name)) and own != ending:
        raise ToolError(
            f"key {key!r} ends in {ending}, and the file {file.name!r} in {own}. Accepted is one ending: correct the key."
        )


def _ending(name: str) -> str:
    return max((suffix for suffix in SUFFIXES if name.endswith(suffix)), key=len, default="")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
