"""Send messages to people through apprise; no other module imports it.

The addresses hold passwords and tokens.  They come from an environment variable whose name the recipe gives,
and are neither logged nor written anywhere, nor put into any message or exception.
"""

from __future__ import annotations

import logging
import os


def send(urls_env: str, title: str, body: str) -> str:
    """Return the send to every address in the environment variable ``urls_env``.

    Spaces, commas or newlines separate them; apprise tells such a comma from one inside an address.

    If it is not set, nobody wants to hear: shipped recipes name one that most people never set.

    Returns:
        A warning if something was not sent, else an empty string; a message that fails is no reason to fail.
    """
    addresses = os.environ.get(urls_env, "").strip()
    if not addresses:
        return ""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its warnings quote addresses
    outlet = apprise.Apprise()
    known = outlet.add(addresses)
    sent = bool(outlet.notify(title=title, body=body)) if len(outlet) else False
    if not known:
        return f"{urls_env} holds something that is no address that apprise knows"
    return "" if sent else f"a notification could not be sent to the addresses in {urls_env}"
