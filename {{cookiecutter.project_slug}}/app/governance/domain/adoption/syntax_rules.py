"""What is fragile in Python, found in its syntax tree: nothing is imported and nothing runs."""

import ast
import re
from collections.abc import Iterator

from app.core.secret_patterns import may_name_secret
from app.governance.domain.adoption.prototype import Fragility, FragilityKind, RiskyWorkflow, WorkflowSign

MIN_SECRET, MIN_PROMPT, MAX_FILE_LINES, MAX_FUNCTION_LINES = 8, 60, 400, 100
MODEL = re.compile(
    r"^(?:[\w-]+/)?(?:gpt-\d|o[1-9](?:-|\Z)|claude-|gemini-|text-embedding-|mistral-|mixtral|llama-?\d"
    r"|command-(?:r|a|light|nightly)\b|deepseek-|qwen)[\w.:/@-]{0,100}\Z"
)
"""A name alone; a sentence that begins with one names no model to call."""
PROMPT = re.compile(
    r"(?i)\byou are (?:an?|the)\b|\banswer the (?:question|user)|\buse the following|\bcontext:|system prompt"
)
NO_SECRET = re.compile(r"\s|^https?://[^@]*\Z|^[A-Z]+(?:_[A-Z0-9]+)+\Z")
"""Sentences, addresses, and names of variables such as OPENAI_API_KEY."""
SQL_WRITE = re.compile(r"(?i)^\s*(?:insert|update|delete|drop|truncate|alter)\b")
SQL = re.compile(r"(?i)^\s*(?:select|insert|update|delete|drop)\b")
URLOPEN = {"urllib.request.urlopen", "urlopen"}
TIMED = {
    f"requests.{verb}" for verb in ("get", "post", "put", "patch", "delete", "request", "head", "Session.get")
} | URLOPEN
"""Calls that wait for ever unless a timeout is given. HTTPX has a timeout of its own."""
CLIENTS = {"OpenAI", "AsyncOpenAI", "AzureOpenAI", "Anthropic", "AsyncAnthropic"}
"""Clients of models, which wait for ten minutes unless a timeout is given."""
EVALUATED = {"eval", "exec", "compile"}
COMMANDS = {"os.system", "os.popen", "subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_output"}
UNPICKLED = {
    "pickle.load",
    "pickle.loads",
    "cPickle.load",
    "dill.load",
    "joblib.load",
    "torch.load",
    "pandas.read_pickle",
}
DELETES = {"os.remove", "os.unlink", "os.rmdir", "shutil.rmtree"}
SENDS = ("smtplib.", "sendgrid.", "slack_sdk.", "twilio.")
PAYS = ("stripe.", "paypalrestsdk.", "braintree.")


def fragilities(path: str, tree: ast.Module) -> Iterator[Fragility]:
    """In the order of the rules, not of the lines."""
    aliases = aliases_of(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                yield from _of_call(path, node, _name(node.func, aliases))
            case ast.ExceptHandler() if _swallows(node):
                yield _at("bare_except", path, node, "catches everything, and says nothing of it")
            case ast.Assign() | ast.AnnAssign() | ast.keyword() | ast.Dict():
                yield from _secrets(path, node)
            case ast.Constant(value=str(text)) if MODEL.match(text):
                yield _at("model_in_code", path, node, f"names the model {text[:60]}")
            case ast.FunctionDef() | ast.AsyncFunctionDef() if _lines(node) > MAX_FUNCTION_LINES:
                yield _at("one_big_file", path, node, f"the function {node.name} has {_lines(node)} lines")
    yield from _prompts(path, tree)


def workflows(path: str, tree: ast.Module) -> Iterator[WorkflowSign]:
    aliases = aliases_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (sign := _workflow(node, _name(node.func, aliases))):
            yield WorkflowSign(sign[0], path, node.lineno, sign[1])


def imports(tree: ast.Module) -> frozenset[str]:
    """The names of imported modules, whole and by their first part."""
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return frozenset(names | {name.partition(".")[0] for name in names})


def called(tree: ast.Module) -> frozenset[str]:
    """The dotted names of everything that is called."""
    aliases = aliases_of(tree)
    return frozenset(_name(node.func, aliases) for node in ast.walk(tree) if isinstance(node, ast.Call))


def aliases_of(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _name(node: ast.expr, aliases: dict[str, str]) -> str:
    """A dotted name, with aliases resolved; parts that are no names are left out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        node = node.value if isinstance(node, ast.Attribute) else node.func
    if isinstance(node, ast.Name):
        parts.append(aliases.get(node.id, node.id))
    return ".".join(reversed(parts))


def _of_call(path: str, node: ast.Call, name: str) -> Iterator[Fragility]:
    last = name.rpartition(".")[2]
    if name in EVALUATED and name != "compile":
        yield _at("evaluated_text", path, node, f"{name}() runs text as code")
    elif name in COMMANDS and (name.startswith("os.") or _given(node, "shell", False)):
        yield _at("evaluated_text", path, node, f"{name}() runs text in a shell")
    elif name in UNPICKLED or (name in ("yaml.load", "yaml.unsafe_load") and not _safe_yaml(node)):
        yield _at("unpickled_data", path, node, f"{name}() may run what is in the data")
    elif (name in TIMED or last in CLIENTS) and not _timed(node, name):
        yield _at("missing_timeout", path, node, f"{name}() has no timeout")
    elif last in ("execute", "executemany") and node.args and _built_sql(node.args[0]):
        yield _at("sql_from_text", path, node, f"{last}() of a statement that is put together from text")


def _given(node: ast.Call, argument: str, off: object) -> bool:
    """Whether the call names the argument, with another value than the constant that switches it off."""
    values = [keyword.value for keyword in node.keywords if keyword.arg == argument]
    return any(not isinstance(value, ast.Constant) or value.value is not off for value in values)


def _timed(node: ast.Call, name: str) -> bool:
    """What is handed on with ** may hold a timeout. urlopen takes it as its third argument too."""
    handed_on = any(keyword.arg is None for keyword in node.keywords)
    return handed_on or _given(node, "timeout", None) or (name in URLOPEN and len(node.args) > 2)


def _safe_yaml(node: ast.Call) -> bool:
    return any("Safe" in ast.dump(each) for each in [*node.args[1:], *(k.value for k in node.keywords)])


def _built_sql(node: ast.expr) -> bool:
    """An f-string, a concatenation or a format of a statement, also inside of text() of SQLAlchemy."""
    if isinstance(node, ast.Call) and node.args and _name(node.func, {}).rpartition(".")[2] == "text":
        return _built_sql(node.args[0])
    built = isinstance(node, ast.JoinedStr | ast.BinOp) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"
    )
    return built and _varies(node) and bool(SQL.match(_first_text(node)))


def _varies(node: ast.expr) -> bool:
    """Whether anything but literal text is part of it."""
    return any(isinstance(each, ast.Name | ast.Attribute | ast.Call | ast.Subscript) for each in ast.walk(node))


def _first_text(node: ast.AST) -> str:
    """The first literal text in the order of the source."""
    left = [node]
    while left:
        each = left.pop()
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            return each.value
        left += reversed(list(ast.iter_child_nodes(each)))
    return ""


def _swallows(node: ast.ExceptHandler) -> bool:
    everything = node.type is None or (
        isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
    )
    quiet = all(isinstance(each, ast.Pass | ast.Continue) or _is_ellipsis(each) for each in node.body)
    raises = any(isinstance(each, ast.Raise) for statement in node.body for each in ast.walk(statement))
    return everything and not raises and (node.type is None or quiet)


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...


def _secrets(path: str, node: ast.AST) -> Iterator[Fragility]:
    """Strings that are given to a name which says that it is a secret."""
    match node:
        case ast.Assign(targets=targets, value=value):
            pairs = [(_last(target), value) for target in targets]
        case ast.AnnAssign(target=target, value=value) if value:
            pairs = [(_last(target), value)]
        case ast.keyword(arg=name, value=value):
            pairs = [(name or "", value)]
        case ast.Dict(keys=keys, values=values):
            pairs = [(str(getattr(key, "value", "")), value) for key, value in zip(keys, values, strict=True)]
        case _:
            pairs = []
    for name, value in pairs:
        text = value.value if isinstance(value, ast.Constant) else None
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        if isinstance(text, str) and len(text) >= MIN_SECRET and may_name_secret(name) and not NO_SECRET.search(text):
            yield _at("hard_coded_key", path, value, f"{name[:60]} is a string in the code")


def _last(target: ast.expr) -> str:
    if isinstance(target, ast.Subscript):
        return str(getattr(target.slice, "value", ""))
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def _prompts(path: str, tree: ast.Module) -> Iterator[Fragility]:
    """Long texts that speak to a model, once for each."""
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(doc) for doc in _docstrings(tree)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in inner or id(node) in docs:
            continue
        text = "".join(
            each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
        if len(text) >= MIN_PROMPT and PROMPT.search(text):
            yield _at("prompt_in_code", path, node, f"a text of {len(text)} characters that speaks to a model")


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr):
                yield first.value


def _workflow(node: ast.Call, name: str) -> tuple[RiskyWorkflow, str] | None:
    last = name.rpartition(".")[2]
    if name.startswith(SENDS) or last in ("sendmail", "send_message", "chat_postMessage"):
        return "sends messages", f"{name}()"
    if name.startswith(PAYS):
        return "moves money", f"{name}()"
    if name in DELETES:
        return "deletes", f"{name}()"
    if name in COMMANDS:
        return "runs commands", f"{name}()"
    if last in ("execute", "executemany") and node.args and (written := SQL_WRITE.match(_first_text(node.args[0]))):
        verb = written[0].strip().lower()
        return ("deletes" if verb in ("delete", "drop", "truncate") else "writes to a database"), f"{verb} …"
    return None


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _at(kind: FragilityKind, path: str, node: ast.expr | ast.stmt | ast.ExceptHandler, detail: str) -> Fragility:
    return Fragility(kind, path, node.lineno, detail)
