"""`hyperclade embed`: from images or texts to a feature file, in batches that survive an interruption."""

from pathlib import Path


def embed(
    input: str,
    out: str,
    encoder: str | None = None,
    batch_size: int = 64,
    image_column: str = "image",
    label_column: str | None = None,
    name_column: str | None = None,
    id_column: str | None = None,
    background: str = "white",
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Compute features of images or texts with a pretrained encoder.

    An interrupted run continues where it stopped when started again; files that cannot be read are skipped
    and named.

    Parameters
    ----------
    input : str
        Folder of images (their parent folders become labels), Parquet file of encoded images, or text file
        with one text per line.
    out : str
        Feature file to write: .npy, .npz, .parquet or .csv, with ids, labels and names.
    encoder : str, optional
        efficientnet-lite0 (default for images), all-minilm-l6-v2 (default for texts), or a transformers model
        by its Hugging Face name or local folder.
    batch_size : int
        Images or texts at a time.
    image_column : str
        Column of a Parquet input that holds the encoded images.
    label_column : str, optional
        Column of a Parquet input with labels (default: "label" if there).
    name_column : str, optional
        Column of a Parquet input with names (default: "name" if there).
    id_column : str, optional
        Column of a Parquet input with ids (default: "id" if there, else the row number).
    background : str
        Colour that transparent parts of images are laid on, as CSS names it.
    device : str
        auto, cpu, cuda or cuda:N.
    overwrite : bool
        Replace OUT if it exists.
    """
    from hyperclade.cli.console import bar, console
    from hyperclade.data.embedding import embed_to_file, partial_folder
    from hyperclade.data.opening import IMAGE_SUFFIXES, passed_over
    from hyperclade.progress import say_if, say_list

    on = console()
    try:
        with bar() as (progress, say):
            summary = embed_to_file(
                input, out, encoder, batch_size=batch_size, image_column=image_column,
                label_column=label_column, name_column=name_column, id_column=id_column,
                background=background, device=device, overwrite=overwrite, progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        partial = partial_folder(Path(out))
        on.print(f"Interrupted. The finished batches are kept in {partial}; run again to continue.")
        raise
    resumed = f", {summary.n_resumed} of them from the interrupted run" if summary.n_resumed else ""
    on.print(f"{summary.n_rows} rows × {summary.dim} by {summary.encoder}{resumed} → {summary.out}")
    say_if(say, passed_over(input, IMAGE_SUFFIXES))
    skipped = [f"{key}: {reason}" for key, reason in summary.skipped]
    say_list(say, f"{len(skipped)} skipped, listed in {summary.skipped_list}:", skipped, most=10)
