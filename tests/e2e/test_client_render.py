"""Templates: a value stays a value, whatever it is, as the readers of the format see it."""

from __future__ import annotations

import json
import os

import pytest
import yaml

from client import SECRET

VALUES = ["plain", "", "a: b", "a # b", '"', "'", "\\", '", "admin": true, "x": "', "x, admin: true", "}{][", "- item", "| block",
          "${vault:secret/other#x}", "$${vault:x}", "&a *a !t", "%", "@`", "null", "true", "123", "1e3", "~", "ä€🔑", "a\tb", "\x7f",
          "a\u2028b", "a\u0085b", "\ufeffx", " lead", "trail ", "it''s", "a\\nb", "\\u0041"]
if os.environ.get("VPA_SANITIZED"):
    VALUES = VALUES[::4]  # sanitized programs are slow to start, and tests/model has the same code inside one process
LINES = ["two\nlines", "\n", "a\r\nb", "x\n  admin: true", "\nadmin: true"]


@pytest.fixture
def render(client):
    """Renders a template whose VALUE is a reference to that value."""
    def rendered(template: str, value: object, kind: str) -> str:
        path = client.put("open/value", value=value)
        source = client.home / f"template.{kind}"
        source.write_text(template.replace("VALUE", "${vault:" + path + "#value}"))
        done = client.run("render", str(source), "-")
        assert done.returncode in (0, 78), done.stderr
        return done.stdout if done.returncode == 0 else None

    return rendered


def test_json_values_stay_values(render):
    for value in VALUES + LINES:
        text = render('{"a": "VALUE", "b": ["x VALUE y"]}', value, "json")
        assert json.loads(text) == {"a": value, "b": [f"x {value} y"]}


@pytest.mark.parametrize("value", [7, -1.5, True, [1, "two", {"x": None}], {"a": {"b": ["c"]}}, []])
def test_values_that_are_no_texts_stand_as_their_json(render, value):
    """Inside of quotes all is text: the reader gets back what the vault had by reading it once more."""
    for kind, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        text = read(render('{"a": "VALUE", "b": ["x VALUE y"]}', value, kind))
        assert json.loads(text["a"]) == value and text["b"] == [f"x {text['a']} y"]
    assert json.loads(yaml.safe_load(render("a: VALUE\n", value, "yaml"))["a"]) == value
    assert json.loads(render("VALUE", value, "txt")) == value


@pytest.mark.parametrize("template", ['{"a": VALUE}', '[1, VALUE]', "VALUE", '{VALUE: 1}', '{"a": "x\\VALUE"}'])
def test_in_json_a_reference_stands_in_quotes(render, template):
    assert render(template, "x", "json") is None


@pytest.mark.parametrize("template, read", [
    ("a: VALUE\nb: 1\n", lambda d: d["a"]),
    ("a:   VALUE   # comment\nb: 1\n", lambda d: d["a"]),
    ('a: "VALUE"\n', lambda d: d["a"]),
    ("- VALUE\n- 2\n", lambda d: d[0]),
    ("- - VALUE\n", lambda d: d[0][0]),
    ("- a: VALUE\n  b: 2\n", lambda d: d[0]["a"]),
    ("a: {b: VALUE, c: 1}\n", lambda d: d["a"]["b"]),
    ('a: {"b": "VALUE", c: [1, VALUE]}\n', lambda d: d["a"]["c"][1]),
    ("a:\n  VALUE\nb: 1\n", lambda d: d["a"]),
    ("# it's a comment\na: VALUE\n", lambda d: d["a"]),
    ("b: it's\na: VALUE\n", lambda d: d["a"]),
    ("b: |\n  \" quote in a block\n\na: VALUE\n", lambda d: d["a"]),
    ("VALUE\n", lambda d: d),
    ("--- VALUE\n", lambda d: d),
    ("a: &x VALUE\nb: !!str VALUE\n", lambda d: d["b"]),
])
def test_yaml_values_stay_values_and_texts(render, template, read):
    for value in VALUES + LINES:
        text = render(template, value, "yaml")
        assert read(yaml.safe_load(text)) == value, text


def test_yaml_inside_of_a_longer_text(render):
    for value in VALUES + LINES:
        assert yaml.safe_load(render('a: "x VALUE y"\n', value, "yaml")) == {"a": f"x {value} y"}


@pytest.mark.parametrize("template, read", [
    ("a: 'x VALUE y'\nb: 1\n", lambda d: d["a"][2:-2]),
    ("a: |\n  one VALUE.\nb: 1\n", lambda d: d["a"][4:-2]),
    ("a: >-\n  one VALUE.\nb: 1\n", lambda d: d["a"][4:-1]),
    ("- a: |\n    VALUE.\n  b: 1\n", lambda d: d[0]["a"][:-2]),
    ("- |\n  VALUE.\n- 2\n", lambda d: d[0][:-2]),
    ("- - >-\n   VALUE.\n", lambda d: d[0][0][:-1]),
    ("a:\n- |\n VALUE.\nb: 1\n", lambda d: d["a"][0][:-2]),
    ("--- |\n VALUE.\n", lambda d: d[:-2]),
    ("--- >-\n  VALUE.\n", lambda d: d[:-1]),
])
def test_yaml_where_not_everything_can_stand(render, template, read):
    """Either it is the very value, or it is refused with words."""
    refused = 0
    for value in VALUES + LINES:
        text = render(template, value, "yaml")
        refused += text is None
        if text is not None and value.strip(" \t") == value:
            assert read(yaml.safe_load(text)) == value, text
    assert len(LINES) <= refused < len(LINES) + len(VALUES) / 2


@pytest.mark.parametrize("template", [
    "a: xVALUE\n", "a: x VALUE\n", "a: VALUE x\n", "# VALUE\n", "a: 1 # VALUE\n", "VALUE: x\n", "a: {b: x VALUE}\n",
    "a: {b: foo - VALUE}\n", 'a: {b: foo\n  VALUE}\n', "a: some text\n  VALUE\n", 'a: "x\n  VALUE"\n', "a: 'x\n VALUE\n '\n",
    "a:VALUE\n", "? a: 'VALUE'\n", "? VALUE\n", "&a 'a: VALUE\n'", "a: [x\n VALUE]\n", '- a: |\n  b: x VALUE\n', "a: foo, VALUE\n",
    "- |\n- x VALUE\n", "--- |\nx\n--- x VALUE\n", "--- |\nVALUE\n", "a: |\n  x\n--- x VALUE\n",
])
def test_yaml_places_where_no_value_is_kept_in(render, template):
    assert render(template, "x", "yaml") is None


def test_text_is_as_it_is(render):
    for value in VALUES + LINES:
        assert render("a VALUE b\n", value, "txt") == f"a {value} b\n"


@pytest.mark.parametrize("name, destination, kind", [
    ("c.yaml", "out", "yaml"), ("c.yaml.in", "out", "yaml"), ("c.yaml.tmpl", "out", "yaml"), ("c.yml.j2", "-", "yaml"), ("c.YAML", "-", "yaml"),
    ("c.Json.In", "-", "json"), ("c.tmpl", "out.yaml", "yaml"), ("c", "out.YML", "yaml"), ("c.tmpl", "out.json", "json"), ("json", "yaml", "text"),
    ("c.txt", "out.conf", "text"), ("x.yaml/c", "out", "text"), ("c.json", "out.yaml", "json"), ("c.yaml.old.txt", "-", "text"),
])
def test_the_kind_is_in_the_names(client, name, destination, kind):
    """A value that would be more than one is refused where it can't be kept in one; text takes it as it is."""
    path = client.put("open/value", value="x\nadmin: true")
    source = client.home / name
    source.parent.mkdir(exist_ok=True)
    source.write_text('{"a": "${vault:%s#value}", \'b\': 1}' % path)
    done = client.run("render", "--quiet", name, destination)
    assert done.returncode == 0, done.stderr
    written = done.stdout if destination == "-" else (client.home / destination).read_text()
    value = {"yaml": "x\\u000Aadmin: true", "json": "x\\u000aadmin: true", "text": "x\nadmin: true"}[kind]
    assert written == '{"a": "%s", \'b\': 1}' % value


def test_there_is_no_second_scan(client):
    inner = client.put("open/inner", value=SECRET)
    outer = client.put("open/outer", value="${vault:" + inner + "#value}")
    source = client.home / "t.txt"
    source.write_text("${vault:" + outer + "#value} $${vault:kept}")
    assert client.ok("render", str(source), "-") == "${vault:" + inner + "#value} ${vault:kept}"


@pytest.mark.parametrize("text, words", [
    ("a\nb ${vault:x/y", "line 2"), ("${vault:x\n/y}", "line 1"), ("${vault:}", "line 1"), ("${vault:x//y#z}", "line 1"),
    ("${vault:x/y#}", "no field"), ("a\x00b", "NUL"),
])
def test_templates_that_are_none(client, text, words):
    (client.home / "t.txt").write_text(text)
    assert words in client.refused(78, "render", "t.txt", "-", env={"BAO_ADDR": "https://127.0.0.1:1"})


@pytest.mark.core
def test_into_a_file(client):
    path = client.put("open/db", password=SECRET)
    (client.home / "t.json").write_text('{"pw": "${vault:%s#password}", "opt": "${vault:?%s#none}"}' % (path, path))
    client.ok("render", "--quiet", "--mode=0640", "t.json", "out.json")
    assert json.loads((client.home / "out.json").read_text()) == {"pw": SECRET, "opt": ""}
    assert (client.home / "out.json").stat().st_mode & 0o777 == 0o640
    assert client.refused(64, "render", "--mode=0644", "t.json", "out.json")
    assert client.refused(64, "render", "--kind=toml", "t.json", "out.json")
    assert client.refused(74, "render", "none.json", "out.json")
    assert client.ok("render", "--kind=text", "t.json", "-").startswith('{"pw"')
