package parsimony.core.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.Llama3Scaling;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.model.Weights;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Writes models of a real model's shape with random weights, to measure speed and memory without a download. Rows are
 * made while they are written, so that the memory needed does not depend on the shape. The vocabulary is synthetic:
 * the bytes, some pairs of letters with their merges, numbered words.
 */
public final class ModelSynthesizer {
    private ModelSynthesizer() {}

    /**
     * A real model's sizes, or small ones.
     *
     * @param label the name it is asked for by, such as {@code llama-3.2-1b}
     */
    public record Shape(String label, TransformerConfig config) {
        /** For tests: a file of less than a megabyte. */
        public static final Shape TINY = new Shape(
                "tiny",
                new TransformerConfig(
                        512,
                        64,
                        192,
                        2,
                        4,
                        2,
                        16,
                        256,
                        1e-5f,
                        new RopeConfig(10_000, true, null),
                        true,
                        false,
                        496,
                        497));

        /** Meta's Llama 3.2 with 1.24 billion weights. */
        public static final Shape LLAMA_3_2_1B = new Shape(
                "llama-3.2-1b",
                new TransformerConfig(
                        128_256,
                        2048,
                        8192,
                        16,
                        32,
                        8,
                        64,
                        131_072,
                        1e-5f,
                        new RopeConfig(500_000, true, new Llama3Scaling(32, 1, 4, 8192)),
                        true,
                        false,
                        128_000,
                        128_001));

        /** All shapes. */
        public static final List<Shape> ALL = List.of(TINY, LLAMA_3_2_1B);

        /**
         * The shape of that name.
         *
         * @throws IllegalArgumentException if there is none
         */
        public static Shape named(String label) {
            for (Shape shape : ALL) {
                if (shape.label.equals(label)) {
                    return shape;
                }
            }
            throw new IllegalArgumentException("there is no shape \"" + label + "\"; shapes: "
                    + String.join(", ", ALL.stream().map(Shape::label).toList()));
        }
    }

    /**
     * Writes a GGUF file with normal-like weights of standard deviation 0.02 and norms of one. The same seed gives
     * the same bytes.
     *
     * @throws IllegalArgumentException if {@code type} cannot be written
     */
    public static void write(Shape shape, GgufType type, long seed, Path file, Progress progress) throws IOException {
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("general.name", "synthetic " + shape.label());
        metadata.putAll(vocabulary(shape.config()));
        GgufExport.save(model(shape, seed), file, type, metadata, progress);
    }

    /** The model as it will be written; its matrices take no memory, and are made anew each time a row is decoded. */
    static Transformer model(Shape shape, long seed) {
        TransformerConfig config = shape.config();
        double residual = 0.02 / Math.sqrt(2.0 * config.layers());
        return Transformer.of(config, new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                boolean writesToStream = name.endsWith("o_proj.weight") || name.endsWith("down_proj.weight");
                return new RandomRows(
                        rows, columns, seed + 0x9e3779b97f4a7c15L * name.hashCode(), writesToStream ? residual : 0.02);
            }

            @Override
            public Tensor vector(String name, int size) {
                Tensor ones = Tensor.zeros(size);
                Arrays.fill(ones.array(), 1);
                return ones;
            }
        });
    }

    /** A byte-level vocabulary like GPT-2's. */
    private static Map<String, Object> vocabulary(TransformerConfig config) {
        List<String> tokens = new ArrayList<>(byteAlphabet());
        List<String> merges = new ArrayList<>();
        for (char first = 'a'; first <= 'z' && tokens.size() < config.beginOfSequence(); first++) {
            for (char second = 'a'; second <= 'z' && tokens.size() < config.beginOfSequence(); second++) {
                merges.add(first + " " + second);
                tokens.add("" + first + second);
            }
        }
        while (tokens.size() < config.beginOfSequence()) {
            tokens.add("word" + tokens.size());
        }
        int[] kinds = new int[config.vocabularySize()];
        Arrays.fill(kinds, 0, tokens.size(), 1);
        Arrays.fill(kinds, tokens.size(), kinds.length, 3);
        tokens.add("<|begin_of_text|>");
        tokens.add("<|end_of_text|>");
        for (int i = 0; tokens.size() < config.vocabularySize(); i++) {
            tokens.add("<|reserved_special_token_" + i + "|>");
        }
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("tokenizer.ggml.model", "gpt2");
        metadata.put("tokenizer.ggml.pre", "llama-bpe");
        metadata.put("tokenizer.ggml.tokens", tokens);
        metadata.put("tokenizer.ggml.token_type", kinds);
        metadata.put("tokenizer.ggml.merges", merges);
        metadata.put("tokenizer.ggml.add_bos_token", true);
        return metadata;
    }

    /**
     * GPT-2's printable character for each byte: itself where it is visible, else one from 256 on; the visible ones
     * come first.
     */
    private static List<String> byteAlphabet() {
        List<String> visible = new ArrayList<>();
        List<String> others = new ArrayList<>();
        for (int value = 0; value < 256; value++) {
            if ((value >= '!' && value <= '~') || (value >= 0xa1 && value != 0xad)) {
                visible.add(Character.toString(value));
            } else {
                others.add(Character.toString(256 + others.size()));
            }
        }
        visible.addAll(others);
        return visible;
    }

    /** Each row is made from its own seed; the sum of four uniform numbers stands for a normal one. */
    private record RandomRows(int rows, int columns, long seed, double deviation) implements WeightStorage {
        @Override
        public void decodeRow(int row, float[] target, int offset) {
            SplittableRandom random = new SplittableRandom(seed ^ (row * 0xbf58476d1ce4e5b9L));
            // A uniform 16-bit number has variance 65536² / 12.
            float scale = (float) (deviation / (65_536 * Math.sqrt(4.0 / 12)));
            for (int i = 0; i < columns; i++) {
                long bits = random.nextLong();
                int sum = (int) ((bits & 0xffff) + (bits >>> 16 & 0xffff) + (bits >>> 32 & 0xffff) + (bits >>> 48));
                target[offset + i] = (sum - 2 * 65_535) * scale;
            }
        }

        @Override
        public long bytes() {
            return 0;
        }

        @Override
        public String format() {
            return "random";
        }
    }
}
