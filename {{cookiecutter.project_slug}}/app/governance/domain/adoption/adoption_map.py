"""The map of a prototype: the room of each file, what is fragile, and what has to be classified."""

import ast
import json
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from app.core.files import printable
from app.core.secret_patterns import secrets_in
from app.governance.domain.adoption.prototype import Fragility, PrototypeFile, WorkflowSign
from app.governance.domain.adoption.room_signs import LOGGING, MODEL_LIBRARIES, RETRIES, rooms_of_python, rooms_of_text
from app.governance.domain.adoption.syntax_rules import MAX_FILE_LINES, called, fragilities, imports, workflows

MIN_LINES_TO_LOG = 30
TEST = re.compile(r"(?:^|/)(?:tests?/|test_[^/]+\.py$|[^/]+_test\.py$)")
PINNED = re.compile(r"===?\s*[\w.]|@\s|^-|\s--hash|^git\+\S+@[\w.-]+$")
ENVIRONMENT_FILE = re.compile(r"^\.env(?:\.(?!example|sample|template).*)?$")
TEXTS = {
    *("", ".py", ".ipynb", ".js", ".jsx", ".ts", ".tsx", ".sh", ".bat", ".ps1", ".sql", ".html", ".txt", ".md"),
    *(".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".conf", ".properties", ".env", ".tf", ".pem", ".key"),
}
USER_INFO = re.compile(r"//[^/@\s]*@")
MAGIC = re.compile(r"\s*(?:%%?[A-Za-z]|!(?!=))")
PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
"""Commands of a cell whose rest is Python; that of the others is another language."""


@dataclass(frozen=True, slots=True)
class MappedFile:
    """rooms: the most likely first; empty where nothing was recognised."""

    path: str
    size: int
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdoptionMap:
    """skipped: how many files were not read, because there were too many or they were too large."""

    name: str
    files: tuple[MappedFile, ...]
    fragile: tuple[Fragility, ...]
    risky: tuple[WorkflowSign, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class _Module:
    """Python of a file, or of one cell of a notebook. place: for people."""

    file: PrototypeFile
    place: str
    source: str
    tree: ast.Module


def make_map(name: str, files: Sequence[PrototypeFile], skipped: int) -> AdoptionMap:
    """Reads what is there; nothing of it runs."""
    modules: list[_Module] = []
    fragile: list[Fragility] = []
    for file in files:
        fragile += _of_text(file)
        for place, source in _sources(file):
            try:
                modules.append(_Module(file, place, source, _parsed(source)))
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                line = getattr(error, "lineno", None) or 1
                fragile.append(Fragility("unreadable_file", place, line, "Python that this version cannot parse"))
    product = [module for module in modules if not TEST.search(module.file.path)]
    for module in product:
        fragile += [*_within_depth(module), *_prints(module)]
    fragile += _of_the_whole(files, modules)
    mapped = tuple(_mapped(file, modules) for file in files)
    risky = tuple(sign for module in product for sign in workflows(module.place, module.tree))
    shown = (replace(each, detail=printable(_without_secrets(each.detail))) for each in fragile)
    ordered = sorted(dict.fromkeys(shown), key=lambda each: (each.path, each.line, each.kind))
    return AdoptionMap(name, mapped, tuple(ordered), risky, skipped)


def _parsed(source: str) -> ast.Module:
    """Warnings of the parser are about the prototype, and nothing for the person who reads the map."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _without_secrets(text: str) -> str:
    for _, start, end in sorted(secrets_in(text), key=lambda found: found[1], reverse=True):
        text = f"{text[:start]}…{text[end:]}"
    return text


def _within_depth(module: _Module) -> list[Fragility]:
    try:
        return list(fragilities(module.place, module.tree))
    except RecursionError:
        return [Fragility("unreadable_file", module.place, 1, "Python that is nested too deeply")]


def _sources(file: PrototypeFile) -> Iterator[tuple[str, str]]:
    if file.text is None:
        return
    if file.suffix == ".py":
        yield file.path, file.text
    elif file.suffix == ".ipynb":
        for number, cell in enumerate(_cells(file.text), 1):
            if not cell.startswith("%%") or cell.startswith(PYTHON_MAGICS):
                yield f"{file.path} cell {number}", "\n".join(_plain_python(line) for line in cell.split("\n"))


def _plain_python(line: str) -> str:
    """A command of the notebook does nothing here."""
    return line[: len(line) - len(line.lstrip())] + "pass" if MAGIC.match(line) else line


def _cells(text: str) -> list[str]:
    """The code cells of a notebook; nothing for anything else."""
    try:
        cells = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _of_text(file: PrototypeFile) -> Iterator[Fragility]:
    """Secrets in any text, without the secrets themselves; requirements that float; notebooks."""
    text = file.text or ""
    kind_of_file = ENVIRONMENT_FILE.match(file.name)
    for kind, start, _ in secrets_in(text) if file.suffix in TEXTS or kind_of_file else ():
        line = text.count("\n", 0, start) + 1
        found = "committed_secret" if kind_of_file or file.suffix != ".py" else "hard_coded_key"
        yield Fragility(found, file.path, line, f"looks like a {kind.replace('_', ' ')}")  # type: ignore[arg-type]
    if kind_of_file and text.strip():
        yield Fragility("committed_secret", file.path, 1, "a file of settings and secrets lies beside the code")
    if re.match(r"requirements.*\.(?:txt|in)$", file.name):
        yield from _unpinned(file, text)
    if file.suffix == ".ipynb" and (cells := _cells(text)):
        yield Fragility("notebook_code", file.path, 1, f"{len(cells)} cells of code")
    if file.suffix == ".py" and (lines := text.count("\n") + 1) > MAX_FILE_LINES:
        yield Fragility("one_big_file", file.path, 1, f"{lines} lines")


def _unpinned(file: PrototypeFile, text: str) -> Iterator[Fragility]:
    for number, line in enumerate(text.splitlines(), 1):
        wanted = line.partition("#")[0].strip()
        if wanted and not PINNED.search(wanted):
            shown = _without_secrets(USER_INFO.sub("//…@", wanted))
            yield Fragility("unpinned_requirements", file.path, number, f"{shown[:60]} has no version")


def _prints(module: _Module) -> Iterator[Fragility]:
    """One for each file, at the first."""
    lines = [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    if lines:
        yield Fragility("print_as_log", module.place, min(lines), f"{len(lines)} calls of print()")


def _of_the_whole(files: Sequence[PrototypeFile], modules: Sequence[_Module]) -> Iterator[Fragility]:
    """What is missing altogether, said at the file where it is missed most."""
    if not modules:
        return
    largest = max(modules, key=lambda module: len(module.source))
    names = frozenset().union(*(imports(module.tree) for module in modules))
    if not any(TEST.search(file.path) for file in files):
        yield Fragility("no_tests", largest.place, 1, "there is no test in the folder")
    if not names & LOGGING and sum(module.source.count("\n") for module in modules) >= MIN_LINES_TO_LOG:
        yield Fragility("no_logging", largest.place, 1, "nothing writes a log")
    models = [module for module in modules if imports(module.tree) & MODEL_LIBRARIES]
    if models and not names & RETRIES and not any("max_retries" in module.source for module in modules):
        yield Fragility("no_retries", models[0].place, 1, "a model is called, and nothing tries again")


def _mapped(file: PrototypeFile, modules: Iterable[_Module]) -> MappedFile:
    own = [module for module in modules if module.file is file]
    found = [room for module in own for room in rooms_of_python(imports(module.tree), called(module.tree))]
    rooms = [*(["tests"] if TEST.search(file.path) else []), *found, *rooms_of_text(file.path)]
    return MappedFile(file.path, file.size, tuple(dict.fromkeys(rooms)))
