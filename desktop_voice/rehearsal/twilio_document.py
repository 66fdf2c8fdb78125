"""TwiML documents, read as strictly as Twilio's schema: what it warns of is a violation here."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from desktop_voice.rehearsal.webhooks import WebhookReply


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


_XML_TYPES = ("text/xml", "application/xml")
_LARGEST_BYTES = 64 * 1024
_CALLBACK = "statusCallback statusCallbackMethod"
_LANGUAGE = (
    "code ttsProvider voice transcriptionProvider speechModel hints asrSmartFormat "
    "ttsTextNormalization ttsLanguageTextNormalization"
)
_RELAY = (
    "url welcomeGreeting welcomeGreetingInterruptible interruptible interruptSensitivity "
    "reportInputDuringAgentSpeech dtmfDetection preemptible language ttsLanguage ttsProvider voice "
    "transcriptionLanguage transcriptionProvider speechModel hints profanityFilter partialPrompts "
    "partialPromptOnHangup speechTimeout deepgramSmartFormat asrSmartFormat "
    "elevenlabsTextNormalization ttsTextNormalization ttsLanguageTextNormalization "
    "elevenlabsLanguageTextNormalization ignoreBackchannel backgroundNoiseReduction "
    "echoPromptFiltering turnDetection eagerEotThreshold includeInPrompt applicationReconnect "
    "events debug intelligenceService customerName"
)
_ATTRIBUTES: dict[str, frozenset[str]] = {
    verb: _words(names)
    for verb, names in {
        "Response": "",
        "Say": "voice language loop",
        "Play": "loop digits",
        "Pause": "length",
        "Gather": (
            "action method input timeout speechTimeout maxSpeechTime finishOnKey numDigits "
            "language hints profanityFilter speechModel enhanced bargeIn actionOnEmptyResult "
            "partialResultCallback partialResultCallbackMethod debug"
        ),
        "Redirect": "method",
        "Hangup": "",
        "Reject": "reason",
        "Connect": "action method",
        "Stream": f"url name track {_CALLBACK}",
        "Parameter": "name value",
        "ConversationRelay": _RELAY,
        "Language": _LANGUAGE,
        "Dial": (
            "action method timeout timeLimit callerId answerOnBridge hangupOnStar record ringTone"
        ),
        "Number": f"sendDigits url method statusCallbackEvent {_CALLBACK}",
    }.items()
}
_VERBS = frozenset(
    ["Say", "Play", "Pause", "Gather", "Redirect", "Hangup", "Reject", "Connect", "Dial"]
)
_CHILDREN: dict[str, frozenset[str]] = {
    "Response": _VERBS,
    "Gather": frozenset(("Say", "Play", "Pause")),
    "Connect": frozenset(("Stream", "ConversationRelay")),
    "Stream": frozenset(("Parameter",)),
    "ConversationRelay": frozenset(("Language", "Parameter")),
    "Dial": frozenset(("Number",)),
}
_WHOLE = re.compile(r"[0-9]+")
_BOOLEANS = ("true", "false")
_INTERRUPTIBLE = ("none", "dtmf", "speech", "any", "true", "false")
_VALUES: dict[tuple[str, str], re.Pattern[str] | tuple[str, ...]] = {
    ("Pause", "length"): _WHOLE,
    ("Say", "loop"): _WHOLE,
    ("Play", "digits"): re.compile(r"[0-9A-D#*w]{1,32}"),
    ("Gather", "input"): ("dtmf", "speech", "dtmf speech", "speech dtmf"),
    ("Gather", "timeout"): _WHOLE,
    ("Gather", "speechTimeout"): re.compile(r"auto|[0-9]+"),
    ("Gather", "maxSpeechTime"): _WHOLE,
    ("Gather", "finishOnKey"): re.compile(r"[0-9*#]?"),
    ("Gather", "numDigits"): re.compile(r"[1-9][0-9]*"),
    ("Gather", "bargeIn"): _BOOLEANS,
    ("Gather", "actionOnEmptyResult"): _BOOLEANS,
    ("Gather", "method"): ("GET", "POST"),
    ("Redirect", "method"): ("GET", "POST"),
    ("Connect", "method"): ("GET", "POST"),
    ("Dial", "method"): ("GET", "POST"),
    ("Dial", "timeout"): _WHOLE,
    ("Dial", "timeLimit"): _WHOLE,
    ("Dial", "answerOnBridge"): _BOOLEANS,
    ("Reject", "reason"): ("rejected", "busy"),
    ("Stream", "url"): re.compile(r"wss://[^?#]+"),
    ("Stream", "track"): ("inbound_track",),
    ("ConversationRelay", "url"): re.compile(r"wss://[^?#]+"),
    ("ConversationRelay", "interruptible"): _INTERRUPTIBLE,
    ("ConversationRelay", "welcomeGreetingInterruptible"): _INTERRUPTIBLE,
    ("ConversationRelay", "interruptSensitivity"): ("low", "medium", "high"),
    ("ConversationRelay", "reportInputDuringAgentSpeech"): ("none", "dtmf", "speech", "any"),
    ("ConversationRelay", "dtmfDetection"): _BOOLEANS,
    ("ConversationRelay", "preemptible"): _BOOLEANS,
    ("ConversationRelay", "partialPrompts"): _BOOLEANS,
    ("ConversationRelay", "ttsProvider"): ("Google", "Amazon", "ElevenLabs"),
    ("ConversationRelay", "transcriptionProvider"): ("Google", "Deepgram"),
}
_REQUIRED = {
    "Stream": ("url",),
    "ConversationRelay": ("url",),
    "Parameter": ("name", "value"),
    "Language": ("code",),
}
_LONGEST_SAY = 4096
_LONGEST_HINT = 100
_LONGEST_PARAMETER = 500


class DocumentError(Exception):
    """The document cannot be carried out; the message begins with Twilio's error code."""


def read_reply(reply: WebhookReply, violation: Callable[[str], None]) -> list[Element]:
    """Return the verbs of a webhook's answer, as :func:`read_document`.

    Raises:
        DocumentError: No answer, a status other than 2xx, or no TwiML in it.
    """
    if not reply.ok:
        raise DocumentError(f"11200 the webhook answered {reply.status or 'nothing'}")
    if reply.content_type not in _XML_TYPES:
        raise DocumentError(f"12300 the content type is {reply.content_type or 'missing'}")
    return read_document(reply.body, violation)


def read_document(body: bytes, violation: Callable[[str], None]) -> list[Element]:
    """Return the verbs of a TwiML document.

    What Twilio's schema warns of (12200) is told to ``violation`` and left out.

    Raises:
        DocumentError: It is too long or no TwiML.
    """
    if len(body) > _LARGEST_BYTES:
        raise DocumentError("11750 the TwiML is longer than 64 KiB")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise DocumentError("12100 the document declares entities")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - it declares no entities
    except ElementTree.ParseError as error:
        raise DocumentError(f"12100 the document is not XML: {error}") from error
    if root.tag != "Response":
        raise DocumentError(f"12100 the root is {root.tag} and not Response")
    _check(root, violation)
    return list(root)


def _check(element: Element, violation: Callable[[str], None]) -> None:
    def warn(what: str) -> None:
        violation(f"TwiML 12200: {what}")

    tag = element.tag
    for name, value in list(element.attrib.items()):
        allowed = _VALUES.get((tag, name))
        if name not in _ATTRIBUTES[tag]:
            warn(f"{tag} has no attribute {name}")
            del element.attrib[name]
        elif isinstance(allowed, tuple):
            if value not in allowed:
                warn(f"{tag} {name} cannot be {value!r}")
                del element.attrib[name]
        elif allowed is not None and not allowed.fullmatch(value):
            warn(f"{tag} {name} cannot be {value!r}")
            del element.attrib[name]
    for name in _REQUIRED.get(tag, ()):
        if name not in element.attrib:
            warn(f"{tag} needs a (valid) {name}")
    _check_content(element, warn)
    if tag == "Say":
        return
    for child in list(element):
        if child.tag not in _CHILDREN.get(tag, frozenset()):
            warn(f"{tag} cannot hold {child.tag}")
            element.remove(child)
        else:
            _check(child, violation)


def _check_content(element: Element, warn: Callable[[str], None]) -> None:
    text = (element.text or "").strip()
    match element.tag:
        case "Say":
            spoken = "".join(element.itertext()).strip()
            if not spoken:
                warn("Say has nothing to say (13520)")
            elif len(spoken) > _LONGEST_SAY:
                warn("Say is longer than 4096 characters (13510)")
        case "Redirect" | "Number" if not text:
            warn(f"{element.tag} is empty")
        case "Play" if not text and "digits" not in element.attrib:
            warn("Play has neither an address nor digits")
        case "Connect" if len(element) != 1:
            warn("Connect holds exactly one noun")
        case "Gather":
            if element.get("speechModel") and element.get("speechTimeout") == "auto":
                warn("speechTimeout auto cannot be used with a speechModel (13335)")
            if any(len(hint) > _LONGEST_HINT for hint in element.get("hints", "").split(",")):
                warn("a hint is longer than 100 characters")
        case "Parameter":
            if len(element.get("name", "")) + len(element.get("value", "")) >= _LONGEST_PARAMETER:
                warn("a Parameter's name and value together have 500 characters or more")
