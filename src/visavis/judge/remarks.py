"""What a reader of the figures has to know, in whole sentences."""

from collections.abc import Iterator, Sequence

from visavis.data.account import listed
from visavis.data.decode import LOSSY
from visavis.judge.made import Sample, Source
from visavis.judge.reference import Real
from visavis.judge.seen import Seen
from visavis.metrics.features import EXTRACTORS


def remarks(sample: Sample, source: Source, real: Real, made: Seen, held_out: Seen | None) -> Sequence[str]:
    """Warnings about a sample, its source and the reference it is judged against."""
    n, d = made.vectors.shape
    told = list(_of_accounts(sample, real))
    if real.extractor.name in source.trained_in:
        others = ", ".join(name for name in EXTRACTORS if name not in source.trained_in)
        told.append(
            f"the generator was trained in features of {real.extractor.name}: every figure in them flatters "
            f"it; give other --features ({others}, or module:path)"
        )
    if sample.jpeg:
        told.append(f"{sample.jpeg} of {n} images are JPEGs: compression moves every figure")
    if min(n, len(real.reference)) <= d:
        told.append(
            f"{min(n, len(real.reference))} images for {d} dimensions: the Fréchet distance is mostly bias; "
            f"read the kernel distance kd_{real.extractor.name}, which has none"
        )
    if held_out is None:
        told.append(f"no nulls, no memorisation figures and no quality: {real.why}")
    elif len(held_out) < n:
        told.append(
            f"nulls are of {len(held_out)} held-out images, figures of {n}: for equal N, -n {len(held_out)}"
        )
    if real.held_out is not None and real.held_out_name not in real.split and "seeded" in real.held_out_name:
        told.append(f"the source has one split: nulls are of {real.held_out_name}, left out of the reference")
        if real.unseen:
            told.append("were the generator trained on these images too, memorisation would be understated")
    if sample.labels is not None and made.labels is None:
        told.append("the images' classes are not the reference's, so their labels are not used")
    if held_out is not None and held_out.labels is None and real.reference.labels is not None:
        told.append("the held-out images' classes are not the reference's, so labels are not used")
    if source.data_digest is not None and source.data_digest != real.whole.digest:
        told.append(
            "the reference is not what the run was trained on (other images, classes or size): "
            "memorisation looks for copies of the reference"
        )
    if real.split == "test":
        told.append("the reference is a test split: memorisation looks for copies of it, not of train")
    return told


def _of_accounts(sample: Sample, real: Real) -> Iterator[str]:
    """What was left out of each set of images or resized, and formats that differ between the sides."""
    sides = {"images": sample.account, "reference": real.account, "held-out images": real.held_out_account}
    for name, account in sides.items():
        if account is None:
            continue
        if account.wanted:
            yield f"{name}: {listed(account.wanted)}"
        if account.resized:
            lost = "; what is lost by it is in no figure" if name == "reference" else ""
            yield f"{name}: {account.sizes()}{lost}"
    if real.account is None or (sample.account is None and sample.weights == "images"):
        return
    made = set() if sample.account is None else set(sample.account.formats)
    for kind in LOSSY:
        if kind in real.account.formats and kind not in made:
            yield (
                f"{real.account.formats[kind]} reference images are {kind}s and the judged ones are not: "
                "compression is counted as a difference"
            )
