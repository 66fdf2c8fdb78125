"""Genuine webhooks in great variety, and everything that a forger might send instead."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote_plus, urlencode

from desktop_voice.telephony.carriers.carrier import WebhookRequest

Pairs = list[tuple[str, str]]
Case = tuple[str, WebhookRequest]
Sign = Callable[[str, Pairs, str], dict[str, tuple[str, ...]]]
"""Signs a URL and the form's fields with a token: what a carrier adds to the headers."""

FORM = "application/x-www-form-urlencoded"
WORDS = (
    "yes",
    "",
    " ",
    "no thanks",
    "1+1=2 & more",
    "ü",
    "東京",
    "😀",
    "a\nb",
    "%41",
    "<b>",
    "'\"",
    "~",
)
NAMES = ("Digits", "SpeechResult", "Caller_Name", "a", "Z", "_x", "FromCity", "SIP-H-Foo", "naïve")
FORWARDED = (
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-for",
    "x-forwarded-port",
    "forwarded",
    "x-original-url",
)
SPOOFS = ("evil.example", "https", "127.0.0.1", "host=evil.example;proto=https")


def posted(url: str, pairs: Pairs, headers: Mapping[str, tuple[str, ...]]) -> WebhookRequest:
    """Return a form as it is posted."""
    body = urlencode(pairs).encode()
    return WebhookRequest("POST", url, {"content-type": (FORM,), **headers}, body)


def random_form(dice: random.Random, most: int = 12) -> Pairs:
    """Return fields with blanks, repetitions, unicode and markup."""
    pairs = []
    for _ in range(dice.randrange(most)):
        name = dice.choice(NAMES)
        value = "".join(dice.choice(WORDS) for _ in range(dice.randrange(4)))
        pairs += [(name, value)] * dice.choice((1, 1, 1, 2))
    dice.shuffle(pairs)
    return pairs


def mutations(
    dice: random.Random, genuine: WebhookRequest, signed_headers: tuple[str, ...], count: int
) -> Iterator[WebhookRequest]:
    """Yield the request with one byte of its URL, its body or a signed header changed."""
    for _ in range(count):
        match dice.randrange(3):
            case 0:
                url = _mutated(dice, genuine.url.encode()).decode("latin-1")
                yield replace(genuine, url=url)
            case 1:
                yield replace(genuine, body=_mutated(dice, genuine.body))
            case _:
                name = dice.choice(signed_headers)
                value = _mutated(dice, genuine.headers[name][0].encode()).decode("latin-1")
                yield replace(genuine, headers={**genuine.headers, name: (value,)})


def _mutated(dice: random.Random, raw: bytes) -> bytes:
    place = dice.randrange(len(raw))
    match dice.randrange(3):
        case 0:
            changed = raw[place] ^ dice.randrange(1, 256)
            return raw[:place] + bytes([changed]) + raw[place + 1 :]
        case 1:
            return raw[:place] + raw[place + 1 :]
        case _:
            return raw[:place] + bytes([dice.randrange(256)]) + raw[place:]


def forged(
    url: str, pairs: Pairs, token: str, sign: Sign, signed_headers: tuple[str, ...]
) -> list[Case]:
    """Return requests of which none is genuine, each with what is wrong with it."""
    genuine = posted(url, pairs, sign(url, pairs, token))
    return [
        *_headers(genuine, signed_headers),
        *_keys(url, pairs, token, sign),
        *_addresses(genuine),
        *_bodies(genuine, pairs),
        *_methods(genuine),
        *_forwarded(url, pairs, token, sign),
    ]


def _headers(genuine: WebhookRequest, names: tuple[str, ...]) -> Iterator[Case]:
    for name in names:
        value = genuine.headers[name][0]
        without = {key: kept for key, kept in genuine.headers.items() if key != name}
        yield f"{name} missing", replace(genuine, headers=without)
        bad: dict[str, tuple[str, ...]] = {
            "empty": ("",),
            "none": (),
            "blank": (" ",),
            "twice": (value, value),
            "twice, the first wrong": ("x", value),
            "twice, the second wrong": (value, "x"),
            "cut": (value[:-1],),
            "without its first": (value[1:],),
            "longer": (value + "A",),
            "padded": (value + "=",),
            "leading space": (" " + value,),
            "trailing space": (value + " ",),
            "line break": (value + "\n",),
            "upper case": (value.upper() + "x",),
            "swapped case": (value.swapcase() + "x",),
            "reversed": (value[::-1] + "x",),
            "quoted": (f'"{value}"',),
            "named": (f"sha1={value}",),
            "null": ("null",),
            "undefined": ("undefined",),
            "zeros": ("A" * 27 + "=",),
            "nul byte": (value + "\0",),
            "not ASCII": (value[:-1] + "é",),
            "surrogate": (value + "\udcff",),
            "huge": (value * 1000,),
            "joined": (f"{value};{value}",),
            "empty list": (",",),
            "list with a hole": (f",{value}",),
        }
        for what, values in bad.items():
            yield f"{name} {what}", replace(genuine, headers={**genuine.headers, name: values})


def _keys(url: str, pairs: Pairs, token: str, sign: Sign) -> Iterator[Case]:
    wrong = [
        token[:-1],
        token[1:],
        token + "\n",
        token + " ",
        " " + token,
        token[::-1],
        token.swapcase() + "x",
        token * 2,
        "x",
        "0" * len(token),
        "f" * len(token),
        "changeme",
        "undefined",
        "None",
        "null",
        "password",
        token[:16],
        token[16:],
        quote_plus(token) + "=",
        "é" + token,
    ]
    for place in range(0, len(token), 2):
        other = "0" if token[place] != "0" else "1"
        wrong.append(token[:place] + other + token[place + 1 :])
    for key in wrong:
        yield f"signed with {key!r}", posted(url, pairs, sign(url, pairs, key))


def _addresses(genuine: WebhookRequest) -> Iterator[Case]:
    url = genuine.url
    scheme, _, rest = url.partition("://")
    host, _, tail = rest.partition("/")
    path, _, query = tail.partition("?")
    spelled = [
        f"http://{rest}",
        f"wss://{rest}",
        f"HTTPS://{rest}",
        f"{scheme}:/{rest}",
        rest,
        "",
        f"{scheme}://evil.example/{tail}",
        f"{scheme}://evil.{host}/{tail}",
        f"{scheme}://{host}.evil.example/{tail}",
        f"{scheme}://{host}./{tail}",
        f"{scheme}://{host.upper()}/{tail}",
        f"{scheme}://{host[1:]}/{tail}",
        f"{scheme}://user@{host}/{tail}",
        f"{scheme}://user:pass@{host}/{tail}",
        f"{scheme}://{host}@evil.example/{tail}",
        f"{scheme}://{host}:port/{tail}",
        f"{scheme}://{host}:99999/{tail}",
        f"{scheme}://{host}//{tail}",
        f"{scheme}://{host}/./{tail}",
        f"{scheme}://{host}/x/../{tail}",
        f"{scheme}://{host}/{path}/?{query}",
        f"{scheme}://{host}/{path};x?{query}",
        f"{scheme}://{host}/{path}%2F?{query}",
        f"{scheme}://{host}/{path.upper()}?{query}",
        f"{scheme}://{host}/{path.replace('a', '%61', 1)}?{query}",
        f"{scheme}://{host}/{path[:-1]}?{query}",
        f"{scheme}://{host}/{path}x?{query}",
        f"{scheme}://{host}/{path.rpartition('/')[0]}/telnyx?{query}",
        f"{scheme}://{host}/?{query}",
        f"{scheme}://{host}/{path}",
        f"{scheme}://{host}/{path}?",
        f"{url}&",
        f"{url}&x",
        f"{url}&x=",
        f"{url}&x=1",
        f"{url}#",
        f"{url}#fragment",
        f"{url}?",
        f"{url} ",
        f"{url}\t",
        f"{url}\n",
        f"{url}\0",
        f"{url}é",
        f"{url}%",
        f"{url}%00",
        f"{scheme}://{host}/{path}?x=1&{query}",
        f"{scheme}://{host}/{path}?&{query}",
        f"{scheme}://{host}/{path}?{query}&{query}",
        f"{scheme}://{host}/{path}?{query.replace('&', ';')}",
        f"{scheme}://{host}/{path}?{query.replace('=', '%3D')}",
        f"{scheme}://{host}/{path}?{query.upper()}",
    ]
    fields = query.split("&")
    for place, field in enumerate(fields):
        name, _, value = field.partition("=")
        others = fields[:place] + fields[place + 1 :]
        for bad in (
            f"{name}={value}x",
            f"{name}=",
            f"{name}",
            f"{name}x={value}",
            f"{field}&{field}",
        ):
            spelled.append(f"{scheme}://{host}/{path}?{'&'.join([*others, bad])}")
        spelled.append(f"{scheme}://{host}/{path}?{'&'.join(others)}")
    for other in spelled:
        yield f"sent to {other!r}", replace(genuine, url=other)


def _bodies(genuine: WebhookRequest, pairs: Pairs) -> Iterator[Case]:
    def with_body(body: bytes) -> WebhookRequest:
        return replace(genuine, body=body)

    def with_type(*types: str) -> WebhookRequest:
        return replace(genuine, headers={**genuine.headers, "content-type": types})

    for place, (name, value) in enumerate(pairs):
        others = [*pairs[:place], *pairs[place + 1 :]]
        for what, changed in {
            "removed": [],
            "changed": [(name, value + "x")],
            "followed by a space": [(name, value + " ")],
            "preceded by a space": [(name, " " + value)],
            "renamed": [(name + "x", value)],
            "lower case": [(name.swapcase(), value)],
            "sent twice, once wrong": [(name, value), (name, value + "x")],
            "moved into the name": [(name + value + "x", "")],
        }.items():
            yield f"{name} {what}", with_body(urlencode([*others, *changed]).encode())
        yield (
            f"{name} without =",
            with_body("&".join([urlencode(others), name + quote_plus(value)]).encode()),
        )
    body = genuine.body
    for what, raw in {
        "empty": b"",
        "cut": body[:-2],
        "doubled": body + b"&" + body,
        "with a further field": body + b"&Admin=1",
        "with a further blank field": body + b"&Admin=",
        "with a nameless field": body + b"&=1",
        "with an empty field": body + b"&&x=1",
        "ending in &": body + b"&",
        "beginning with &": b"&" + body,
        "with semicolons": body.replace(b"&", b";"),
        "with a byte order mark": b"\xef\xbb\xbf" + body,
        "in UTF-16": body.decode().encode("utf-16"),
        "with broken UTF-8": body + b"&x=%ff",
        "with half an escape": body + b"&x=%4",
        "with a wrong escape": body + b"&x=%zz",
        "with raw unicode": body + "&x=ü".encode(),
        "with a line break": body + b"\r\n",
        "with a nul": body + b"\0",
        "with 400 fields": body + b"&x=" * 400,
        "JSON": b'{"CallSid":"CA"}',
        "XML": b"<Response/>",
        "huge": body + b"&x=" + b"a" * 100_000,
    }.items():
        yield f"body {what}", with_body(raw)
    for types in (
        (),
        ("",),
        ("text/plain",),
        ("multipart/form-data; boundary=x",),
        ("application/json",),
        ("application/json; charset=utf-8",),
        ("application/xml",),
        (FORM, FORM),
        (FORM, "application/json"),
        (f"{FORM}, application/json",),
        ("application/x-www-form-urlencoded2",),
    ):
        yield f"content type {types}", with_type(*types)


def _methods(genuine: WebhookRequest) -> Iterator[Case]:
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "post", "POST ", ""):
        yield f"method {method!r}", replace(genuine, method=method)


def _forwarded(url: str, pairs: Pairs, token: str, sign: Sign) -> Iterator[Case]:
    """Signed for somebody else's address, sent to ours with headers that claim it."""
    elsewhere = url.replace("://", "://evil.", 1)
    signed = sign(elsewhere, pairs, token)
    for name in FORWARDED:
        for spoof in SPOOFS:
            headers = {**signed, name: (spoof,), "host": ("evil.example",)}
            yield f"{name}: {spoof}", posted(url, pairs, headers)
