"""What the rules find in Python, and what they leave alone. Nothing is read from a disk."""

import ast

import pytest

from app.governance.domain.adoption.syntax_rules import (
    MAX_FUNCTION_LINES,
    MIN_PROMPT,
    MIN_SECRET,
    called,
    fragilities,
    imports,
    workflows,
)


def kinds(source: str) -> list[str]:
    return [each.kind for each in fragilities("bot.py", ast.parse(source))]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("eval(text)", "evaluated_text"),
        ("exec(text)", "evaluated_text"),
        ("import os\nos.popen(text)", "evaluated_text"),
        ("from os import system as run\nrun(text)", "evaluated_text"),
        ("import subprocess as sp\nsp.run(text, shell=True)", "evaluated_text"),
        ("import subprocess\nsubprocess.run(text, shell=anything())", "evaluated_text"),
        ("import pandas as pd\npd.read_pickle(path)", "unpickled_data"),
        ("from pickle import loads\nloads(data)", "unpickled_data"),
        ("import yaml\nyaml.load(text)", "unpickled_data"),
        ("import yaml\nyaml.load(text, Loader=yaml.UnsafeLoader)", "unpickled_data"),
        ("import yaml\nyaml.unsafe_load(text)", "unpickled_data"),
        ("import requests as r\nr.post(url)", "missing_timeout"),
        ("import requests\nrequests.get(url, timeout=None)", "missing_timeout"),
        ("from urllib.request import urlopen\nurlopen(url)", "missing_timeout"),
        ("import openai\nopenai.AsyncOpenAI()", "missing_timeout"),
        ("from anthropic import Anthropic\nAnthropic(timeout=None)", "missing_timeout"),
        ("db.execute(f'DELETE FROM t WHERE a = {a}')", "sql_from_text"),
        ("db.execute('INSERT INTO t VALUES (' + a + ')')", "sql_from_text"),
        ("db.execute('select * from t where a = %s' % a)", "sql_from_text"),
        ("db.execute('select * from t where a = {}'.format(a))", "sql_from_text"),
        ("db.executemany('update t set a = ' + row['a'], rows)", "sql_from_text"),
        ("db.execute(sa.text(f'select {a}'))", "sql_from_text"),
        ("try:\n    f()\nexcept:\n    print('no')", "bare_except"),
        ("try:\n    f()\nexcept BaseException:\n    ...", "bare_except"),
        ("for a in b:\n    try:\n        f()\n    except Exception:\n        continue", "bare_except"),
        ("password = 'Hunter2Hunter2'", "hard_coded_key"),
        ("password: str = 'Hunter2Hunter2'", "hard_coded_key"),
        ("self.api_key = 'Hunter2Hunter2'", "hard_coded_key"),
        ("headers['x-api-key'] = 'Hunter2Hunter2'", "hard_coded_key"),
        ("connect(password='Hunter2Hunter2')", "hard_coded_key"),
        ("options = {'client_secret': 'Hunter2Hunter2'}", "hard_coded_key"),
        ("SECRET_KEY = b'Hunter2Hunter2'", "hard_coded_key"),
        ("password = 'https://user:Hunter2@db.internal/'", "hard_coded_key"),
        ("ask(model='gpt-4o-mini')", "model_in_code"),
        ("model = 'openai/o3-mini'", "model_in_code"),
        ("model = 'o1'", "model_in_code"),
        ("model = 'command-r-plus'", "model_in_code"),
        ("model = 'qwen2.5:7b'", "model_in_code"),
    ],
)
def test_a_fragile_place_is_found_whatever_its_form(source: str, kind: str) -> None:
    assert kinds(source) == [kind]


@pytest.mark.parametrize(
    "source",
    [
        "compile(text, 'name', 'exec')",
        "model.eval()",
        "import subprocess\nsubprocess.run(words, shell=False)",
        "import subprocess\nsubprocess.run(words)",
        "import yaml\nyaml.load(text, yaml.CSafeLoader)",
        "import json\njson.load(file)",
        "import httpx\nhttpx.get(url)",
        "import requests\nrequests.get(url, timeout=seconds)",
        "import requests\nrequests.get(url, **options)",
        "from urllib.request import urlopen\nurlopen(url, None, 5)",
        "db.execute(sa.text('select 1'))",
        "db.execute(textwrap.dedent('select 1'))",
        "db.execute('select 1 ' + 'from t')",
        "db.execute(f'select 1')",
        "db.execute(f'{verb} it')",
        "pool.execute(task + other)",
        "db.execute()",
        "try:\n    f()\nexcept:\n    close()\n    raise",
        "try:\n    f()\nexcept Exception as error:\n    log.error(error)",
        "try:\n    f()\nexcept ValueError:\n    pass",
        "try:\n    f()\nexcept errors.Exception:\n    pass",
        "password = 'short'",
        "password = ask('the name of the thing')",
        "password = 'the password of the database'",
        "API_KEY_NAME = 'OPENAI_API_KEY'",
        "token_url = 'https://login.example.com/oauth2/token'",
        "options = {**defaults, 1: 'Hunter2Hunter2'}",
        "first, password = 'Hunter2Hunter2', None",
        "password: str",
        "title = 'gpt-4 writes the summary of the meeting'",
        "option = 'command-line'",
        "name = 'o1n'",
    ],
)
def test_what_is_sound_or_not_known_is_left_alone(source: str) -> None:
    assert kinds(source) == []


@pytest.mark.parametrize(("length", "found"), [(MIN_SECRET - 1, []), (MIN_SECRET, ["hard_coded_key"])])
def test_a_secret_has_a_least_length(length: int, found: list[str]) -> None:
    assert kinds(f"password = '{'x' * length}'") == found


@pytest.mark.parametrize(("lines", "found"), [(MAX_FUNCTION_LINES, []), (MAX_FUNCTION_LINES + 1, ["one_big_file"])])
@pytest.mark.parametrize("head", ["def f():", "async def f():"])
def test_a_function_may_be_so_long(head: str, lines: int, found: list[str]) -> None:
    assert kinds(head + "\n    a = 1" * (lines - 1)) == found


ASKS = "You are a helpful assistant"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (f"'x' + '{ASKS:{MIN_PROMPT}}'", 1),
        (f"'x' + '{ASKS:{MIN_PROMPT - 1}}'", 0),
        (f"'x' + '{'You are welcome':{MIN_PROMPT}}'", 0),
        (f"a = f'{ASKS} of {{team}} {'':{MIN_PROMPT}}'", 1),
        (f"def f():\n    '''{ASKS:{MIN_PROMPT}}'''", 0),
        (f"'''{ASKS:{MIN_PROMPT}}'''", 0),
        (f"class A:\n    '''{ASKS:{MIN_PROMPT}}'''\n    a = '''{ASKS:{MIN_PROMPT}}'''", 1),
    ],
    ids=["long", "short", "no prompt", "f-string, once", "docstring", "docstring of a module", "of a class"],
)
def test_a_long_text_that_speaks_to_a_model_is_a_prompt(source: str, found: int) -> None:
    assert kinds(source) == ["prompt_in_code"] * found


def test_the_line_is_that_of_the_value() -> None:
    [place] = fragilities("bot.py", ast.parse("\n\nconnect(\n    host,\n    password='Hunter2Hunter2',\n)"))
    assert (place.path, place.line, place.detail) == ("bot.py", 5, "password is a string in the code")


@pytest.mark.parametrize(
    ("source", "workflow", "detail"),
    [
        ("server.sendmail(a, b, c)", "sends messages", "server.sendmail()"),
        ("import smtplib\nsmtplib.SMTP(host)", "sends messages", "smtplib.SMTP()"),
        ("WebClient().chat_postMessage(text=a)", "sends messages", "WebClient.chat_postMessage()"),
        ("from stripe import Refund\nRefund.create()", "moves money", "stripe.Refund.create()"),
        ("from shutil import rmtree as gone\ngone(path)", "deletes", "shutil.rmtree()"),
        ("import subprocess\nsubprocess.check_output(words)", "runs commands", "subprocess.check_output()"),
        ("db.execute('  DROP TABLE t')", "deletes", "drop …"),
        ("db.execute('truncate t')", "deletes", "truncate …"),
        ("db.execute('Update t set a = 1')", "writes to a database", "update …"),
        ("db.executemany('ALTER TABLE t ' + how, rows)", "writes to a database", "alter …"),
        (r"db.execute('delete\x1b[2J\ud800 it')", "deletes", "delete …"),
    ],
)
def test_an_effect_outside_is_a_workflow_to_classify(source: str, workflow: str, detail: str) -> None:
    [sign] = workflows("bot.py", ast.parse(source))
    assert (sign.workflow, sign.detail, sign.path) == (workflow, detail, "bot.py")


@pytest.mark.parametrize("source", ["db.execute('select 1')", "db.execute()", "stripes.paint()", "words.remove(word)"])
def test_what_only_reads_is_no_workflow(source: str) -> None:
    assert list(workflows("bot.py", ast.parse(source))) == []


def test_imports_are_named_whole_and_by_their_first_part() -> None:
    tree = ast.parse("import google.generativeai as g, os\nfrom langchain.llms import A\nfrom .c import d")
    assert imports(tree) == {"google.generativeai", "google", "os", "langchain", "langchain.llms"}


def test_calls_are_named_by_what_was_imported() -> None:
    tree = ast.parse("import faiss as f\nf.IndexFlatL2(3)\nclient().chat.completions.create()\n(a or b)()\n'x'.join(y)")
    assert called(tree) == {"faiss.IndexFlatL2", "client.chat.completions.create", "client", "", "join"}
