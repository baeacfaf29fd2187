"""`hyperclade query`: the nearest items of an index, and their way down its hierarchy."""


def query(
    folder: str,
    inputs: str | None = None,
    *,
    id: str | None = None,
    number: int = 10,
    json: bool = False,
    page: str | None = None,
    device: str = "auto",
) -> None:
    """Ask an index for what is nearest to an image, a text, or one of its items.

    Parameters
    ----------
    folder : str
        Index that `hyperclade index` has made.
    inputs : str, optional
        An image, a folder of images, or, where the model reads them, a text; of an index of features a
        feature file.
    id : str, optional
        Instead: an item of the index, by its id.
    number : int
        Items to answer with.
    json : bool
        Write a JSON document, and nothing else.
    page : str, optional
        Also write queries and answers as one HTML file with their images.
    device : str
        auto, cpu, cuda or cuda:N.
    """
    import sys
    from functools import partial
    from pathlib import Path

    from hyperclade.cli.console import console, table
    from hyperclade.progress import say_skipped
    from hyperclade.retrieval.answers import as_json, ask, lines
    from hyperclade.retrieval.gallery import write_gallery
    from hyperclade.retrieval.index import Index

    on, index = console(), Index(folder)
    answers, skipped = ask(index, inputs, id=id, number=number, device=device)
    if page is not None:
        write_gallery(Path(page), index, answers)
    say_skipped(partial(print, file=sys.stderr), skipped, "images")
    if json:
        print(as_json(answers))
        return
    for answer in answers:
        on.print(f"\n{answer.query}")
        rows = [(item["id"], item["label"] or "", f"{item['distance']:.4f}") for item in answer.items]
        on.print(table(("nearest", "label", "distance"), rows, left=2))
        for line in lines(answer):
            on.print(line)
    if page is not None:
        on.print(f"\nWritten to {page}")
