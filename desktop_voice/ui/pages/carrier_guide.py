"""What each carrier needs and where its console shows it; words and shapes, no Qt."""

from __future__ import annotations

import re
from dataclasses import dataclass

from desktop_voice.core.calls import CarrierName


@dataclass(frozen=True, slots=True)
class KeyGuide:
    """One key: its name in the vault, its name in the console, and what it looks like."""

    name: str
    title: str
    shape: str
    pattern: str
    where: str = ""

    def looks_right(self, value: str) -> bool:
        """Whether ``value`` has the key's shape; only a hint, the set-up checks for certain."""
        return re.fullmatch(self.pattern, value, re.ASCII) is not None


@dataclass(frozen=True, slots=True)
class CarrierGuide:
    """One carrier in the words of its own console."""

    title: str
    needs: str
    where: str
    buy: str
    keys: tuple[KeyGuide, ...]


CARRIERS = {
    CarrierName.TWILIO: CarrierGuide(
        title="Twilio",
        needs="Account SID and Auth Token.",
        where="You need an account at Twilio; a trial account calls only numbers that you have "
        "verified there. Both keys stand on the first page of the Twilio Console, under "
        "“Account Info”.",
        buy="Buy one with “Voice” in the Twilio Console, under Phone Numbers, Buy a number.",
        keys=(
            KeyGuide(
                "twilio_account_sid",
                "Account SID",
                "AC and 32 hexadecimal digits",
                "AC[0-9a-fA-F]{32}",
            ),
            KeyGuide(
                "twilio_auth_token",
                "Auth Token",
                "32 hexadecimal digits",
                "[0-9a-fA-F]{32}",
            ),
        ),
    ),
    CarrierName.TELNYX: CarrierGuide(
        title="Telnyx",
        needs="API key, public key and the ID of a Call Control application.",
        where="You need an account at Telnyx with a Call Control application. All three keys "
        "stand in the Telnyx Mission Control Portal.",
        buy="Buy one with voice in the Telnyx portal, under Numbers, Search & Buy Numbers.",
        keys=(
            KeyGuide(
                "telnyx_api_key",
                "API key",
                "KEY and a long row of letters and digits",
                "KEY[A-Za-z0-9_-]{20,200}",
                "In the portal under “API Keys”.",
            ),
            KeyGuide(
                "telnyx_public_key",
                "Public key",
                "44 characters that end in “=”",
                r"[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{59}=|-----BEGIN[^\0]*",
                "In the portal under “Keys & Credentials”, “Public Key”.",
            ),
            KeyGuide(
                "telnyx_connection_id",
                "Application ID",
                "10 to 25 digits",
                "[0-9]{10,25}",
                "In the portal under “Voice”, “Programmable Voice”: make a Call Control "
                "application there if there is none.",
            ),
        ),
    ),
    CarrierName.PLIVO: CarrierGuide(
        title="Plivo",
        needs="Auth ID and Auth Token.",
        where="You need an account at Plivo. Both keys stand on the Overview page of the "
        "Plivo console.",
        buy="Buy one with voice in the Plivo console, under Phone Numbers, Buy Numbers.",
        keys=(
            KeyGuide(
                "plivo_auth_id",
                "Auth ID",
                "MA or SA and 18 capital letters or digits",
                "(?:MA|SA)[A-Z0-9]{18}",
            ),
            KeyGuide(
                "plivo_auth_token",
                "Auth Token",
                "20 to 80 letters and digits",
                "[A-Za-z0-9]{20,80}",
            ),
        ),
    ),
}

CLOUDFLARE_TOKEN = KeyGuide(
    "cloudflare_tunnel_token",
    "Tunnel token",
    "a long row of letters and digits that begins with eyJ",
    "eyJ[A-Za-z0-9+/_=-]{40,}",
    "In the Cloudflare dashboard under Zero Trust, Networks, Tunnels: the last word of the "
    "command that it shows for your tunnel.",
)
NGROK_TOKEN = KeyGuide(
    "ngrok_authtoken",
    "Authtoken",
    "at least 20 letters, digits and “_”",
    "[A-Za-z0-9_]{20,100}",
    "In the ngrok dashboard under “Your Authtoken”.",
)
