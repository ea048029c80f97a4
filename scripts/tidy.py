#!/usr/bin/env python3
"""Runs clang-tidy over the sources named on standard input, but only where something has changed.

  git ls-files '*.cpp' | scripts/tidy.py BUILD_DIR JOBS

A source that came out clean is remembered by the SHA-256 of everything the verdict depends on: the tool's version, its
configuration, the compiler's command, and every file that the source includes, the system's too. Exit status 1 if
anything was found; whatever was found is printed, and nothing is remembered of it.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import threading

TIDY = "clang-tidy-19"


class FileHashes:
    """Hashes of files, each read once; headers are shared by nearly all sources."""

    def __init__(self):
        self._known = {}
        self._lock = threading.Lock()

    def of(self, path):
        with self._lock:
            known = self._known.get(path)
        if known is None:
            known = hashlib.sha256(path.read_bytes()).digest()
            with self._lock:
                self._known[path] = known
        return known


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(base) / "tallygate" / "tidy"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def configurations(source, root):
    """The .clang-tidy files that may apply, nearest first."""
    for folder in source.parents:
        candidate = folder / ".clang-tidy"
        if candidate.is_file():
            yield candidate
        if folder == root:
            return


def dependencies(command, folder):
    """Every file the source is made of, as the compiler itself lists them in a make rule."""
    words = [word for word in command if word != "-c"]
    if "-o" in words:
        at = words.index("-o")
        del words[at : at + 2]
    rule = subprocess.run([*words, "-M"], cwd=folder, check=True, capture_output=True, text=True).stdout
    names = rule.split(":", 1)[1].replace("\\\n", " ").split()
    return sorted(pathlib.Path(folder, name) for name in names)


class Checker:
    def __init__(self, root, build):
        self.root = root
        self.build = build
        self.hashes = FileHashes()
        self.cache = cache_folder()
        self.version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
        database = json.loads((build / "compile_commands.json").read_text())
        self.commands = {pathlib.Path(one["file"]).resolve(): one for one in database}

    def name(self, path):
        """Paths inside the tree by their name in it, so that another checkout finds the same verdict."""
        return str(path).replace(str(self.root), ".").encode()

    def key(self, source):
        entry = self.commands.get(source)
        if entry is None:
            return None
        command = shlex.split(entry["command"])
        digest = hashlib.sha256(self.version)
        digest.update(self.name(" ".join(command)))
        for path in [*configurations(source, self.root), *dependencies(command, entry["directory"])]:
            digest.update(b"\0" + self.name(path.resolve()) + b"\0" + self.hashes.of(path))
        return digest.hexdigest()

    def check(self, source):
        """Whether the source is clean, and what there is to be said about it."""
        try:
            key = self.key(source)
        except subprocess.CalledProcessError as failure:
            return False, failure.stderr
        if key is None:
            return False, f"{source}: in no target of {self.build}, so no command is known for it\n"
        if (self.cache / key).exists():
            return True, ""
        run = subprocess.run([TIDY, "--quiet", "-p", str(self.build), str(source)], capture_output=True, text=True)
        if run.returncode == 0 and not run.stdout:
            (self.cache / key).touch()
            return True, ""
        return False, run.stdout + run.stderr


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    checker = Checker(root, pathlib.Path(sys.argv[1]).resolve())
    sources = [(root / line.strip()).resolve() for line in sys.stdin if line.strip()]
    found = 0
    with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as pool:
        for source, (clean, said) in zip(sources, pool.map(checker.check, sources)):
            if not clean:
                found += 1
                print(f"{source.relative_to(root)}:\n{said}", flush=True)
    print(f"clang-tidy: {len(sources)} files, {found} with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
