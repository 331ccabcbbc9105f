"""The bm25s stage at 100,000 passages against bm25s called directly."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from figures import Figure, tell, timed

from diagnose.core.artifact import Query
from diagnose.core.stage import Given
from diagnose.stages.load import load_pipeline

N, ASKED = 100_000, 200
WORDS = [f"w{i}" for i in range(20_000)]


def main() -> None:
    """The same queries, the same k, one at a time."""
    import bm25s

    rng = random.Random(0)
    drawn = [int(len(WORDS) * rng.random() ** 3) for _ in range(N * 40)]
    texts = [" ".join(WORDS[i] for i in drawn[n * 40 : n * 40 + 40]) for n in range(N)]
    queries = [" ".join(rng.choice(texts).split()[:8]) for _ in range(ASKED)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with (path / "corpus.jsonl").open("w") as file:
            file.writelines(f'{{"id": "p{i}", "text": "{text}"}}\n' for i, text in enumerate(texts))
        tables = '[pipeline]\ncorpus = "corpus.jsonl"\n[stages.retriever]\nuse = "bm25s"\ntop_k = 10\n'
        (path / "pipeline.toml").write_text(tables + '[stages.model]\nuse = "extract"\n')
        pipeline = load_pipeline(path / "pipeline.toml")
        stage = pipeline.stage("retriever")
        assert stage is not None
        stage.run(Given(queries[0], Query(queries[0])), None)
        index = bm25s.BM25()
        index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)

        def ours() -> None:
            for query in queries:
                stage.run(Given(query, Query(query)), None)

        def theirs() -> None:
            for query in queries:
                tokens = bm25s.tokenize(query, show_progress=False, return_ids=False)
                index.retrieve(tokens, k=10, show_progress=False)

        direct, through = timed(theirs, 3), timed(ours, 3)
    note = f"{1000 * through / ASKED:.2f} ms a query, {1000 * direct / ASKED:.2f} directly, fastest of 3"
    tell(Figure(f"bm25s stage at {N:,} passages", "bm25s called directly", through / direct, 1.2, "<=", note))


if __name__ == "__main__":
    main()
