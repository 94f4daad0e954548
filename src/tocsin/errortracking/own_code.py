"""Is a call of a stack the application's own code, or of what it uses?"""

from __future__ import annotations

import re

_FOREIGN_PATHS = re.compile(
    r"site-packages/|dist-packages/|/lib/python\d|lib/python3|node_modules/|^node:|^internal/"
    r"|/vendor/|^vendor/|/gems/|/ruby/\d|/usr/lib/|/usr/local/lib/|/go/pkg/mod/|/usr/local/go/"
    r"|/rustc/|\.cargo/registry|<frozen |^<string>|webpack/bootstrap|/runtime/|^native$",
    re.IGNORECASE,
)
_FOREIGN_MODULES = {
    "java": (
        "java.",
        "javax.",
        "jakarta.",
        "sun.",
        "com.sun.",
        "jdk.",
        "kotlin.",
        "kotlinx.",
        "scala.",
        "groovy.",
        "android.",
        "androidx.",
        "org.springframework.",
        "org.apache.",
        "org.hibernate.",
        "org.junit.",
        "io.netty.",
        "reactor.",
    ),
    "csharp": ("System.", "Microsoft.", "MS.", "System", "Npgsql.", "Newtonsoft."),
    "go": ("runtime", "net/", "net", "database/", "testing", "reflect", "sync", "syscall", "os"),
    "native": ("std::", "core::", "alloc::", "__libc", "_start"),
    "rust": ("std::", "core::", "alloc::", "tokio::", "futures"),
}
_BARE_NODE = re.compile(r"[a-z_]+(?:/[a-z_]+)*\.js")


def is_own(platform: str, *, module: str, path: str) -> bool:
    """By the file's path and the module's name; what is unknown counts as own."""
    if path and _FOREIGN_PATHS.search(path.replace("\\", "/")):
        return False
    if platform == "node" and _BARE_NODE.fullmatch(path):
        return False  # Node's own modules before 16: "events.js", "internal/timers.js"
    for start in _FOREIGN_MODULES.get(platform, ()):
        if module.startswith(start) and (start[-1] in "./:" or module == start):
            return False
    return True
