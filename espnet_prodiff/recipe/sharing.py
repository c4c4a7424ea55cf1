"""A packed voice as a repository of the Hugging Face hub, with its card."""

import importlib.util
import logging
import re
import tempfile
import zipfile
from pathlib import Path

import yaml

from espnet_prodiff.errors import ArchiveError, InputError, UserError
from espnet_prodiff.extras import install_command
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.card import CARD, PLACE
from espnet_prodiff.recipe.options import Options

log = logging.getLogger("recipe")

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def upload(options: Options) -> None:
    """Stage 11: what stage 10 has packed becomes ``hf_repo``.

    Raises:
        UserError: See `share`.
        FileNotFoundError: Nothing is packed yet.
    """
    share(naming.packed_model(options), options.hf_repo, options.license)


def share(packed: Path, repository: str, licence: str = "") -> str:
    """Upload a packed voice, unpacked, so that its name speaks anywhere.

    Its card gets the repository's name and the licence. A new repository is public; one
    that is there, private or not, gets a commit. Who you are the hub knows from
    ``hf auth login`` or ``HF_TOKEN``.

    Args:
        packed: A zip with a card, as stage 10 and ``espnet-prodiff train`` make it.
        repository: ``user/name``.
        licence: By the hub's name; empty: that of the card.

    Returns:
        The address of the commit.

    Raises:
        FileNotFoundError: There is no such zip.
        ModuleNotFoundError: huggingface_hub is not installed.
        UserError: It is no packed voice, or the hub refuses it.
    """
    if not REPOSITORY.fullmatch(repository):
        raise InputError(f"the repository is {repository!r}, expected user/name")
    if not packed.is_file():
        raise FileNotFoundError(f"{packed} does not exist: pack it first (stage 10)")
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ModuleNotFoundError(
            f"the hub needs huggingface_hub: {install_command('share')}"
        )
    import huggingface_hub  # slow to import, as is ESPnet
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    from espnet_prodiff.inference.archive import check_archive

    check_archive(packed)
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(packed) as archive:
        archive.extractall(name)
        card = Path(name) / CARD
        if not card.is_file():
            raise ArchiveError(f"{packed} has no card ({CARD}): pack it with stage 10")
        text = complete_card(card.read_text(encoding="utf-8"), repository, licence)
        write_text(card, text)
        api = huggingface_hub.HfApi(library_name="espnet_prodiff")
        try:
            api.create_repo(repository, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repository,
                folder_path=name,
                commit_message=f"A voice of espnet_prodiff: {packed.name}",
            )
        except (HfHubHTTPError, LocalTokenNotFoundError, OSError) as error:
            raise UserError(
                f"{repository} cannot be uploaded: {error}\n"
                "Log in with 'hf auth login', or set HF_TOKEN"
            ) from error
    return str(commit.commit_url)


def complete_card(card: str, repository: str, licence: str) -> str:
    """Return a card with the repository's name and, if given, the licence."""
    before, front, body = card.split("---\n", 2)
    entries = yaml.safe_load(front)
    if licence:
        entries["license"] = licence
        body = re.sub(r"(?m)^- Licence: .*$", f"- Licence: {licence}", body)
    elif "license" not in entries:
        log.warning("%s has no licence: nobody may use it (--license)", repository)
    front = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)
    return f"{before}---\n{front}---\n{body.replace(PLACE, repository)}"
