"""Data sets of the data folder that only benchmarks read: tables of UCI, WordNet, the rows of CIFAR-100."""

import gzip
import re
from io import StringIO

import numpy as np
import pandas as pd

from hyperclade.data.samples import data_file

UCI = ("zoo", "iris", "glass", "segment", "spambase", "pendigits")


def uci_table(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Features (true and false as 1 and 0) and labels of a table of UCI (CC BY 4.0).

    Raises
    ------
    ValueError
        Another name than those in `UCI`.
    FileNotFoundError
        No data folder, or it lacks the table.
    """
    if name not in UCI:
        raise ValueError(f"name must be {' or '.join(map(repr, UCI))}, got {name!r}")
    packed = name in UCI[3:]
    path = data_file("uci", f"{name}.arff" + (".gz" if packed else ""))
    text = (gzip.decompress(path.read_bytes()) if packed else path.read_bytes()).decode()
    head, rows = re.split(r"@data\s*\n", text, maxsplit=1, flags=re.IGNORECASE)
    attribute = re.compile(r"^\s*@attribute\s+('[^']*'|\S+)", re.IGNORECASE | re.MULTILINE)
    columns = [match.strip("'") for match in attribute.findall(head)]
    frame = pd.read_csv(
        StringIO(rows), names=columns, quotechar="'", comment="%", skipinitialspace=True,
        dtype={columns[-1]: str},
    )  # fmt: skip
    labels = frame.pop(columns[-1]).str.strip()
    return frame.drop(columns="animal", errors="ignore").astype(np.float64), labels


def wordnet() -> tuple[pd.DataFrame, np.ndarray]:
    """All 82,115 noun synsets of WordNet 3.0, and their embeddings by all-MiniLM-L6-v2.

    Returns
    -------
    nouns : DataFrame
        With the columns offset, words, lexname, hypernyms and instance_hypernyms.
    features : memory map (82115, 256) of float16
        Principal components.

    Raises
    ------
    FileNotFoundError
        No data folder, or it lacks WordNet.
    """
    features = np.load(data_file("wordnet", "nouns_minilm_pca256.npy"), mmap_mode="r", allow_pickle=False)
    return pd.read_parquet(data_file("wordnet", "nouns.parquet")), features


def cifar100_rows(split: str) -> pd.DataFrame:
    """CIFAR-100, 100 images per class: columns image (encoded bytes), label, superclass.

    Raises
    ------
    FileNotFoundError
        No data folder, or it lacks the split.
    """
    return pd.read_parquet(data_file("cifar100", f"{split}.parquet"))
