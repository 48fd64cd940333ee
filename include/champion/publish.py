"""Publishing the champion: what inference servers read follows from the ledger, until it is right.

Off unless PROVING_GROUND_SERVING_BUCKET names a bucket. Called under the model's lock, whenever the champion was changed or
looked at; so what a killed run left undone is done by the next one.
"""

from include.adapters.lock import HeldLock
from include.errors import ArtifactChanged, ProvingGroundError
from include.models.contract import Model
from include.services import Services


def publish_champion(services: Services, model: Model, champion: str | None, lock: HeldLock) -> str | None:
    """What was published, in a sentence; None where servers get this champion already, or nothing is published.

    Without a champion the last one goes on being served: a server without a model is of no use.

    Raises:
        ArtifactChanged: the version's file is not the one that was validated.
        ProvingGroundError: of the type that tells whether trying again can help; the champion stays the same.
    """
    serving = services.serving
    if serving is None or champion is None:
        return None
    try:
        if serving.serves(model, champion):
            return None
        artifact, validated = services.registry.artifact(model.name, champion), _validated(services, model, champion)
        if validated not in (None, artifact.digest):
            raise ArtifactChanged(
                f"the artifact has digest {artifact.digest[:16]}, the validated one had {str(validated)[:16]}. "
                f"It was replaced: run {model.name}.rollback, or train and validate again."
            )
        serving.publish(model, champion, artifact, lock.renew)
    except ProvingGroundError as error:
        raise type(error)(
            f"{model.name}: version {champion} is champion, but {serving.address(model.name)}, from which it is served, could "
            f"not be brought up to date. The next run tries again. {error}"
        ) from error
    return f"version {champion} is published at {serving.address(model.name)}"


def _validated(services: Services, model: Model, champion: str) -> str | None:
    """The digest that was validated or verified last; None for a version that was never judged, made champion by hand."""
    entries = services.ledger.entries(model.name)
    digests = (entry.evidence.get("artifact_digest") for entry in reversed(entries) if entry.version == champion)
    return next((str(digest) for digest in digests if digest), None)
