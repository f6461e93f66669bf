"""The command: its exit codes, its formats, the files that it reads."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from motor.migrate import RULES, check_paths
from motor.migrate.__main__ import main

BAD = "import motor\nmotor.MotorClient().a.b.insert({})\n"
INSERT = (2, "M101")


def found(*paths) -> list[tuple[str, int, str]]:
    return [(finding.path, finding.line, finding.code) for finding in check_paths(paths)]


def test_findings_as_text_and_json(tmp_path, capsys):
    file = tmp_path / "app.py"
    file.write_text(BAD)
    assert main([str(file)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{file}:2:25: M101 collection.insert is gone",
        "    use insert_one or insert_many",
        "1 found in 1 file; --explain CODE says more about each",
    ]
    assert main([str(file), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {
            "path": str(file),
            "line": 2,
            "column": 25,
            "code": "M101",
            "message": "collection.insert is gone",
            "remedy": "use insert_one or insert_many",
        }
    ]
    assert file.read_text() == BAD


def test_nothing_found(tmp_path, capsys):
    (tmp_path / "app.py").write_text("print(1)\n")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
    assert main([str(tmp_path), "--format=json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name at least one"),
        (["nowhere"], "no such file or folder: nowhere"),
        ([".", "--format", "xml"], "invalid choice"),
        (["--explain", "M999"], "no such code: M999"),
    ],
)
def test_bad_usage(arguments, says, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == 2
    assert says in capsys.readouterr().err


def test_every_code_is_explained(capsys):
    for code, rule in RULES.items():
        assert main(["--explain", code.lower()]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{code}: {rule.title}\n\n")
        assert len(out.split()) > 20
        assert max(map(len, out.splitlines())) <= 100


def test_what_is_no_python_is_reported_and_the_rest_is_read(tmp_path):
    (tmp_path / "a.py").write_text("print 'Python 2'\n")
    (tmp_path / "b.py").write_bytes(b"x = '\xff'\n")
    (tmp_path / "c.py").write_bytes(b"# coding: nonsense\n")
    (tmp_path / "d.py").write_bytes(b"x = 1\0\n")
    (tmp_path / "e.py").write_text("x = " + "-" * 200_000 + "1\n")
    (tmp_path / "f.py").write_text("")
    (tmp_path / "g.py").write_text("x = '\\d'\n" + BAD)
    findings = list(check_paths([tmp_path]))
    assert [(finding.path[-4:], finding.code) for finding in findings] == [
        ("a.py", "M001"),
        ("b.py", "M001"),
        ("c.py", "M001"),
        ("d.py", "M001"),
        ("e.py", "M001"),
        ("g.py", "M101"),
    ]
    assert all(finding.message.count("\n") == 0 and finding.line >= 1 for finding in findings)


def test_encodings(tmp_path):
    latin = tmp_path / "latin.py"
    latin.write_bytes("# coding: latin-1\nimport motor\ngröße = motor.MotorClient(); größe.fsync()\n".encode("latin-1"))
    mark = tmp_path / "mark.py"
    mark.write_bytes(BAD.replace("\n", "\r\n").encode("utf-8-sig"))
    (in_latin,) = check_paths([latin])
    assert (in_latin.line, in_latin.column, in_latin.code) == (3, 36, "M103")
    assert found(mark) == [(str(mark), *INSERT)]


def test_which_files_of_a_folder_are_read(tmp_path):
    def write(name: str) -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(BAD)
        return str(file)

    read = [write("app.py"), write("package/__init__.py"), write("package/deep/er.py")]
    for skipped in ("notes.txt", ".venv/lib/a.py", ".git/a.py", "__pycache__/a.py", "lib/site-packages/a.py", "v/a.py"):
        write(skipped)
    (tmp_path / "v" / "pyvenv.cfg").touch()
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "package" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "same.py").symlink_to(tmp_path / "app.py")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nowhere.py")
    assert found(tmp_path) == [(name, *INSERT) for name in read]
    assert found(tmp_path, tmp_path / "app.py") == [(name, *INSERT) for name in read]
    named = tmp_path / "notes.txt"
    assert found(named, tmp_path / ".venv") == [(str(named), *INSERT), (str(tmp_path / ".venv/lib/a.py"), *INSERT)]


def test_what_one_file_shares_others_use(tmp_path):
    (tmp_path / "handlers.py").write_text(
        "def get(self):\n"
        "    self.settings['db'].users.insert({})\n"
        "    self.settings['names'].insert(0, 'a')\n"
        "    self.application.other.users.insert({})\n"
        "def use(application, other):\n"
        "    application.other = other\n"
        "async def guessed(app):\n"
        "    await app.guessed.insert({})\n"
    )
    (tmp_path / "fake.py").write_text("settings['db'] = []\nsettings['db'].users.insert({})\n")
    (tmp_path / "unread.py").write_text("import motor; 1 +")
    assert found(tmp_path / "handlers.py", tmp_path / "fake.py") == []
    (tmp_path / "server.py").write_text(
        "import motor, tornado.web\n"
        "db = motor.MotorClient().test\n"
        "application = tornado.web.Application([], db=db, names=[])\n"
        "application.other = db\n"
    )
    (tmp_path / "service.py").write_text("import motor\napp.other = motor.MotorClient().test.other\n")
    (tmp_path / "guess.py").write_text("import motor\ndef f(db):\n    app.guessed = db.x\n")
    handlers = str(tmp_path / "handlers.py")
    assert found(tmp_path) == [(handlers, *INSERT), (str(tmp_path / "unread.py"), 1, "M001")]
    assert found(handlers, tmp_path / "server.py", tmp_path / "guess.py") == [
        (handlers, *INSERT),
        (handlers, 4, "M101"),
    ]


def test_what_one_file_has_others_import(tmp_path):
    (tmp_path / "app" / "data").mkdir(parents=True)
    (tmp_path / "app" / "database.py").write_text(
        "import motor\n"
        "from pymongo import MongoClient\n"
        "client = motor.MotorClient()\n"
        "names, blocking, db = [], MongoClient(), client.test\n"
        "def users():\n    return client.test.users\n"
        "async def orders():\n    return client.test.orders\n"
    )
    (tmp_path / "app" / "data" / "__init__.py").write_text("import motor\ndb = motor.MotorClient().test\n")
    lines = {
        "from app.database import client; client.a.b.insert({})": 1,
        "from .database import db as base; base.users.insert({})": 1,
        "from . import database; database.db.users.insert({})": 1,
        "import app.database; app.database.db.users.insert({})": 1,
        "import app.data as data; data.db.users.insert({})": 1,
        "from app.database import users; users().insert({})": 1,
        "from app import database\nasync def f(): (await database.orders()).insert({})": 1,
        "from app.database import orders; orders().insert({})": 0,
        "from other.database import db; db.users.insert({})": 0,
        "from other import users; users().insert(0, 1)": 0,
        "from app.database import names; names.insert(0, 1)": 0,
        "from app.database import blocking; blocking.a.b.insert({})": 0,
        "from app.database import db; db = []; db.insert(0, 1)": 0,
    }
    for line, findings in lines.items():
        (tmp_path / "app" / "handlers.py").write_text(line)
        assert [code for _, _, code in found(tmp_path)] == ["M101"] * findings, line


def test_it_is_a_command_and_imports_no_driver(tmp_path):
    (tmp_path / "app.py").write_text(BAD)
    program = (
        "import runpy, sys\n"
        "try:\n"
        "    runpy.run_module('motor.migrate', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as error:\n"
        "    code = error.code\n"
        "print(code, sorted({name.split('.')[0] for name in sys.modules} & {'bson', 'pymongo', 'gridfs', 'asyncio'}))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.splitlines()[-1] == "1 []"
    assert ended.stderr == ""
