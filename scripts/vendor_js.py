"""Copy third-party browser code, unmodified, from the pinned npm packages into the source tree.

Run it after changing a version in package.json: `python scripts/vendor_js.py`. It needs npm; those
who run Tocsin do not. With `--check` it only compares and fails when the tree differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "src/tocsin/web/static/vendor"

# Package → the module that its bare name means to an import map ("" for none), and what is copied.
PACKAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    **{
        f"@codemirror/{name}": ("dist/index.js", ("dist/index.js",))
        for name in (
            "autocomplete",
            "commands",
            "language",
            "lint",
            "state",
            "streamparser",
            "view",
        )
    },
    **{
        f"@lezer/{name}": ("dist/index.js", ("dist/index.js",))
        for name in ("common", "highlight", "lr")
    },
    "@marijn/find-cluster-break": ("src/index.js", ("src/index.js",)),
    "@prometheus-io/codemirror-promql": ("dist/esm/index.js", ("dist/esm/**/*.js",)),
    "@prometheus-io/lezer-promql": ("dist/index.es.js", ("dist/index.es.js",)),
    "crelt": ("index.js", ("index.js",)),
    "htmx.org": ("", ("dist/htmx.min.js",)),
    "lru-cache": ("dist/esm/browser/index.min.js", ("dist/esm/browser/index.min.js",)),
    "style-mod": ("src/style-mod.js", ("src/style-mod.js",)),
    "uplot": ("dist/uPlot.esm.js", ("dist/uPlot.esm.js", "dist/uPlot.min.css")),
    "w3c-keyname": ("index.js", ("index.js",)),
}


def main() -> None:
    """Install what the lock file names and copy the listed files, their licences and a manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check: bool = parser.parse_args().check
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True
    )
    wanted = gather()
    if check:
        there = {
            path.relative_to(VENDOR).as_posix(): path.read_bytes()
            for path in VENDOR.rglob("*")
            if path.is_file()
        }
        different = sorted(n for n in wanted.keys() | there.keys() if wanted.get(n) != there.get(n))
        sys.exit(f"vendored files differ from package-lock.json: {different}" if different else 0)
    shutil.rmtree(VENDOR, ignore_errors=True)
    for name, content in wanted.items():
        target = VENDOR / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    print(f"{len(wanted)} files, {sum(map(len, wanted.values())):,} bytes in {VENDOR}")


def gather() -> dict[str, bytes]:
    """Every vendored file by its path below `vendor/`, the manifest among them."""
    files: dict[str, bytes] = {}
    manifest = []
    for package, (entry, patterns) in sorted(PACKAGES.items()):
        home = MODULES / package
        described = json.loads((home / "package.json").read_text("utf-8"))
        paths = [path for pattern in (*patterns, "LICENSE*") for path in sorted(home.glob(pattern))]
        for path in paths:
            files[f"{package}/{path.relative_to(home).as_posix()}"] = path.read_bytes()
        manifest.append(
            {
                "package": package,
                "version": described["version"],
                "licence": described["license"],
                "module": f"{package}/{entry}" if entry else "",
                "sha256": {
                    str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
                    for path in paths
                },
            }
        )
    files["manifest.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    return files


if __name__ == "__main__":
    main()
