"""The module knows the plugin's fields, all of them and no other; scripts/dev terraform applies it with the real program and provider."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from conftest import ROOT, TOOLS, Mount, known_fields

MODULE = ROOT / "deploy/terraform"
TYPES = {"list": "list(string)", "map": "map(string)", "duration": "number", "integer": "number", "boolean": "bool", "string": "string"}


@pytest.fixture(scope="module")
def parsed() -> dict[str, dict]:
    """Each file as the parser has it, by its path in the module."""
    program = "import hcl2, json, sys; print(json.dumps({name: hcl2.load(open(name)) for name in sys.argv[1:]}))"
    files = sorted(str(path.relative_to(MODULE)) for path in MODULE.rglob("*.tf"))
    done = subprocess.run([TOOLS / "python", "-c", program, *files], cwd=MODULE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def blocks(tree: dict, kind: str) -> dict[str, dict]:
    """Labelled blocks of a kind, by their last label."""
    found = {}
    for block in tree.get(kind, []):
        while len(block) == 1 and isinstance(next(iter(block.values())), dict):
            (label, block), = block.items()
            found[label.strip('"')] = block
    return found


def declared(kind: str) -> dict[str, str]:
    """Fields of the variable's object, with their types."""
    text = (MODULE / "variables.tf").read_text().split(f'variable "{kind}"')[1].split("\nvariable ")[0]
    body = text.split("object({\n")[1].split("\n  })")[0]
    return {name: re.sub(r"^optional\((.*)\)$", r"\1", kind) for name, kind in re.findall(r"^ +(\w+) += (.*)$", body, re.MULTILINE)}


@pytest.mark.parametrize("variable, path", [("config", "config"), ("roles", "role/{name}")])
def test_every_field_that_can_be_set_is_there_with_its_type(variable, path):
    told = known_fields(path)
    wanted = {name: TYPES[kind] for name, kind in told.items() if name != "service_token"}
    assert declared(variable) == wanted


def test_the_service_token_has_no_way_into_the_state(parsed):
    assert "service_token" in known_fields("config")
    assert not any("service_token" in json.dumps(tree) for tree in parsed.values())


def test_every_variable_and_output_says_what_it_is(parsed):
    for name, tree in parsed.items():
        for kind in ("variable", "output"):
            for label, block in blocks(tree, kind).items():
                assert block.get("description"), f"{name}: {kind} {label}"
    variables = blocks(parsed["variables.tf"], "variable")
    assert {label for label, block in variables.items() if block.get("validation")} >= {"programs", "plugin_version", "mount", "config", "roles", "policies"}


def test_the_example_gives_what_the_module_asks_for(parsed):
    (module,) = blocks(parsed["example/main.tf"], "module").values()
    variables = blocks(parsed["variables.tf"], "variable")
    given = set(module) - {"source"} - {key for key in module if key.startswith("__")}
    assert given <= set(variables) and {name for name, block in variables.items() if "default" not in block} <= given
    assert set(module["config"]) <= set(declared("config"))
    assert all(set(role) <= set(declared("roles")) for role in module["roles"].values())


def test_the_commands_of_its_page_work(follow, own_bao, sim):
    """On a mount as the module leaves it."""
    assert own_bao.enable("arvados").status_code == 204
    mount = Mount(own_bao, sim, "arvados")
    mount.configure(service_token=None)
    running = own_bao.plugin_pids()
    printed = follow("deploy/terraform/README.md", ARVADOS_API_HOST=sim.host, ARVADOS_API_TOKEN=sim.admin_token, SSL_CERT_FILE=sim.ca_pem,
                     BAO_ADDR=own_bao.address, BAO_TOKEN=own_bao.root_token, BAO_CACERT=own_bao.ca)
    assert mount.read_config()["service_token_set"] and "--provider FILE" in printed
    assert not set(running) & set(own_bao.plugin_pids())
