"""Models of the Hugging Face hub, which may not be there: that shows at once, not after many retries."""

import socket
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_PATIENCE = 1.5  # seconds


def hub_source(what: str, name: str) -> str:
    """What `transformers` is to load for a hub's name: the name or, without the hub, its copy kept here.

    Raises ValueError where there is neither.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.utils import HFValidationError, LocalEntryNotFoundError

    if not constants.HF_HUB_OFFLINE and _answers(constants.ENDPOINT):
        return name
    why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT} does not answer"
    try:
        return snapshot_download(name, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise ValueError(
            f"{what}: no such folder, no copy of a hub's model of that name in {constants.HF_HUB_CACHE}, and "
            f"{why}. Give a local folder, or load it once with a connection"
        ) from error


def _answers(endpoint: str) -> bool:
    """Whether something listens at an address, or at the proxy on the way to it."""
    address = urlsplit(endpoint)
    proxy = None if proxy_bypass(address.hostname or "") else getproxies().get(address.scheme)
    if proxy is not None:
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = address.port or (443 if address.scheme == "https" else 80)
    found: list[bool] = []

    def ask() -> None:
        try:
            socket.create_connection((address.hostname or "", port), timeout=_PATIENCE).close()
        except OSError:
            return
        found.append(True)

    # A name server that does not answer keeps to no time limit, so nobody waits for it.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    return bool(found)
