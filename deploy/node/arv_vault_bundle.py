"""Adds arv-vault and a tmpfs to an OCI bundle, if its container asks for it; else, and on any error, changes nothing.

    arv_vault_bundle.py FOLDER [runtime options] create|run --bundle DIR ...

Says nothing and logs nothing: the bundle's environment holds the run token.
"""

import json
import os
import re
import stat
import sys
import tempfile

RUN_TOKEN = re.compile(r"ARVADOS_API_TOKEN=v2/[a-z0-9]{5}-gj3su-[a-z0-9]{15}/[a-z0-9]{20,128}/[a-z0-9]{5}-dz642-[a-z0-9]{15}")
OPT_IN = "ARV_VAULT_NODE=1"
SECRETS = "/run/secrets"
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


def asks_for_it(config):
    environment = config["process"]["env"]
    return OPT_IN in environment and sum(bool(RUN_TOKEN.fullmatch(entry)) for entry in environment) == 1


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
    return [mount for mount in wanted if can_mount(config, root, mount["destination"])]


def replace(path, config):
    """At once: whoever reads it sees the old text or the new one. Mode and owner stay."""
    before = os.stat(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(config, file)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main(folder, words):
    bundle = bundle_of(words)
    path = os.path.join(bundle, "config.json")
    with open(path) as file:
        config = json.load(file)
    if not asks_for_it(config) or not os.access(os.path.join(folder, "arv-vault"), os.X_OK):
        return
    added = additions(config, bundle, folder)
    if added:
        config.setdefault("mounts", []).extend(added)
        replace(path, config)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
