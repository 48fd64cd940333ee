"""The errors that this project raises on purpose.

    ProvingGroundError
    ├── SettingsError            the environment holds a value that cannot be used
    ├── ToolError                a tool was asked for something that it cannot do
    ├── ModelError               a file in include/models does not keep the model contract
    │   ├── LayoutChanged        it reads deliveries otherwise than the rows in the lake were taken in
    │   └── NoCandidateLeft      no candidate could be fitted and scored
    ├── FeedError                deliveries cannot be used as they are
    │   ├── UnreadableFile       one file in landing is not what its name says
    │   └── BrokenFeed           so much of a delivery is wrong that nothing may be learned from it
    ├── SourceError              a source that rows are pulled from refused or failed
    │   ├── SourceUnreachable    no answer, or none to the end                         (transient)
    │   ├── SourceDenied         the credentials are wrong or may not do this
    │   └── SourceRefused        it is there, and cannot give the rows that a model needs
    ├── DataError                curated data do not allow what was asked of them
    │   ├── NotEnoughHistory     too few labelled periods to train and to hold out
    │   ├── NoValue              the metric that decides has no value on some rows
    │   └── OverlappingRows      a row would be in training and in the holdout
    ├── StoreError               the object store refused or failed
    │   ├── StoreUnreachable     no answer, or an answer that says "later"            (transient)
    │   ├── AccessDenied         the credentials are wrong or may not do this
    │   ├── BucketMissing        the bucket does not exist
    │   ├── WrongRegion          the bucket lives in another region
    │   ├── NotAnObjectStore     what answers at the endpoint is something else, such as a login page
    │   ├── ObjectMissing        there is no object under this key
    │   ├── AlreadyExists        create_if_absent found the key taken
    │   ├── Conflict             compare_and_set found another writer's bytes
    │   ├── CorruptObject        the bytes are not those that were stored
    │   ├── LedgerBroken         the ledger's entries do not follow from each other
    │   └── Locked               another run is changing the champion of this model      (transient)
    ├── ProcessLost              the process that performed a run died again and again
    ├── ClusterUnreachable       the Dask cluster gave no answer, or lost its workers         (transient)
    ├── TrialFailed              a logged artifact cannot be loaded and queried in a fresh process
    └── RegistryError            the MLflow registry refused or failed
        ├── RegistryUnreachable  no answer within the limits set for it               (transient)
        ├── UntrustedModel       an artifact would load types the model does not trust
        ├── OtherLibraries       it was made by other releases of its libraries than are here
        ├── AnswersDiffer        it answers otherwise with the libraries that are here
        ├── ArtifactChanged      the artifact is not the one that was validated
        ├── ChampionMoved        the champion is not the one the challenger was compared with
        └── NoSuchTarget         there is no version that could be rolled back to

A message names the thing, its value, what is accepted, and what to do next.
`transient` says whether trying again can help: Airflow retries those and no others.
"""


class ProvingGroundError(Exception):
    """The root of the family."""

    transient = False
    # The service that stops every model at once where this is raised; empty where it is about one model.
    outage = ""


class SettingsError(ProvingGroundError):
    """The environment holds a value that cannot be used."""


class ToolError(ProvingGroundError):
    """A tool was asked for something that it cannot do."""


class ModelError(ProvingGroundError):
    """A file in include/models does not keep the model contract."""


class LayoutChanged(ModelError):
    """A file in include/models reads deliveries otherwise than the rows in the lake were taken in."""


class FeedError(ProvingGroundError):
    """Deliveries cannot be used as they are."""


class UnreadableFile(FeedError):
    """One file in landing is not what its name says."""


class BrokenFeed(FeedError):
    """So much of a delivery is wrong that nothing may be learned from it."""


class SourceError(ProvingGroundError):
    """A source that rows are pulled from refused or failed."""


class SourceUnreachable(SourceError):
    """The source gave no answer, or broke off while it gave one."""

    transient = True


class SourceDenied(SourceError):
    """The credentials for a source are wrong, or may not read what a model needs."""


class SourceRefused(SourceError):
    """A source is there, and cannot give the rows that a model needs."""


class DataError(ProvingGroundError):
    """Curated data do not allow what was asked of them."""


class NoValue(DataError):
    """The metric that decides has no value on some rows."""


class NotEnoughHistory(DataError):
    """There are too few labelled periods to train and to hold out."""


class NoCandidateLeft(ModelError):
    """No candidate of a model could be fitted and scored."""


class OverlappingRows(DataError):
    """A row would be in training and in the holdout."""


class TrialFailed(ProvingGroundError):
    """A logged artifact cannot be loaded and queried in a fresh process."""


class ProcessLost(ProvingGroundError):
    """The process that performed a run died again and again."""


class ClusterUnreachable(ProvingGroundError):
    """The Dask cluster gave no answer, or lost what it was working on."""

    transient = True


class StoreError(ProvingGroundError):
    """The object store refused or failed."""


class StoreUnreachable(StoreError):
    """The store gave no answer, or one that says "later"."""

    transient = True
    outage = "object store"


class AccessDenied(StoreError):
    """The credentials are wrong or may not do this."""

    outage = "object store"


class BucketMissing(StoreError):
    """The bucket does not exist."""

    outage = "object store"


class WrongRegion(StoreError):
    """The bucket lives in another region."""

    outage = "object store"


class NotAnObjectStore(StoreError):
    """What answers at the endpoint is something else: a proxy, a login page, another service."""

    outage = "object store"


class ObjectMissing(StoreError):
    """There is no object under this key."""


class AlreadyExists(StoreError):
    """create_if_absent found the key taken."""


class Conflict(StoreError):
    """compare_and_set found another writer's bytes."""


class CorruptObject(StoreError):
    """The bytes are not those that were stored."""


class LedgerBroken(StoreError):
    """The ledger's entries do not follow from each other."""


class Locked(StoreError):
    """Another run is changing the champion of this model, or took the lock over from us."""

    transient = True


class RegistryError(ProvingGroundError):
    """The MLflow registry refused or failed."""


class RegistryUnreachable(RegistryError):
    """The registry gave no answer within the limits set for it."""

    transient = True
    outage = "MLflow"


class UntrustedModel(RegistryError):
    """An artifact would load types that the model does not trust."""


class OtherLibraries(RegistryError):
    """An artifact was made by other releases of its libraries than are here."""


class AnswersDiffer(RegistryError):
    """A version answers otherwise with the libraries that are here."""


class ArtifactChanged(RegistryError):
    """The artifact is not the one that was validated."""


class ChampionMoved(RegistryError):
    """The champion is not the one that the challenger was compared with."""


class NoSuchTarget(RegistryError):
    """There is no version that could be rolled back to."""
