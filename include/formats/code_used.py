"""Which code a pipeline is made of: the libraries, with their versions, and the team's own modules, with their source."""

import ast
import hashlib
import inspect
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions
from importlib.metadata import version as installed
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any

# What every artifact is read and asked with. Arrays and frames of one release are read by the next.
CARRIERS = ("numpy", "pandas", "scipy", "skops")
# What modules of this project import only when they are used.
_BEHIND = {"include.torch_net": ("torch", "safetensors")}
_ALWAYS = ("scikit-learn", *CARRIERS)
_MODELS = "include.models."
_OURS = "include."
_MOST = 200_000
_PLAIN = (str, bytes, int, float, complex, bool, type(None))


def requirements_of(pipeline: Any, *more: str) -> list[str]:
    """The distributions that it is made of, in any part of it, as `lightgbm==4.7.0`; `more` are asked for by its format."""
    modules = modules_of(pipeline)
    tops = {name.partition(".")[0] for name in modules}.union(*(_BEHIND.get(name, ()) for name in modules))
    by_top = _distributions()
    used = {one for top in tops for one in by_top.get(top, ())} | set(_ALWAYS) | set(more)
    # Without the label of a local build, such as +cpu: any build of that release will do, and package indexes have others.
    return [f"{name}=={installed(name).partition('+')[0]}" for name in sorted(used, key=str.lower)]


def other_libraries(requirements: Iterable[str]) -> list[str]:
    """Which of these distributions are absent here, or of another release (major or minor number), each in words."""
    other = []
    for line in requirements:
        name, _, wanted = line.partition("==")
        if name in CARRIERS or not wanted:
            continue
        try:
            here = installed(name)
        except PackageNotFoundError:
            other.append(f"{name} {wanted}, which is not installed here")
            continue
        if here.split(".")[:2] != wanted.split(".")[:2]:
            other.append(f"{name} {wanted}, and here is {here}")
    return other


def modules_of(pipeline: Any) -> set[str]:
    """The modules of every object, class and function in it, wherever they are kept."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [pipeline]
    while waiting and len(seen) < _MOST:
        one = waiting.pop()
        if isinstance(one, _PLAIN) or id(one) in seen:
            continue
        seen.add(id(one))
        named = one if isinstance(one, type) or inspect.isroutine(one) else type(one)
        found.add(str(getattr(named, "__module__", "") or ""))
        waiting += _inside(one)
    return found - {"", "builtins"}


def _inside(one: Any) -> list[Any]:
    """What an object holds. Arrays of numbers hold nothing that has code."""
    if isinstance(one, type | ModuleType) or inspect.isroutine(one):
        return []
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()]
    if isinstance(one, list | tuple | set | frozenset):
        return list(one)
    if str(getattr(one, "dtype", "")) == "object":
        return list(getattr(one, "flat", ()))
    return list(getattr(one, "__dict__", {}).values())


def own_source(pipeline: Any, build: Any) -> dict[str, str]:
    """The team's own code that it is built and run by: from the name of a module to a digest of its source.

    That is each module which is neither Python's, nor an installed distribution's, nor this project's, and those that it
    imports; the file that `build` is in only where the pipeline has classes or functions of it.
    """
    home, used = getattr(inspect.unwrap(build), "__module__", ""), modules_of(pipeline)
    modules = _with_imports(name for name in used | {home} if _is_own(name))
    return {name: source_digest(name) for name in sorted(modules) if name != home or name in used}


def own_code(pipeline: Any) -> dict[str, str]:
    """The part of it that every process needs which loads the pipeline: what it is made of, and what that imports."""
    return {name: source_digest(name) for name in sorted(_with_imports(filter(_is_own, modules_of(pipeline))))}


def source_files(pipeline: Any, build: Any) -> dict[str, str]:
    """The file that builds it, and the team's own modules that it runs, as they are now; by a name for each."""
    home = inspect.getmodule(build)
    files = {"model_source.py": inspect.getsource(home or build)}
    others = (name for name in own_source(pipeline, build) if home is None or name != home.__name__)
    return files | {f"own_code/{name}.py": inspect.getsource(sys.modules[name]) for name in others}


def source_digest(module: str) -> str:
    """Sixteen hex digits of a module's source; of a model's file, which has criteria and schedules too, of its code.

    Raises:
        ImportError: it is not here.
    """
    found = sys.modules.get(module) or import_module(module)
    if not hasattr(found, "MODEL"):
        return _digest(inspect.getsource(found))
    defined = (one for one in vars(found).values() if inspect.isfunction(one) or inspect.isclass(one))
    return _digest("\n".join(sorted({inspect.getsource(one) for one in defined if one.__module__ == module})))


def _with_imports(names: Iterable[str]) -> set[str]:
    """These modules, and the team's own ones that they import, anywhere in their source, directly or not."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [one for one in _imported_by(name) if one != name and _is_own(one)]
    return found


def _imported_by(module: str) -> Iterator[str]:
    """What the source of a module imports; of `from a import b` both a and a.b, where that is a module."""
    home = sys.modules.get(module) or import_module(module)
    for node in ast.walk(ast.parse(inspect.getsource(home))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = resolve_name("." * node.level + (node.module or ""), home.__package__) if node.level else str(node.module)
            yield parent
            yield from (name for alias in node.names if _is_module(name := f"{parent}.{alias.name}"))


def _is_module(name: str) -> bool:
    return name in sys.modules or _file_of(name) is not None


def _file_of(name: str) -> str | None:
    """Where a module's source is, without importing it; None where it has none, or there is no such module."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None)
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec and spec.has_location else None


def _is_own(name: str) -> bool:
    """Whether a module is the team's: a helper beside the models, or one that no distribution brought."""
    if name.startswith(_OURS):
        return name.startswith(_MODELS) and name != f"{_MODELS}contract"
    file = _file_of(name)
    return bool(file) and not any(Path(str(file)).resolve().is_relative_to(root) for root in _installed_under())


@cache
def _installed_under() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple(Path(paths[name]).resolve() for name in ("purelib", "platlib", "stdlib", "platstdlib"))


@cache
def _distributions() -> Mapping[str, Collection[str]]:
    return packages_distributions()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
