"""One wire protocol a file: bytes in, a batch out; no storage, no HTTP."""
