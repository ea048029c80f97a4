"""Small file systems of a test's own, in a mount namespace that ends with it."""

import os
import subprocess
import sys
from pathlib import Path

INSIDE = "TALLYGATE_E2E_MOUNTS"


def enter():
    """Starts this program again in a mount namespace, unless it is in one. Needs root or user namespaces."""
    if os.environ.get(INSIDE):
        return
    who = [] if os.geteuid() == 0 else ["--map-root-user"]
    said = ""
    # Where the root is no mount point, as in a chroot, its propagation cannot be changed.
    for propagation in ("private", "unchanged"):
        command = ["unshare", *who, "--mount", "--propagation", propagation]
        tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            os.execvpe("unshare", [*command, sys.executable, *sys.argv], {**os.environ, INSIDE: "own"})
        said = tried.stderr
    sys.exit(f"this test mounts small file systems and needs root or user namespaces: {said}")


class SmallDisk:
    """A tmpfs of `size_mib` on a folder, unmounted by remove()."""

    def __init__(self, folder, size_mib):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0700", "tallygate-e2e", self.folder],
                       check=True, capture_output=True)

    def fill(self):
        """Takes every free byte."""
        with open(self.folder / "filler", "wb", buffering=0) as filler:
            block = b"\0" * 4096
            while True:
                try:
                    filler.write(block)
                except OSError:
                    return

    def unfill(self):
        (self.folder / "filler").unlink()

    def remove(self):
        subprocess.run(["umount", "-l", self.folder], check=False, capture_output=True)


def freeze(*paths):
    """Makes files immutable, for root too; thaw() undoes it."""
    subprocess.run(["chattr", "+i", *map(str, paths)], check=True, capture_output=True)


def thaw(*paths):
    subprocess.run(["chattr", "-i", *map(str, paths)], check=False, capture_output=True)
