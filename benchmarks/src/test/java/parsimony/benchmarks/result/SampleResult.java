package parsimony.benchmarks.result;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.suite.CompressionSuite;

/** Results of the shapes that real runs have. Their numbers are made up. */
public final class SampleResult {
    public static final double DENSE_BITS_PER_BYTE = 1.04;
    private static final long WEIGHTS = 5_000_000;
    private static final long PARAMETERS = 6_300_000;
    private static final String TEXT = "sample of commons-lang3 3.20.0";
    private static final CompressionSuite SUITE =
            new CompressionSuite(new CompressionSuite.Options(null, TEXT, List.of(), 1024, null, null));
    private static final Result.ModelRecord MODEL =
            new Result.ModelRecord("sample-java-6m", "5a3b1c9e".repeat(8), PARAMETERS);
    private static final Result.MachineRecord MACHINE = new Result.MachineRecord(
            "25.0.3+9-LTS",
            "Sample Processor, 512-bit vectors",
            2,
            16_800_000_000L,
            2,
            "vector",
            "Linux 6.12 amd64",
            "0123abc",
            "2026-01-01T12:00:00Z");
    private static final String ROUNDING =
            "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference";
    private static final String GPTQ = "GPTQ: Accurate Quantization for Generative Pre-trained Transformers";
    private static final String AWQ = "AWQ: Activation-aware Weight Quantization for On-Device LLM Compression";
    private static final String WANDA = "A Simple and Effective Pruning Approach for Large Language Models";

    private SampleResult() {}

    /** Of {@code compare}. */
    public static Result compression() {
        List<Row> rows = new ArrayList<>();
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
        return compression(rows);
    }

    /** Of {@code compare}, with other rows. */
    public static Result compression(List<Row> rows) {
        CompressionSuite.Finding finding = SUITE.finding(rows);
        return new Result(
                "compression",
                SUITE.title(),
                finding.headline(),
                finding.sentence(),
                List.of("Quality is bits per byte: context 1024, stride 512, every byte scored once."),
                "./parsimony compare --apply all --seed 1 --threads 2",
                MODEL,
                List.of(new Result.TextRecord(TEXT, "90fe44d1".repeat(8), 262_144)),
                MACHINE,
                1,
                SUITE.columns(),
                SUITE.charts(),
                rows,
                List.of());
    }

    /** A row whose remaining numbers follow plausibly from these. */
    public static Row row(
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
        double disk = Math.round((WEIGHTS * bitsPerWeight + embeddingBits) / 8) + 4_096;
        double bitsPerByte = DENSE_BITS_PER_BYTE + change;
        Map<String, Double> values = new HashMap<>();
        values.put("bitsPerWeight", bitsPerWeight);
        values.put("modelBitsPerWeight", (WEIGHTS * bitsPerWeight + embeddingBits) / PARAMETERS);
        values.put("diskBytes", disk);
        values.put("diskShare", disk / 25.2e6);
        values.put("memoryBytes", disk + 1_200_000);
        values.put("memoryShare", (disk + 1_200_000) / 26.4e6);
        values.put("bitsPerByte", bitsPerByte);
        values.put("perplexity", Math.pow(2, bitsPerByte * 3.23));
        values.put("change", change / DENSE_BITS_PER_BYTE);
        values.put("absoluteChange", change);
        values.put("divergence", Math.abs(change) * 1.9);
        values.put("agreement", Math.exp(-2.1 * Math.abs(change)));
        values.put("prefillRatio", prefillRatio);
        values.put("prefillTokensPerSecond", 1_840 * prefillRatio);
        values.put("decodeRatio", decodeRatio);
        values.put("decodeTokensPerSecond", 212 * decodeRatio);
        values.put("peakHeapBytes", 38_000_000 + disk / 4);
        values.put("peakNativeBytes", disk + 9_000_000);
        values.put("peakMappedBytes", 13_000_000.0);
        values.put("peakBytes", 60_000_000 + 1.25 * disk);
        values.put("applySeconds", bitsPerWeight < 16 ? 0.4 : 0.1);
        return new Row(
                technique,
                name,
                title,
                Map.of("backend", "vector"),
                values,
                Map.of("prefillRatio", 0.02, "decodeRatio", 0.03));
    }

    /** Of a suite with lines over a length. */
    public static Result attention() {
        List<Row> rows = new ArrayList<>();
        for (int tokens = 512; tokens <= 8192; tokens *= 2) {
            double n = tokens / 1024.0;
            rows.add(new Row(
                    "naive",
                    "naive",
                    "Attention Is All You Need",
                    Map.of("tokens", (double) tokens, "seconds", 0.02 * n * n, "memory", 4e6 * n * n)));
            rows.add(new Row(
                    "flash",
                    "flash",
                    "FlashAttention-2",
                    Map.of("tokens", (double) tokens, "seconds", 0.004 * n * n, "memory", 30e3 * n)));
        }
        return new Result(
                "attention",
                "Attention over the <length> of the text",
                "",
                "",
                List.of("One head."),
                "./parsimony compare --suite attention",
                MODEL,
                List.of(),
                MACHINE,
                1,
                List.of(
                        new Column("tokens", "tokens", "Tokens", "of the text", Unit.COUNT, true),
                        new Column("seconds", "time", "Time", "of one head", Unit.SECONDS, false),
                        new Column("memory", "memory", "Memory", "of one run", Unit.BYTES, false),
                        new Column("error", "error", "Error", "nowhere measured", Unit.SCIENTIFIC, false)),
                List.of(
                        new Chart("Time", "Down is better.", "tokens", "seconds", true, true, Kind.LINES),
                        new Chart("Memory", "Down is better.", "tokens", "memory", true, true, Kind.LINES)),
                rows,
                List.of("performer"));
    }

    /** Of a benchmark with bars. */
    public static Result benchmark() {
        List<Row> rows = new ArrayList<>();
        for (String shape : List.of("1024x1024x1024", "8192x256x256", "64x64x32")) {
            for (String method : List.of("vector", "openBlas")) {
                double rate = method.equals("vector") ? 380 : 190;
                rows.add(new Row(
                        method,
                        method,
                        "",
                        Map.of("case", "shape=" + shape),
                        Map.of("rate", rate, "share", rate / 400),
                        Map.of("rate", 5.0)));
            }
        }
        return new Result(
                "GemmBenchmark",
                "Our matrix product against OpenBLAS's",
                "",
                "",
                List.of("One fork."),
                "./parsimony bench GemmBenchmark",
                Result.ModelRecord.NONE,
                List.of(),
                MACHINE,
                0,
                List.of(
                        new Column("case", "case", "Case", "its parameters", Unit.TEXT, false),
                        new Column("rate", "GFLOP/s", "GFLOP/s", "floating-point operations", Unit.RATE, true),
                        new Column("share", "of limit", "Of the limit", "of this machine", Unit.SHARE, true)),
                List.of(new Chart("Rate", "More is better.", "case", "rate", false, false, Kind.BARS)),
                rows,
                List.of());
    }
}
