"""The tags that later runs decide by, as the ledger holds them: anyone who may write to MLflow can change a tag there.

A promotion writes them into its entry. From then on they are read from the ledger, and what MLflow shows instead counts as
changed by hand. A version that a person made champion was never promoted: of it there is only what MLflow says.
"""

from dataclasses import replace

from include.adapters.registry import Version
from include.services import Services


def champion_of(services: Services, model_name: str) -> Version | None:
    """The version that answers in production, with the tags that it was promoted with; or None."""
    champion = services.registry.champion(model_name)
    return as_promoted(services, champion) if champion else None


def as_promoted(services: Services, version: Version) -> Version:
    """The version with the tags that it was promoted with, in the place of those that MLflow shows."""
    return replace(version, tags=version.tags | promoted_tags(services, version))


def promoted_tags(services: Services, version: Version) -> dict[str, str]:
    """The tags that a version was promoted with; empty where the pipeline did not promote it."""
    promoted = services.ledger.newest_about(version.model_name, "promoted", version.number)
    # A registry that was lost begins to count anew: then another version has the number, and another run made it.
    if promoted is None or promoted.evidence.get("mlflow_run") != version.run_id:
        return {}
    return {str(name): str(value) for name, value in promoted.evidence.get("tags", {}).items()}


def changed_tags(version: Version, promoted: dict[str, str]) -> dict[str, str]:
    """Of the tags that a version was promoted with, those that MLflow shows otherwise or not at all."""
    return {name: value for name, value in promoted.items() if version.tags.get(name) != value}
