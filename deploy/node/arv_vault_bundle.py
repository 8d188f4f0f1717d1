"""Adds arv-vault and a tmpfs to an OCI bundle if its container asks for it; otherwise, and on any error, changes nothing.

    arv_vault_bundle.py FOLDER [runtime options] create|run --bundle DIR ...

ARV_VAULT_NODE=1 in the container's environment adds the client; ARV_VAULT_EXEC=1 also puts it in front of the container's own
command. What keeps it from doing so is logged to syslog (or the file ARV_VAULT_LOG): why, and nothing of the bundle, whose
environment holds the run token.
"""

import json
import os
import re
import stat
import sys
import syslog
import tempfile

RUN_TOKEN = re.compile(r"ARVADOS_API_TOKEN=v2/[a-z0-9]{5}-gj3su-[a-z0-9]{15}/[a-z0-9]{20,128}/[a-z0-9]{5}-dz642-[a-z0-9]{15}")
OPT_IN = "ARV_VAULT_NODE=1"
OPT_IN_EXEC = "ARV_VAULT_EXEC=1"
SECRETS = "/run/secrets"
SECRETS_MODE = 0o700
CLIENT = "/opt/arv-vault"
PREFIX = [f"{CLIENT}/arv-vault", "exec", "--resolve", "--mask", "--supervise", "--"]
# A container that sets one of a row has none of its defaults.
DEFAULTS = [("BAO_ADDR", "VAULT_ADDR"), ("BAO_CACERT", "VAULT_CACERT", "BAO_CAPATH", "VAULT_CAPATH"), ("BAO_NAMESPACE", "VAULT_NAMESPACE"),
            ("BAO_TLS_SERVER_NAME", "VAULT_TLS_SERVER_NAME"), ("BAO_CLIENT_TIMEOUT", "VAULT_CLIENT_TIMEOUT"), ("ARV_VAULT_MOUNT",),
            ("ARV_VAULT_ROLE",), ("ARV_VAULT_SALT_LABEL",)]
PARTS_MAX = 255  # of a path with all its links; more are a circle, or an image that is up to no good


def bundle_of(words):
    """The value of --bundle or -b behind the verb; "." as for runc when there is none."""
    verb = next(i for i, word in enumerate(words) if word in ("create", "run"))
    rest = words[verb + 1:]
    for i, word in enumerate(rest):
        if word in ("--bundle", "-b", "-bundle"):
            return rest[i + 1]
        if word.startswith("--bundle="):
            return word.split("=", 1)[1]
    return "."


class Unexpected(Exception):
    """The container is started unchanged; the words are for the log."""


def log(words):
    file = os.environ.get("ARV_VAULT_LOG")
    if file:
        with open(file, "a", encoding="utf-8") as lines:
            lines.write(words + "\n")
    else:
        syslog.openlog("arv-vault-oci")
        syslog.syslog(syslog.LOG_WARNING, words)


def asks_for_it(config):
    environment = config["process"]["env"]
    if OPT_IN not in environment and OPT_IN_EXEC not in environment:
        return False
    if sum(bool(RUN_TOKEN.fullmatch(entry)) for entry in environment) != 1:
        raise Unexpected("it has no run token: does it have API access?")
    return True


def defaults(folder, environment):
    """NAME=value lines of the node, where the container sets neither the name nor another of its row."""
    names = {entry.split("=", 1)[0] for entry in environment}
    path, added = os.path.join(folder, "defaults.env"), []
    if not os.path.exists(path):
        return added
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            name, equals, value = line.strip().partition("=")
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            row = next((row for row in DEFAULTS if name in row), None)
            if not equals or row is None:
                raise Unexpected(f"defaults.env: a line that is no setting of arv-vault: {name[:40]}")
            if not names.intersection(row):
                added.append(f"{name}={value}")
    return added


def lies_in(path, folder):
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def resolve(root, path):
    """Where a path of the container lies, as the runtime will follow its image's links: none leads out of the root. The image is anybody's;
    so that the kernel never follows one, each part is looked at before the next. What is not there has no links.
    Links inside of what gets mounted are not seen here: nothing is mounted yet."""
    done, todo, seen = [], path.split("/")[::-1], 0
    while todo:
        part = todo.pop()
        seen += 1
        if seen > PARTS_MAX:
            raise ValueError("links in a circle")
        if part == "..":
            del done[-1:]
        elif part not in ("", "."):
            try:
                target = os.readlink(os.path.join(root, *done, part))
            except OSError:  # no link, or nothing
                done.append(part)
                continue
            if target.startswith("/"):
                done = []
            todo += target.split("/")[::-1]
    return "/" + "/".join(done)


def can_mount(config, root, destination):
    """Nothing is there yet, and the runtime can make the place. In a mount that lies above it, it could not (read-only), or would make it
    in what somebody else mounted: his collection."""
    place = resolve(root, destination)
    for mount in config.get("mounts", []):
        there = resolve(root, mount["destination"])
        if lies_in(there, place) or (there != "/" and lies_in(place, there)):
            return False
    above = root + place
    if not config["root"].get("readonly", False):
        while not os.path.lexists(above):
            above = os.path.dirname(above)
    return place != "/" and os.path.isdir(above)


def is_private(root):
    """/run/secrets as the image has it: the runtime keeps the mode of a folder that exists, whatever the options of the mount say."""
    try:
        found = os.lstat(root + resolve(root, SECRETS))
    except FileNotFoundError:
        return True
    return stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == SECRETS_MODE


def additions(config, bundle, folder):
    root = os.path.join(bundle, config["root"]["path"])
    os.stat(root)  # an image that is not there yet can't be looked at
    user = config["process"].get("user", {})
    wanted = [
        {"destination": "/opt/arv-vault", "type": "bind", "source": folder, "options": ["bind", "ro", "nosuid", "nodev"]},
        {"destination": SECRETS, "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "nodev", "noexec", "mode=0700", "size=1m", f"uid={int(user.get('uid', 0))}",
                     f"gid={int(user.get('gid', 0))}"]},
    ]
    if not is_private(root):
        log("/run/secrets is left out: the image has it with another mode than 0700, which would be kept")
        wanted.pop()
    return [mount for mount in wanted if can_mount(config, root, mount["destination"])]


def replace(path, config):
    """At once: whoever reads it sees the old text or the new one. Mode and owner stay."""
    before = os.stat(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            json.dump(config, file, ensure_ascii=False)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def exact_float(text):
    """A number that would be written in another way than it was read."""
    if repr(float(text)) != text:
        raise Unexpected("config.json has a number that can't be kept as it is")
    return float(text)


def exact_object(pairs):
    if len(dict(pairs)) != len(pairs):
        raise Unexpected("config.json has a key twice")
    return dict(pairs)


def read(path):
    """UTF-8 whatever the locale of the daemon is. None: it can't be a container that asks."""
    with open(path, "rb") as file:
        text = file.read()
    if OPT_IN.encode() not in text and OPT_IN_EXEC.encode() not in text:
        return None
    return json.loads(text.decode("utf-8"), parse_float=exact_float, object_pairs_hook=exact_object)


def change(config, bundle, folder):
    """False: there is nothing to change."""
    if not asks_for_it(config):
        return False
    if not os.access(os.path.join(folder, "arv-vault"), os.X_OK):
        raise Unexpected("the node has no arv-vault that can be run")
    process = config["process"]
    added = additions(config, bundle, folder)
    has_client = any(mount["destination"] == CLIENT for mount in added)
    if OPT_IN_EXEC in process["env"]:
        if not has_client:
            raise Unexpected(f"the client can't be mounted at {CLIENT}: the container or its image has something there")
        if not isinstance(process["args"], list) or not process["args"]:
            raise Unexpected("the container has no command")
    if not added:
        return False
    if has_client:
        process["env"] += defaults(folder, process["env"])
        if OPT_IN_EXEC in process["env"]:
            process["args"] = PREFIX + process["args"]
    config.setdefault("mounts", []).extend(added)
    return True


def main(folder, words):
    try:
        bundle = bundle_of(words)
        path = os.path.join(bundle, "config.json")
        config = read(path)
        if config is not None and change(config, bundle, folder):
            replace(path, config)
    except Unexpected as why:
        log(f"container started unchanged: {why}")
    except Exception as why:  # its words may hold something of the bundle
        log(f"container started unchanged: {type(why).__name__}")


if __name__ == "__main__":
    if sys.argv[2:] == ["--probe"]:
        try:
            defaults(sys.argv[1], [])
        except (Unexpected, OSError, UnicodeError) as why:
            sys.exit(str(why))
    else:
        main(sys.argv[1], sys.argv[2:])
