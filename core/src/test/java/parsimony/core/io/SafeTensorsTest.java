package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

class SafeTensorsTest {
    private static final String A = "#a(2,1;0,8)";

    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(DataType.class)
    void readsBackWhatItWrote(DataType type) throws IOException {
        Path file = folder.resolve("some.safetensors");
        Map<String, WeightStorage> matrices = new LinkedHashMap<>();
        matrices.put("z", new TensorStorage(Tensor.of(new float[] {1, -2.5f, 3e-5f, 1000.4f, 0, 7}, 2, 3)));
        matrices.put("é\"", new TensorStorage(Tensor.of(new float[] {4}, 1, 1)));
        Map<String, Tensor> vectors = Map.of("v", Tensor.of(new float[] {0.1f, 0.2f}, 2));

        SafeTensors.write(file, type, matrices, vectors, Map.of("format", "pt"));

        SafeTensors read = SafeTensors.open(file);
        assertThat(read.tensors().keySet()).containsExactly("z", "é\"", "v");
        assertThat(read.metadata()).containsExactlyEntriesOf(Map.of("format", "pt"));
        WeightStorage z = read.tensor("z").matrix();
        assertThat(z.rows()).isEqualTo(2);
        assertThat(z.decode().array()).containsExactly(1, -2.5f, type.round(3e-5f), type.round(1000.4f), 0, 7);
        assertThat(read.tensor("v").vector().array()).containsExactly(type.round(0.1f), type.round(0.2f));
        assertThat(read.tensor("z").offset() % 8).isZero();
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void unknownNumberFormatsAreRefusedOnlyWhenAskedFor() throws IOException {
        SafeTensors file = parse("{'q':{'dtype':'F4_X','shape':[4],'data_offsets':[0,2]}}", 2);

        assertThat(file.tensor("q").shape()).containsExactly(4L);
        assertThatThrownBy(() -> file.tensor("q").vector())
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("F4_X");
        assertThatThrownBy(() -> file.tensor("none"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("\"none\"");
    }

    @Test
    void readsScalarsAndEmptyTensors() throws IOException {
        SafeTensors file = parse("{#s(;0,4)," + "#e(0,9223372036854775807,9223372036854775807;4,4)}", 4);

        assertThat(file.tensors()).containsOnlyKeys("s", "e");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            {#a(2,1;0,8) | 8 | not JSON
            [1] | 0 | does not begin with {
            {} {} | 0 | text follows
            {} | 4 | follow the last tensor
            {'a':3} | 0 | START_OBJECT
            {#a(2,1;0,8)} | 4 | bytes 0 to 8
            {#a(2,1;8,0)} | 8 | bytes 8 to 0
            {#a(2,1;-8,0)} | 8 | negative
            {#a(2,1;0,99999999999999999999)} | 8 | too large
            {#a(-2,-1;0,8)} | 8 | negative
            {#a(3;0,8)} | 8 | does not take 8
            {#a(4294967296,4294967296,2;0,8)} | 8 | does not take 8
            {#a(2;0,8),#b(1;4,8)} | 8 | overlaps
            {#a(1;0,4),#b(1;8,12)} | 12 | unused
            {#a(1;0,4),#a(1;4,8)} | 8 | twice
            {'a':{'dtype':'F32','dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 4 | twice
            {'a':{'dtype':'F32','shape':[1]}} | 4 | data_offsets
            {'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4],'x':1}} | 4 | unknown field
            {#a(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1;0,4)} | 4 | more than 16
            {'__metadata__':{'a':1}} | 0 | VALUE_STRING
            {'__metadata__':{},'__metadata__':{}} | 0 | twice
            """)
    void refusesMalformedHeaders(String header, int dataBytes, String reason) {
        assertThatThrownBy(() -> parse(header, dataBytes))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("test.safetensors, byte ")
                .hasMessageContaining(reason);
    }

    @Test
    void refusesLyingHeaderLengths() {
        for (long length : new long[] {-1, Long.MIN_VALUE, 100_000_001, 40, Long.MAX_VALUE}) {
            byte[] bytes = bytes("{" + A + "}", 8);
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
            assertThatThrownBy(() -> parse(bytes)).isInstanceOf(ModelFormatException.class);
        }
    }

    @Test
    void refusesEveryTruncation() throws IOException {
        byte[] whole = bytes("{" + A + "}", 8);
        assertThat(parse(whole).tensors()).containsOnlyKeys("a");
        for (int length = 0; length < whole.length; length++) {
            byte[] truncated = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> parse(truncated)).isInstanceOf(ModelFormatException.class);
        }
    }

    @Test
    void namesThePlaceOfTheFault() {
        String header = "{'ü':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':'x'}";
        assertThatThrownBy(() -> parse(header, 4))
                .isInstanceOfSatisfying(
                        ModelFormatException.class,
                        e -> assertThat(e.offset()).isEqualTo(8 + header.getBytes(StandardCharsets.UTF_8).length - 4));
    }

    @Test
    void aFailedWriteLeavesNothingBehind() {
        Path file = folder.resolve("broken.safetensors");
        WeightStorage broken = new WeightStorage() {
            @Override
            public int rows() {
                return 1;
            }

            @Override
            public int columns() {
                return 1;
            }

            @Override
            public void decodeRow(int row, float[] target, int offset) {
                throw new IllegalStateException("broken");
            }

            @Override
            public long bytes() {
                return 0;
            }

            @Override
            public String format() {
                return "broken";
            }
        };
        assertThatThrownBy(() -> SafeTensors.write(file, DataType.F32, Map.of("a", broken), Map.of(), Map.of()))
                .hasMessage("broken");
        assertThat(folder).isEmptyDirectory();
    }

    private static SafeTensors parse(String header, int dataBytes) throws IOException {
        return parse(bytes(header, dataBytes));
    }

    private static SafeTensors parse(byte[] bytes) throws IOException {
        return SafeTensors.parse(new MappedFile(Path.of("test.safetensors"), MemorySegment.ofArray(bytes)));
    }

    /** A file with that header, ' standing for " and #name(shape;offsets) for an F32 tensor. */
    private static byte[] bytes(String header, int dataBytes) {
        String spelledOut =
                header.replaceAll("#(\\w)\\((.*?);(.*?)\\)", "'$1':{'dtype':'F32','shape':[$2],'data_offsets':[$3]}");
        byte[] json = spelledOut.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + json.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .put(json)
                .array();
    }
}
