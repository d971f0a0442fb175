package parsimony.core.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.LongStream;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.RopeConfig;

/**
 * Reads llama2.c's legacy {@code .bin} files: seven 32-bit integers, then 32-bit floats, each kind of matrix for all
 * layers at once, two tables of rotary angles that are not needed, and the output matrix where the vocabulary's size
 * is written as negative. The format has no mark of its own; that the size of the file is exactly what the integers
 * tell is what it is known by.
 */
public final class Llama2c {
    private static final int HEADER_BYTES = 7 * 4;
    /** The mark of llama2.c's later, versioned files. */
    private static final int VERSIONED = 0x616b3432;

    private static final float EPSILON = 1e-5f;
    private static final double THETA = 10_000;
    private static final int BEGIN_OF_SEQUENCE = 1;
    private static final int END_OF_SEQUENCE = 2;

    private Llama2c() {}

    /**
     * Maps a file and puts its model together; the matrices stay where they lie.
     *
     * @throws ModelFormatException if the file is none of this format
     */
    public static Transformer load(Path file) throws IOException {
        return parse(MappedFile.open(file));
    }

    static Transformer parse(MappedFile file) throws ModelFormatException {
        TransformerConfig config = readConfig(new ByteCursor(file, 0));
        Layout layout = new Layout(file);
        try {
            layout.describe(config);
        } catch (ArithmeticException e) {
            throw file.malformed(0, "the sizes in the header exceed every file");
        }
        return ModelAssembly.assemble(file.path(), config, layout.tensors, PackedTensors.NONE, name -> false);
    }

    private static TransformerConfig readConfig(ByteCursor cursor) throws ModelFormatException {
        MappedFile file = cursor.file();
        int hidden = cursor.int32();
        if (hidden == VERSIONED) {
            throw file.malformed(0, "versioned llama2.c files are not supported; export with version 0");
        }
        int intermediate = cursor.int32();
        int layers = cursor.int32();
        int heads = cursor.int32();
        int keyValueHeads = cursor.int32();
        int vocabulary = cursor.int32();
        int context = cursor.int32();
        if (heads <= 0 || hidden % heads != 0) {
            throw file.malformed(0, heads + " heads do not divide a width of " + hidden + "; this is no llama2.c file");
        }
        try {
            return new TransformerConfig(
                    Math.absExact(vocabulary),
                    hidden,
                    intermediate,
                    layers,
                    heads,
                    keyValueHeads,
                    hidden / heads,
                    context,
                    EPSILON,
                    new RopeConfig(THETA, true, null),
                    vocabulary > 0,
                    false,
                    BEGIN_OF_SEQUENCE,
                    END_OF_SEQUENCE);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw file.malformed(0, e.getMessage() + "; this is no llama2.c file");
        }
    }

    /** The tensors in the order of the file, under their Hugging Face names. */
    private static final class Layout {
        private final MappedFile file;
        private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
        private long position = HEADER_BYTES;

        Layout(MappedFile file) {
            this.file = file;
        }

        void describe(TransformerConfig config) throws ModelFormatException {
            long hidden = config.hiddenSize();
            long intermediate = config.intermediateSize();
            long vocabulary = config.vocabularySize();
            long keyValueWidth = (long) config.keyValueHeads() * config.headSize();
            int layers = config.layers();
            tensor("model.embed_tokens.weight", vocabulary, hidden);
            perLayer(layers, "input_layernorm", hidden);
            perLayer(layers, "self_attn.q_proj", hidden, hidden);
            perLayer(layers, "self_attn.k_proj", keyValueWidth, hidden);
            perLayer(layers, "self_attn.v_proj", keyValueWidth, hidden);
            perLayer(layers, "self_attn.o_proj", hidden, hidden);
            perLayer(layers, "post_attention_layernorm", hidden);
            perLayer(layers, "mlp.gate_proj", intermediate, hidden);
            perLayer(layers, "mlp.down_proj", hidden, intermediate);
            perLayer(layers, "mlp.up_proj", intermediate, hidden);
            tensor("model.norm.weight", hidden);
            skip("the rotary tables", bytes(config.contextLength(), config.headSize()));
            if (!config.tiedEmbeddings()) {
                tensor("lm_head.weight", vocabulary, hidden);
            }
            if (position != file.size()) {
                throw file.malformed(
                        position, (file.size() - position) + " bytes follow the last tensor; this is no llama2.c file");
            }
        }

        private void perLayer(int layers, String part, long... shape) throws ModelFormatException {
            for (int layer = 0; layer < layers; layer++) {
                tensor("model.layers." + layer + "." + part + ".weight", shape);
            }
        }

        private void tensor(String name, long... shape) throws ModelFormatException {
            long start = position;
            long size = bytes(shape);
            skip(name, size);
            tensors.put(
                    name,
                    new StoredTensor(
                            file.path(),
                            name,
                            GgufType.F32.name(),
                            LongStream.of(shape).boxed().toList(),
                            start,
                            file.bytes().asSlice(start, size)));
        }

        private static long bytes(long... shape) {
            long size = Float.BYTES;
            for (long dimension : shape) {
                size = Math.multiplyExact(size, dimension);
            }
            return size;
        }

        private void skip(String what, long size) throws ModelFormatException {
            if (size > file.size() - position) {
                throw file.malformed(
                        position,
                        what + " should take " + size + " bytes, but the file ends after " + (file.size() - position));
            }
            position += size;
        }
    }
}
