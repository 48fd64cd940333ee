"""docs/settings.md, from the class that reads the settings, `.env.example` and docker-compose.yaml."""

import re
from pathlib import Path
from typing import Any, get_args

import click
import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from include.cli.connection import PROJECT
from include.models.contract import ReviewPlace
from include.settings import Settings

PAGE = PROJECT / "docs/settings.md"
# The folders whose code reads settings; the demo and the benchmarks only set them.
READERS = ("include", "plugins")
_HEAD = "| variable | default | accepted | what for | read in |\n| --- | --- | --- | --- | --- |\n"
_SMALL_HEAD = "| variable | default | what for | given to |\n| --- | --- | --- | --- |\n"
_INTRODUCTION = """# Settings

Written by `make settings-page`; a test fails while it is not what that writes. Every setting is an environment
variable, and an empty value counts as unset. A `PROVING_GROUND_` variable that is not in these tables is refused by
name: it is a typing mistake, most often. `.env.example` has all of them with their defaults.

What is set for one model stands in its file: [your_model.md](your_model.md). Airflow's own options are in
docker-compose.yaml, with their reasons.

## The pipeline

Read by `include/settings.py` and by nothing else, in every task and in Airflow's server. A value that cannot be used is
refused, and a secret is never printed.

"""
_OTHERS = """
## Beside it

Read by others: MLflow's client, AWS's tools, Airflow, `make demo` and docker compose. "Insists" means that compose does
not start without a value.

"""


def page(project: Path = PROJECT) -> str:
    """The whole page."""
    example = explained((project / ".env.example").read_text())
    compose = yaml.safe_load((project / "docker-compose.yaml").read_text())
    ours = [_row(project, name, field) for name, field in Settings.model_fields.items()]
    others = [_small_row(name, text, compose) for name, text in example.items() if name not in Settings.variables()]
    return _INTRODUCTION + _HEAD + "".join(ours) + _OTHERS + _SMALL_HEAD + "".join(others)


def explained(text: str) -> dict[str, tuple[str, str]]:
    """The variables of an .env with their values and the comment above each; one comment may stand above several."""
    variables: dict[str, tuple[str, str]] = {}
    for paragraph in text.split("\n\n"):
        comment: list[str] = []
        above = ""
        for line in paragraph.splitlines():
            variable = re.match(r"([A-Z][A-Z0-9_]*)=(.*)", line)
            if variable:
                above = " ".join(comment) or above
                variables[variable[1]] = (variable[2], above)
                comment = []
            # A commented assignment is an example, not an explanation.
            elif not re.match(r"# [A-Z0-9_]+=", line):
                comment.append(line.removeprefix("#").strip())
    return variables


def readers(project: Path, field: str) -> list[str]:
    """The modules that ask the settings for a field."""
    asks = re.compile(rf"(settings|Settings\.read\(os\.environ\))\.{field}\b")
    paths = (path for folder in READERS for path in sorted((project / folder).rglob("*.py")))
    return [str(path.relative_to(project)) for path in paths if asks.search(path.read_text())]


def accepted(name: str, field: FieldInfo) -> str:
    """In words: what the class lets pass."""
    if name == "review":
        return (
            f"pairs such as `traffic_volume=none,card_fraud=registry`: a model, and one of {', '.join(get_args(ReviewPlace))}"
        )
    if name in Settings.__pydantic_decorators__.field_validators["_is_web_address"].info.fields:
        return "an address that begins with http:// or https://"
    shortest = next((rule.min_length for rule in field.metadata if hasattr(rule, "min_length")), 0)
    kind = "a secret" if SecretStr in get_args(field.annotation) else "a text"
    return f"{kind} of {shortest} characters or more" if shortest > 1 else kind


def _row(project: Path, name: str, field: FieldInfo) -> str:
    default = f"`{field.default}`" if field.default else "empty"
    where = ", ".join(f"`{path}`" for path in readers(project, name))
    return f"| `{field.alias}` | {default} | {accepted(name, field)} | {_linked(str(field.description))} | {where} |\n"


def _small_row(name: str, explanation: tuple[str, str], compose: dict[str, Any]) -> str:
    value, comment = explanation
    return f"| `{name}` | {f'`{value}`' if value else 'empty'} | {_linked(comment)} | {_given_to(name, compose)} |\n"


def _given_to(name: str, compose: dict[str, Any]) -> str:
    """The services of compose that get it, as a variable or as a file, and whether compose insists on it."""
    services = {service: yaml.safe_dump(described, width=10_000) for service, described in compose["services"].items()}
    files = [file for file, described in compose["secrets"].items() if described["environment"] == name]
    mention = re.compile(rf"\$\{{{name}:|^\s*{name}:" + "".join(rf"|^- {file}$" for file in files), re.MULTILINE)
    given = [service for service, text in services.items() if mention.search(text)]
    insists = f"${{{name}:?" in yaml.safe_dump(compose, width=10_000)
    return ("insists: " if insists else "") + (", ".join(given) or "`make demo`")


def _linked(text: str) -> str:
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text).replace("|", "\\|")


@click.command("settings-page")
def command() -> None:
    """Write docs/settings.md.

    \b
    Example:
      python -m include.cli settings-page
    """
    PAGE.write_text(page())
    count = len(Settings.variables())
    click.echo(f"{PAGE.relative_to(PROJECT)}: {count} settings of the pipeline, and what is set beside them.")
