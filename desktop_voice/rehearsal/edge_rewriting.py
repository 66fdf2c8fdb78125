"""What a meddling proxy on the way to the app does to a request."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from desktop_voice.rehearsal.edge_faults import RewriteFault
from desktop_voice.rehearsal.edge_http import Head

ADDED_QUERY = "via=proxy"


def rewrite_head(head: Head, kind: RewriteFault) -> Head:
    """Return the request's head after ``strip_prefix``, ``add_query`` or ``drop_signature``.

    ``strip_prefix`` takes the path's first segment away, ``add_query`` adds a parameter at the end,
    ``drop_signature`` drops every header whose name has "signature" in it.
    """
    if kind == "drop_signature":
        names = [name.lower() for name, _ in head.headers]
        return head.without(name for name in names if "signature" in name)
    path, mark, query = head.target.partition("?")
    if kind == "strip_prefix":
        path = "/" + path.removeprefix("/").partition("/")[2]
    elif kind == "add_query":
        mark, query = "?", "&".join(filter(None, (query, ADDED_QUERY)))
    method, _, version = head.start.split(" ", 2)
    return Head(f"{method} {path}{mark}{query} {version}", head.headers)


def rewrite_body(head: Head, body: bytes) -> tuple[Head, bytes]:
    """Return head and body in another encoding: a form as JSON, JSON in other JSON."""
    kind = head.get("content-type").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        body = json.dumps(dict(pairs)).encode()
        head = head.without(["content-type"]).plus(("Content-Type", "application/json"))
    elif kind == "application/json":
        try:
            body = json.dumps(json.loads(body), indent=1).encode()
        except ValueError:
            body += b"\n"
    head = head.without(["content-length", "transfer-encoding"])
    return head.plus(("Content-Length", str(len(body)))), body
