"""PromQL's functions, one family a file; `..registry` lists them all."""
