package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.ColumnsStorage;
import parsimony.core.tensor.ConstantStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.LowRankStorage;
import parsimony.core.tensor.NestedGridStorage;
import parsimony.core.tensor.RotatedStorage;
import parsimony.core.tensor.RoundedInputStorage;
import parsimony.core.tensor.ScaledInputStorage;
import parsimony.core.tensor.SparseGridStorage;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** Models are written in the form in which they are kept. */
class StoredFormTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "2, 16, false, F16, false",
        "3, 24, false, F16, true",
        "4, -1, false, F32, false",
        "5, 7, true, BF16, true",
        "6, 32, false, F16, false",
        "7, 64, true, F16, true",
        "8, 1, false, F16, true"
    })
    void foldersHoldGridsPacked(int bits, int group, boolean symmetric, DataType scales, boolean interleaved)
            throws IOException {
        Transformer model = quantized(interleaved, bits, group, symmetric, scales);

        HuggingFaceFolder.saveAsKept(model, folder, folder, null);

        Transformer read = HuggingFaceFolder.load(folder);
        Linear up = read.linears().get(5);
        assertThat(up.weight()).isInstanceOfSatisfying(GridStorage.class, grid -> {
            assertThat(grid.bits()).isEqualTo(bits);
            assertThat(grid.symmetric()).isEqualTo(symmetric);
            assertThat(grid.scaleType()).isEqualTo(scales);
        });
        for (int i = 0; i < read.linears().size(); i++) {
            assertThat(read.linears().get(i).weight().bytes())
                    .isEqualTo(model.linears().get(i).weight().bytes());
        }
        assertThat(up.weight().decode().array())
                .containsExactly(model.linears().get(5).weight().decode().array());
        assertThat(TinyModels.largestDifference(TinyModels.logits(read), TinyModels.logits(model)))
                .isLessThan(1e-4f);
        long tensors = SafeTensors.open(folder.resolve("model.safetensors")).tensors().values().stream()
                .mapToLong(tensor -> tensor.data().byteSize())
                .sum();
        assertThat(tensors).isEqualTo(model.bytes());
    }

    @Test
    void foldersHoldEveryKindOfStorage() throws IOException {
        Transformer model = model(false);
        List<Linear> linears = model.linears();
        for (int i = 0; i < linears.size(); i++) {
            linears.get(i).setWeight(composite(i, linears.get(i).weight()));
        }

        HuggingFaceFolder.saveAsKept(model, folder, folder, null);

        Transformer read = HuggingFaceFolder.load(folder);
        for (int i = 0; i < linears.size(); i++) {
            WeightStorage before = linears.get(i).weight();
            WeightStorage after = read.linears().get(i).weight();
            assertThat(after).hasSameClassAs(before);
            assertThat(after.format()).isEqualTo(before.format());
            assertThat(after.bytes()).isEqualTo(before.bytes());
            assertThat(after.outliers()).isEqualTo(before.outliers());
        }
        assertThat(TinyModels.logits(read)).containsExactly(TinyModels.logits(model));
    }

    private static WeightStorage composite(int i, WeightStorage weight) {
        GridStorage grid = grid(weight, 4, 8, false, DataType.F16);
        WeightStorage columns = ColumnsStorage.of(DataType.BF16, weight.decode(), new int[] {0, 5, 31});
        Tensor thin = Tensor.zeros(weight.rows(), 2);
        Arrays.fill(thin.array(), 0.01f);
        BitSet zeros = new BitSet();
        zeros.set(0, weight.rows() * weight.columns());
        zeros.andNot(BitSet.valueOf(new long[] {0x5555_0123_4567_89abL}));
        int rows = weight.rows();
        byte[] codes = new byte[rows * weight.columns()];
        Arrays.fill(codes, (byte) 5);
        return switch (i % 10) {
            case 6 ->
                ColumnsStorage.of(
                        NestedGridStorage.of(
                                weight.columns(),
                                3,
                                weight.columns(),
                                codes,
                                NestedGridStorage.of(
                                        rows,
                                        2,
                                        rows,
                                        new byte[rows],
                                        DenseStorage.of(
                                                DataType.F16, new TensorStorage(Tensor.of(new float[] {0.1f}, 1, 1))),
                                        ConstantStorage.of(1, 1, -1)),
                                ConstantStorage.of(1, rows, 3.5f)),
                        weight.columns(),
                        IntStream.range(0, weight.columns())
                                .map(c -> weight.columns() - 1 - c)
                                .toArray());
            case 7 -> new RotatedStorage(grid, i > 8, 1234567);
            case 0 -> new SumStorage(grid, columns);
            case 1 -> SparseStorage.of(DataType.F16, grid.decode(), SparseStorage.Positions.BITMASK);
            case 8 -> SparseStorage.of(DataType.BF16, grid.decode(), SparseStorage.Positions.NUMBERS);
            case 9 -> SparseGridStorage.of(grid, zeros);
            case 2 -> new RoundedInputStorage(grid, 8, RoundedInputStorage.Range.TOKEN, 0, Float.POSITIVE_INFINITY);
            case 3 -> new RoundedInputStorage(columns, 6, RoundedInputStorage.Range.FIXED, 0.1f, 6);
            case 4 -> ScaledInputStorage.of(new SumStorage(columns, grid), new float[weight.columns()]);
            default ->
                new LowRankStorage(
                        DenseStorage.of(DataType.F16, new TensorStorage(thin)),
                        grid(new TensorStorage(Tensor.zeros(2, weight.columns())), 3, -1, true, DataType.F32));
        };
    }

    @Test
    void numbersKeepTheirFormat() throws IOException {
        Path first = folder.resolve("first");
        HuggingFaceFolder.save(model(false), first, DataType.BF16);
        Transformer stored = HuggingFaceFolder.load(first);

        HuggingFaceFolder.saveAsKept(stored, folder.resolve("second"), folder, null);
        assertThat(folder.resolve("second/model.safetensors"))
                .hasSameBinaryContentAs(first.resolve("model.safetensors"));
        HuggingFaceFolder.saveAsKept(stored, folder.resolve("third"), folder, DataType.F16);
        assertThat(folder.resolve("third/config.json")).content().contains("float16");

        GgufExport.saveAsKept(stored, folder.resolve("a.gguf"), null, Map.of(), Progress.NONE);
        assertThat(GgufModel.load(folder.resolve("a.gguf")).embedding().format())
                .isEqualTo("bf16");
    }

    @Test
    void blocksOfAGgufFileAreCopied() throws IOException {
        Path first = folder.resolve("first.gguf");
        GgufExport.save(model(true), first, GgufType.Q4_1, Map.of(), Progress.NONE);
        Transformer stored = GgufModel.load(first);

        GgufExport.saveAsKept(stored, folder.resolve("second.gguf"), null, Map.of(), Progress.NONE);
        assertThat(folder.resolve("second.gguf")).hasSameBinaryContentAs(first);

        assertThatThrownBy(() -> HuggingFaceFolder.saveAsKept(stored, folder.resolve("hf"), Path.of("hf"), null))
                .isInstanceOf(ModelFormatException.class)
                .hasMessage("hf: this format has no packed form for model.embed_tokens.weight (q4_1); --type f16"
                        + " writes such matrices as plain numbers");
        HuggingFaceFolder.saveAsKept(stored, folder.resolve("hf"), folder, DataType.F32);
        assertThat(TinyModels.largestDifference(
                        TinyModels.logits(HuggingFaceFolder.load(folder.resolve("hf"))), TinyModels.logits(stored)))
                .isLessThan(1e-4f);
    }

    @ParameterizedTest
    @CsvSource({"8, true, q8_0, 0", "4, true, q4_0, 0", "4, false, q4_1, 0.01"})
    void gridsThatGgufKnowsBecomeItsBlocks(int bits, boolean symmetric, String format, float tolerance)
            throws IOException {
        Transformer model = quantized(true, bits, 32, symmetric, DataType.F16);
        Path file = folder.resolve("model.gguf");

        GgufExport.saveAsKept(model, file, null, Map.of(), Progress.NONE);

        Transformer read = GgufModel.load(file);
        for (int i = 0; i < read.linears().size(); i++) {
            GridStorage expected = (GridStorage) model.linears().get(i).weight();
            WeightStorage actual = read.linears().get(i).weight();
            assertThat(actual.format()).isEqualTo(format);
            for (int row = 0; row < expected.rows(); row++) {
                float[] before = new float[expected.columns()];
                float[] after = new float[expected.columns()];
                expected.decodeRow(row, before, 0);
                actual.decodeRow(row, after, 0);
                for (int column = 0; column < before.length; column++) {
                    assertThat(Math.abs(after[column] - before[column]))
                            .isLessThanOrEqualTo(tolerance * expected.scale(row, column / 32));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"3, 32, true, F16", "8, 32, false, F16", "4, 16, true, F16", "4, -1, false, F16", "4, 32, true, F32"})
    void gridsThatGgufDoesNotKnowAreRefused(int bits, int group, boolean symmetric, DataType scales)
            throws IOException {
        Transformer model = quantized(true, bits, group, symmetric, scales);
        Path file = folder.resolve("model.gguf");

        assertThatThrownBy(() -> GgufExport.saveAsKept(model, file, null, Map.of(), Progress.NONE))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("no packed form for model.layers.0.self_attn.q_proj.weight (int" + bits);
        assertThat(file).doesNotExist();

        GgufExport.saveAsKept(model, file, DataType.F16, Map.of(), Progress.NONE);
        assertThat(GgufModel.load(file).linears().getFirst().weight().format()).isEqualTo("f16");
    }

    @Test
    void aMinimumThatHalfPrecisionCannotHoldIsRefused() {
        GridStorage.Builder grid = new GridStorage.Builder(1, 32, 4, 32, false, DataType.F16);
        grid.setGrid(0, 0, new Grid(4, 0x1.004p13f, 15));
        assertThat(GridBlocks.of(grid.build())).isEmpty();
        grid.setGrid(0, 0, new Grid(4, 0x1.004p10f, 15));
        assertThat(GridBlocks.of(grid.build()).map(BlockStorage::blocks)).contains(BlockFormat.Q4_1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "quant_method" : "parsimony" | "quant_method" : "gptq" | already quantized
            "version" : 2                | "version" : 1           | version 1 of packed matrices is not supported; supported: 2
            "kind" : "grid"              | "kind" : "gird"         | is of the kind "gird", which is not supported
            "kind" : "grid"              | "kind" : "sum"          | a tensor "model.layers.0.self_attn.q_proj.first" that is not there
            "bits" : 3                   | "bits" : 9              | a code has 2 to 8 bits, not 9
            "bits" : 3                   | "bits" : 4              | q_proj" is malformed: codes take
            "bits" : 3                   | "bits" : "3"            | has no proper value for bits
            "groupSize" : 16             | "groupSize" : 8         | q_proj" is malformed: scales take
            "groupSize" : 16             | "groupSize" : 65        | groups of 65 do not fit a matrix of 64 × 64
            "groupSize" : 16             | "groupSize" : 0         | groups of 0
            "scaleType" : "F16"          | "scaleType" : "F15"     | has no proper value for scaleType
            "scaleType" : "F16"          | "scaleType" : "F16", "codes" : null | q_proj" is malformed: it lacks a part
            "scaleType" : "F16"          | "scaleType" : "F16", "zeroPoints" : null | has no place in this architecture
            layers.0.self_attn.q_proj"   | layers.0.self_attn.q"   | a tensor "model.layers.0.self_attn.q.codes" that is not there
            layers.1.mlp.down_proj" : {  | layers.1.mlp.down_proj" : 1, "x" : { | must be an object
            "vocab_size" : 64            | "num_attention_heads" : 8, "vocab_size" : 64 | JSON
            "num_attention_heads" : 4    | "num_attention_heads" : 8 | q_proj" has shape [64, 64], where
            "num_attention_heads" : 4    | "num_attention_heads" : 100000000 | q_proj" has shape [64, 64], where
            "num_hidden_layers" : 2      | "num_hidden_layers" : 1 | has no place in this architecture
            """)
    void malformedDescriptionsAreRefused(String before, String after, String reason) throws IOException {
        HuggingFaceFolder.saveAsKept(quantized(false, 3, 16, false, DataType.F16), folder, folder, null);
        Path config = folder.resolve("config.json");
        String json = Files.readString(config);
        assertThat(json).contains(before);
        int place = json.indexOf(before);
        Files.writeString(config, json.substring(0, place) + after + json.substring(place + before.length()));

        assertRefused(reason);
    }

    @Test
    void malformedTensorsAreRefused() throws IOException {
        HuggingFaceFolder.saveAsKept(quantized(false, 3, 16, false, DataType.F16), folder, folder, null);
        Path file = folder.resolve("model.safetensors");
        String name = "model.layers.0.self_attn.q_proj";
        replace(file, name + ".codes", "I8", "codes\" has the number format I8, where U8 is needed");
        replace(file, name + ".zeroPoints", "BOOL", "zeroPoints\" has the number format BOOL, where U8 is needed");
        replace(file, name + ".zeroPoints", null, "zeroPoints\" that is not there");
        assertThat(HuggingFaceFolder.load(folder)).isNotNull();
    }

    /** Writes the file with another format of one tensor, or without it, sees it refused, and puts it back. */
    private void replace(Path file, String name, String type, String reason) throws IOException {
        byte[] original = Files.readAllBytes(file);
        List<TensorPart> parts = new ArrayList<>();
        for (StoredTensor tensor : SafeTensors.open(file).tensors().values()) {
            if (!tensor.name().equals(name)) {
                parts.add(TensorPart.raw(tensor.name(), tensor.type(), tensor.data(), tensor.shape()));
            } else if (type != null) {
                parts.add(TensorPart.raw(name, type, tensor.data(), tensor.shape()));
            }
        }
        SafeTensors.write(file, parts, Map.of());
        assertRefused(reason);
        Files.write(file, original);
    }

    private void assertRefused(String reason) {
        assertThatThrownBy(() -> HuggingFaceFolder.load(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(folder.toString())
                .hasMessageContaining(reason);
    }

    private static Transformer model(boolean interleaved) throws IOException {
        return TinyModels.random(TinyModels.config(interleaved, false, false, null), 5);
    }

    /** A model whose linear layers are rounded to grids, with plain numbers in 32 bits around them. */
    private static Transformer quantized(boolean interleaved, int bits, int group, boolean symmetric, DataType scales)
            throws IOException {
        Transformer model = model(interleaved).copy();
        for (Linear linear : model.linears()) {
            linear.setWeight(grid(linear.weight(), bits, group, symmetric, scales));
        }
        assertThat(model.embedding()).isNotInstanceOf(DenseStorage.class);
        return model;
    }

    private static GridStorage grid(WeightStorage weight, int bits, int group, boolean symmetric, DataType scales) {
        GridStorage.Builder result =
                new GridStorage.Builder(weight.rows(), weight.columns(), bits, group, symmetric, scales);
        float[] row = new float[weight.columns()];
        for (int r = 0; r < weight.rows(); r++) {
            weight.decodeRow(r, row, 0);
            for (int g = 0; g < result.groups(); g++) {
                int first = g * result.groupSize();
                int end = Math.min(row.length, first + result.groupSize());
                Grid grid = Grid.fit(row, first, end - first, bits, symmetric, scales);
                result.setGrid(r, g, grid);
                for (int c = first; c < end; c++) {
                    result.setCode(r, c, grid.code(row[c]));
                }
            }
        }
        return result.build();
    }
}
