"""Rules of papers for rejection sampling, with what of them could not be verified."""

from curate.process_data.sampling import SamplingRules

PRESETS = {
    "lingma": SamplingRules(
        min_location_overlap=0.6,
        min_patch_similarity=0.5,
        tests="not-failed",
        source="Lingma SWE-GPT, arXiv 2411.00622",
        unverified=("min_location_overlap", "min_patch_similarity", "tests"),
    ),
}
"""Rules by the name of a preset."""
