"""Scoring notes with the full model: `predictors/scoring.py` beside the plain reading of the paper.

    python benchmarks/scoring.py                # 64 notes of 1,500 tokens, 8,921 codes, one thread
    python benchmarks/scoring.py --notes 4 --tokens 40 --codes 60
    python benchmarks/scoring.py --device cuda --notes 20000 --batch 64 --skip-reference

Notes are read from disk, as the stage `evaluate` reads them, in batches of `--batch`. Each runs in
a process of its own after a first pass to warm up; the logits of both must agree. Notes per CPU
second and peak memory; on a GPU, bf16, notes per second.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import peak_gb, run_apart

AGREE = 2e-4  # of logits around 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=1_500)
    parser.add_argument("--codes", type=int, default=8_921)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--skip-reference", action="store_true")
    parser.add_argument("--only", choices=("ours", "reference"))
    options = parser.parse_args()
    if options.only:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run_one(options, Path(folder))))
        return
    names = ("notes", "tokens", "codes", "batch", "device")
    sizes = [word for name in names for word in (f"--{name}", getattr(options, name))]
    parts = ("ours",) if options.skip_reference else ("ours", "reference")
    found = {part: run_apart(__file__, *sizes, "--only", part) for part in parts}
    print(f"{options.notes} notes of {options.tokens} tokens, {options.codes} codes")
    for part, numbers in found.items():
        print(f"{part:10} {numbers['notes_a_second']:8.1f} notes/s   {numbers['peak_gb']:.2f} GB")
    if not options.skip_reference:
        refuse_other_logits(found["ours"]["some"], found["reference"]["some"])
        ratio = found["ours"]["notes_a_second"] / found["reference"]["notes_a_second"]
        print(f"ratio      {ratio:8.1f} times the notes a second; logits agree")


def refuse_other_logits(ours: list[float], plain: list[float]) -> None:
    different = max(abs(a - b) for a, b in zip(ours, plain, strict=True))
    if different > AGREE:
        raise SystemExit(f"a logit differs by {different:.1e} from that of the plain reading")


def run_one(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    import numpy as np
    from mimic_shaped import PlainISD, Sizes, made_documents, made_isd

    sizes = Sizes(codes=options.codes)
    model, objective = made_isd(sizes)
    lengths = np.full(options.notes, options.tokens)
    documents = made_documents(lengths, sizes, folder / "documents")
    if options.only == "reference":
        plain = PlainISD(model, objective).model.eval()
        score = lambda: plainly(plain, documents, options.batch)  # noqa: E731
    else:
        model = model.to(options.device)
        score = lambda: ours(model, documents, options)  # noqa: E731
    score()
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    begin = clock()
    logits = score()
    seconds = clock() - begin
    some = logits[:: max(1, len(logits) // 4), ::97].ravel().tolist()
    return {"notes_a_second": options.notes / seconds, "peak_gb": peak_gb(), "some": some}


def ours(model: Any, documents: Any, options: argparse.Namespace) -> Any:
    from isd_pipeline.predictors.scoring import predict

    return predict(
        model,
        documents,
        batch_size=options.batch,
        max_tokens=4_000,
        device=options.device,
        precision="bf16",  # on a GPU; a CPU computes in fp32
    )


def plainly(model: Any, documents: Any, batch: int) -> Any:
    import numpy as np
    import torch

    found = []
    with torch.inference_mode():
        for first in range(0, len(documents), batch):
            rows = range(first, min(first + batch, len(documents)))
            tokens = np.stack([documents.tokens_of(row) for row in rows]).astype(np.int64)
            found.append(model(torch.from_numpy(tokens)))
    return torch.cat(found).numpy()


if __name__ == "__main__":
    main()
