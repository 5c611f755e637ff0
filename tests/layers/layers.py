#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that lower layers never include higher ones and that a third-party header is known to
its one adapter only. Usage: layers.py ROOT | layers.py --self-test"""

import os
import re
import sys
import tempfile

PUBLIC = "runtime/include/gale"
RUNTIME = ["runtime/base", "runtime/core", "runtime/codec"]
# What each directory may include besides itself and the public headers. The order is the one in
# which CMakeLists.txt links them.
ALLOWED = {
    PUBLIC: [],
    "runtime/base": [],
    "runtime/core": RUNTIME[:1],
    "runtime/codec": RUNTIME[:2],
    "runtime/api": RUNTIME,
    "runtime/transport": RUNTIME,
    "runtime/expression": [],
    "runtime/exec": RUNTIME + ["runtime/api", "runtime/transport", "runtime/expression"],
    "runtime/worker": RUNTIME + ["runtime/api", "runtime/transport", "runtime/exec"],
    "runtime/testing": RUNTIME + ["runtime/api", "runtime/transport", "runtime/exec",
                                  "runtime/worker"],
    "spouts": [],
    "bolts": ["runtime/expression"],
    "topologies": [],
    "coordinator/text": RUNTIME[:1],
    "coordinator/store": RUNTIME,
    "coordinator/schedule": RUNTIME[:2],
    "coordinator/supervise": RUNTIME + ["runtime/transport"],
    "coordinator/topology": RUNTIME + ["runtime/api"],
}
EVERYTHING = sorted(ALLOWED)
ALLOWED["coordinator/run"] = [d for d in EVERYTHING if d not in ("spouts", "bolts", "topologies")]
ALLOWED["bench/micro"] = RUNTIME + ["runtime/transport"]
ALLOWED["bench/suite"] = [d for d in EVERYTHING if d.startswith("runtime/")] + ["bench/micro"]
ALLOWED["bench/ysb/model"] = ALLOWED["bench/nexmark/model"] = []
ALLOWED["bench/nexmark"] = ["bench/nexmark/model"]
ALLOWED["bench/ysb"] = ["bench/ysb/model"]
ALLOWED["bench/suite"] += ["coordinator/text", "bench/ysb/model", "bench/nexmark/model"]
ALLOWED["coordinator/rpc"] = RUNTIME[:1]
ALLOWED["coordinator/blobs"] = RUNTIME[:1] + ["coordinator/rpc"]
ALLOWED["coordinator/config"] = RUNTIME + ["runtime/api", "coordinator/topology"]
ALLOWED["coordinator/cluster"] = ALLOWED["coordinator/run"] + [
    "coordinator/run", "coordinator/rpc", "coordinator/blobs", "coordinator/config"]
ALLOWED["coordinator/host"] = RUNTIME + [
    "runtime/transport", "coordinator/topology", "coordinator/supervise", "coordinator/store",
    "coordinator/rpc", "coordinator/blobs", "coordinator/config"]
EVERYTHING += ["coordinator/rpc", "coordinator/blobs", "coordinator/config",
               "coordinator/cluster", "coordinator/host"]
ALLOWED["coordinator/cli"] = EVERYTHING + ["coordinator/run", "bench/suite"]

# Third-party headers and the layers whose one file (or folder) adapts them.
ADAPTERS = {
    "zmq": (r"zmq(_utils)?\.h", ["runtime/transport", "coordinator/rpc"]),
    "nettle": (r"nettle/.*", ["coordinator/blobs"]),
    "lz4": (r"lz4(hc|frame)?\.h", ["runtime/codec"]),
    "msgpack": (r"msgpack(\.h|/.*)", ["runtime/codec", "bench/micro"]),
    "xxhash": (r"xxhash\.h|xxh3\.h", ["runtime/base"]),
    "sqlite": (r"sqlite3\.h", ["coordinator/store"]),
    "zookeeper": (r"zookeeper/.*", ["coordinator/store"]),
    "yaml": (r"yaml\.h", ["coordinator/topology"]),
    "jansson": (r"jansson\.h", ["runtime/testing", "bench/suite"]),
    "yajl": (r"yajl/.*", ["bench/ysb"]),
}
LIBC = set("""assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp
signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings
time uchar wchar wctype dirent dlfcn elf endian byteswap err execinfo fcntl fnmatch ftw getopt
glob grp ifaddrs langinfo libgen link malloc mntent netdb poll pthread pwd regex sched
semaphore spawn sysexits syslog termios threads unistd ucontext wordexp cpuid immintrin
x86intrin""".split())
LIBC_FOLDERS = ("sys/", "net/", "netinet/", "arpa/", "linux/", "asm/", "bits/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def layer_of(path):
    """The directory of ALLOWED that the path lies in, or None."""
    best = None
    for directory in ALLOWED:
        if path.startswith(directory + "/") and (best is None or len(directory) > len(best)):
            best = directory
    return best


def sources(root):
    for top in ("runtime", "coordinator", "spouts", "bolts", "topologies", "bench/micro",
                "bench/suite", "bench/ysb", "bench/nexmark"):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = [f for f in folders if not f.startswith((".", "build"))]
            for name in names:
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def resolve(root, path, name):
    """The project's file that an include names, or None."""
    for base in (os.path.dirname(path), "runtime", "runtime/include", "coordinator",
                 "bench", ""):
        candidate = os.path.normpath(os.path.join(base, name))
        if os.path.exists(os.path.join(root, candidate)):
            return candidate
    return None


def check_include(root, path, layer, quote, name, users):
    """Returns what is wrong with one include, or None."""
    target = resolve(root, path, name)
    if target is not None and (quote == '"' or name.startswith("gale/")):
        target_layer = layer_of(target)
        if target_layer in (layer, PUBLIC) or target_layer in ALLOWED[layer]:
            return None
        return f'includes "{name}" of {target_layer or "no layer"}, which is not below {layer}'
    for library, (pattern, adapters) in ADAPTERS.items():
        if re.fullmatch(pattern, name):
            users.setdefault((library, layer), set()).add(path)
            if layer in adapters:
                return None
            only = " or ".join(adapters)
            return f"includes <{name}> of {library}, which only {only} may adapt"
    if quote == "<" and (name[:-2] in LIBC or name.startswith(LIBC_FOLDERS)):
        return None
    return f"includes {name}, which is neither the project's nor libc's"


def check(root):
    errors, users, count = [], {}, 0
    for path in sorted(sources(root)):
        layer = layer_of(path)
        if layer is None:
            errors.append(f"{path}: lies in no layer; add its directory to tests/layers/layers.py")
            continue
        count += 1
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        text = COMMENT.sub(lambda m: "\n" * m.group().count("\n"), text)
        for match in INCLUDE.finditer(text):
            wrong = check_include(root, path, layer, match.group(1), match.group(2), users)
            if wrong:
                line = text.count("\n", 0, match.start(1)) + 1
                errors.append(f"{path}:{line}: {wrong}")
    for (library, _), files in users.items():
        # An adapter is one file, or a folder of its own inside the layer.
        folders = {os.path.dirname(f) for f in files}
        if len(files) > 1 and (len(folders) > 1 or folders & set(ALLOWED)):
            errors.append(f"{library} is included by more than one file: {sorted(files)}")
    return count, errors


SAMPLES = [
    ("runtime/base/a.c", '#include "core/plan.h"\n', "not below runtime/base"),
    ("runtime/base/a.c", "#include <zmq.h>\n", "only runtime/transport"),
    ("runtime/include/gale/a.h", '#include "base/buf.h"\n', "not below runtime/include"),
    ("runtime/include/gale/a.h", "#include <glib.h>\n", "neither the project's"),
    ("runtime/core/a.c", '#include "schedule/schedule.h"\n', "not below runtime/core"),
    ("bolts/a.c", '#include "base/buf.h"\n', "not below bolts"),
    ("bolts/a.c", '#include "../runtime/base/buf.h"\n', "not below bolts"),
    ("runtime/transport/b.c", "#include <zmq.h>\n", "more than one file"),
    ("runtime/transport/zmq/b.c", "#include <zmq.h>\n", "more than one file"),
    ("runtime/other/a.c", "", "no layer"),
    ("runtime/core/a.c", '#include <gale/a.h>\n#include "base/buf.h"\n/* #include <x.h> */\n', None),
]


def self_test():
    """Each sample must be reported, and the good one must not."""
    for path, text, wanted in SAMPLES:
        with tempfile.TemporaryDirectory() as root:
            files = {"runtime/core/plan.h": "", "runtime/base/buf.h": "",
                     "runtime/include/gale/a.h": "", "coordinator/schedule/schedule.h": "",
                     "runtime/transport/zmq.c": "#include <zmq.h>\n"}
            files[path] = text
            for name, content in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write(content)
            errors = check(root)[1]
            found = any(wanted in e for e in errors) if wanted else not errors
            if not found:
                sys.exit(f"self-test: {path} with {text!r} gave {errors}")
    print(f"{len(SAMPLES)} samples judged rightly")


def main():
    if sys.argv[1] == "--self-test":
        self_test()
        return
    count, errors = check(sys.argv[1])
    for error in errors:
        print(error)
    if errors or count == 0:
        sys.exit(f"{len(errors)} errors in {count} files")
    print(f"{count} files, no upward include, no third-party header outside its adapter")


main()
