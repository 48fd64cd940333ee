"""Every command explains itself, and every error ends in the same way."""

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from deploy.local.__main__ import cli as stack
from include.cli.__main__ import cli
from include.command_line import Commands
from include.errors import ToolError

HEAVY = {"pandas", "numpy", "sklearn", "mlflow", "boto3", "pydantic", "rich"}
PROGRAMS: dict[str, click.Group] = {"python -m include.cli": cli, "python -m deploy.local": stack}


def paths(group: click.Group, *above: str) -> Iterator[list[str]]:
    """A group, its commands and their commands, each as it is typed."""
    yield list(above)
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield from paths(found, *above, name) if isinstance(found, click.Group) else [[*above, name]]


TYPED = [(program, path) for program, group in PROGRAMS.items() for path in paths(group)]


@pytest.mark.parametrize(("program", "path"), TYPED, ids=[" ".join([program, *path]) for program, path in TYPED])
def test_every_command_shows_an_example(program: str, path: list[str]) -> None:
    """The help of each holds a line that can be typed as it stands."""
    answer = CliRunner().invoke(PROGRAMS[program], [*path, "--help"])
    assert answer.exit_code == 0
    example = answer.stdout.partition("  Example:\n")[2].splitlines()[0]
    assert example.startswith(" ".join([f"    {program}", *path]))


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_the_list_and_the_help_of_a_command_agree(name: str) -> None:
    """The sentence in the list is the first of the command's own help."""
    assert isinstance(cli, Commands)
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    assert (found.name, (found.help or "").splitlines()[0]) == (name, cli.lazy[name])


def test_the_list_of_commands_is_light() -> None:
    """No library is loaded for it."""
    code = (
        "import json, sys; from click.testing import CliRunner; from include.cli.__main__ import cli\n"
        "CliRunner().invoke(cli, ['--help'], catch_exceptions=False); print(json.dumps(sorted(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(answer.stdout))


def test_a_name_that_is_no_command_is_a_usage_error() -> None:
    """Exit code 2, and the name."""
    answer = CliRunner().invoke(cli, ["ledgre"])
    assert answer.exit_code == 2
    assert "No such command 'ledgre'" in answer.stderr


def failing(error: Exception) -> click.Group:
    """A command line whose one command raises."""
    group = Commands("failing")

    @group.command()
    def fail() -> None:
        raise error

    return group


def test_an_error_of_ours_is_one_red_line() -> None:
    """On standard error, with exit code 1; where that is no terminal, without color."""
    group = failing(ToolError("first\n  second"))
    answer = CliRunner().invoke(group, ["fail"])
    assert (answer.exit_code, answer.stdout, answer.stderr) == (1, "", "first second\n")
    assert CliRunner().invoke(group, ["fail"], color=True).stderr == "\x1b[31mfirst second\x1b[0m\n"


def test_an_error_that_is_not_ours_keeps_its_traceback() -> None:
    """A mistake in the program is not hidden."""
    assert isinstance(CliRunner().invoke(failing(ZeroDivisionError()), ["fail"]).exception, ZeroDivisionError)
