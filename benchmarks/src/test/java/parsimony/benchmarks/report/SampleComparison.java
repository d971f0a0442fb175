package parsimony.benchmarks.report;

import java.util.ArrayList;
import java.util.List;
import parsimony.benchmarks.compare.Comparison;
import parsimony.benchmarks.compare.Measurement;
import parsimony.benchmarks.compare.Measurement.PeakMemory;
import parsimony.benchmarks.compare.Measurement.Quality;

/** A comparison of the shape that a real run has. Its numbers are made up. */
final class SampleComparison {
    static final double DENSE_BITS_PER_BYTE = 1.04;
    private static final long WEIGHTS = 5_000_000;
    private static final long PARAMETERS = 6_300_000;
    private static final String ROUNDING =
            "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference";
    private static final String GPTQ = "GPTQ: Accurate Quantization for Generative Pre-trained Transformers";
    private static final String AWQ = "AWQ: Activation-aware Weight Quantization for On-Device LLM Compression";
    private static final String WANDA = "A Simple and Effective Pruning Approach for Large Language Models";

    private SampleComparison() {}

    static Comparison comparison() {
        List<Measurement> rows = new ArrayList<>();
        rows.add(row("dense:type=f32", "dense", "", 32, 0, 1, 1));
        rows.add(row("dense:type=bf16", "dense", "", 16, 0.0002, 1.31, 1.62));
        rows.add(row("dense:type=f16", "dense", "", 16, 0, 1.12, 1.48));
        rows.add(row("rtn:bits=8", "rtn", ROUNDING, 8.13, 0.0004, 1.44, 2.21));
        rows.add(row("rtn:bits=8,group=32,symmetric=true", "rtn", ROUNDING, 8.5, -0.0003, 1.41, 2.14));
        rows.add(row("rtn:bits=4", "rtn", ROUNDING, 4.13, 0.071, 1.52, 3.02));
        rows.add(row("rtn:bits=4,group=32", "rtn", ROUNDING, 5, 0.0161, 1.48, 2.83));
        rows.add(row("rtn:bits=4,group=32,symmetric=true", "rtn", ROUNDING, 4.5, 0.0212, 1.55, 2.97));
        rows.add(row("rtn:bits=3", "rtn", ROUNDING, 3.13, 0.52, 1.21, 2.6));
        rows.add(row("rtn:bits=3,group=32", "rtn", ROUNDING, 4, 0.094, 1.18, 2.51));
        rows.add(row("rtn:bits=2", "rtn", ROUNDING, 2.13, 5.2, 1.33, 3.1));
        rows.add(row("rtn:bits=2,group=32", "rtn", ROUNDING, 3, 1.31, 1.29, 3.04));
        rows.add(row("gptq:bits=4,group=32", "gptq", GPTQ, 5, 0.0082, 1.48, 2.83));
        rows.add(row("gptq:bits=3,group=32,actOrder=true", "gptq", GPTQ, 4, 0.0371, 1.18, 2.5));
        rows.add(row("gptq:bits=2,group=32,actOrder=true", "gptq", GPTQ, 3, 0.232, 1.28, 3.02));
        rows.add(row("awq:bits=4,group=32", "awq", AWQ, 5, 0.0098, 1.46, 2.79));
        rows.add(row("awq:bits=3,group=32", "awq", AWQ, 4, 0.0515, 1.17, 2.48));
        rows.add(row("wanda:pattern=2:4", "wanda", WANDA, 17.5, 0.112, 0.84, 1.43));
        rows.add(row("wanda:sparsity=0.5", "wanda", WANDA, 19.2, 0.061, 0.71, 1.22));
        rows.add(row(
                "wanda:pattern=2:4+gptq:bits=4,group=32,actOrder=true", "wanda+gptq", WANDA, 3.5, 0.142, 1.05, 2.4));
        return with(rows);
    }

    static Comparison with(List<Measurement> rows) {
        return new Comparison(
                "./parsimony compare --apply all --seed 1 --threads 2",
                new Comparison.ModelRecord("sample-java-6m", "5a3b1c9e".repeat(8), PARAMETERS),
                new Comparison.TextRecord(
                        "sample of commons-lang3 3.20.0",
                        "90fe44d1".repeat(8),
                        262_144,
                        81_223,
                        "context 1024, stride 512, one BOS at the start of each file, every byte scored once"),
                new Comparison.MachineRecord(
                        "25.0.3+9-LTS",
                        "Sample Processor, 512-bit vectors",
                        2,
                        16_800_000_000L,
                        2,
                        "vector",
                        "Linux 6.12 amd64",
                        "0123abc",
                        "2026-01-01T12:00:00Z"),
                1,
                rows,
                List.of());
    }

    /** A row whose remaining numbers follow plausibly from these. */
    static Measurement row(
            String technique,
            String name,
            String title,
            double bitsPerWeight,
            double change,
            double prefillRatio,
            double decodeRatio) {
        double embeddingBits = (PARAMETERS - WEIGHTS) * 16.0;
        if (technique.equals("dense:type=f32")) {
            embeddingBits *= 2;
        }
        long disk = Math.round((WEIGHTS * bitsPerWeight + embeddingBits) / 8) + 4_096;
        double bitsPerByte = DENSE_BITS_PER_BYTE + change;
        return new Measurement(
                technique,
                name,
                title,
                bitsPerWeight,
                (WEIGHTS * bitsPerWeight + embeddingBits) / PARAMETERS,
                disk,
                disk + 1_200_000,
                new PeakMemory(38_000_000 + disk / 4, disk + 9_000_000, 13_000_000),
                new Quality(
                        bitsPerByte,
                        change,
                        Math.pow(2, bitsPerByte * 3.23),
                        Math.abs(change) * 1.9,
                        Math.exp(-2.1 * Math.abs(change))),
                1_840 * prefillRatio,
                212 * decodeRatio,
                prefillRatio,
                decodeRatio,
                bitsPerWeight < 16 ? 0.4 : 0.1,
                "vector");
    }
}
