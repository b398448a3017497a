"""The encoder `signatures`: textures of strokes from EfficientNet-Lite0, joined with the encoder `small`.

    python -m experiments.signature_training --datasets .cache/datasets --out .cache/signatures
    python -m indexer.training.combining signatures_lite .cache/signatures --out search/encoders/weights/signatures
    python -m experiments.signature_encoder --calibrate search/encoders/weights/signatures

The last command calibrates the encoder, measures it on writers and alphabets that the fit left out, and writes
docs/results/signature_encoder.md. About six minutes on one idle core. For the encoder that ships, the features were
computed in bfloat16 (cosine with float32 at least 0.9989); the command computes them in float32.

The maps of Lite0 after its stages 4 and 5 are pooled: deviations (texture), and means over thirds of the width
(layout). The last map was worse: it says what a photo shows. The projection is linear and has no other training: it
divides by what varies within a class (a writer's own variation, pens, media), with half of the weight on `written`
(50 writers of Chinese names) and half on `drawn` (names in 14 other alphabets, with coloured ink, paper and noise).

Chosen on the 50 writers: fitted to half of the writers and half of the names, measured on the other halves, mean of the
four ways. EER against other names and against the same name by another writer, for pairs with two thin pens; then
against all names of unseen alphabets, and against the same name by another drawer:
- `small` 0.082, 0.200; last map of Lite0, mean 0.124, 0.236; stage 5, deviation 0.074, 0.202;
- the joined features without a projection 0.058, 0.174; with one fitted to `written` alone 0.020, 0.167; 0.079, 0.349;
- fitted to both: 0.017, 0.154; 0.000, 0.160. Cut to 384 axes: 0.020, 0.158; 0.001, 0.143;
- with 224 pixels instead of 192: 0.020, 0.140 (drawn names on white paper); it takes a third longer;
- triplets from that projection on, 200 batches with same-name negatives, margin 0.1: from 0.026, 0.152 to 0.025, 0.157
  at a learning rate of 1e-3 and to 0.029, 0.164 at 3e-3 (256 axes, 224 pixels). They learned the training writers.
"""

from indexer.training.config import CombineConfig, DiscriminantConfig, PartConfig

COMBINATION = CombineConfig(
    name="signatures",
    parts=(
        PartConfig(
            network={
                "kind": "efficientnet_lite",
                "variant": "lite0",
                "pooled": ["4.std", "5.thirds", "5.std"],
                "dim": None,
            },
            size=192,
            weight=3.0,
        ),
        PartConfig(encoder="small", weight=1.0),
    ),
    dim=384,
    discriminant=DiscriminantConfig(sets={"written": 0.5, "drawn": 0.5}, shrinkage=0.3),
    pictures=100_000,
)
