package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

class GgufTest {
    private static final int F32 = 0;
    private static final int Q4_0 = 2;
    private static final int Q2_K = 10;

    @TempDir
    Path folder;

    @Test
    void readsBackWhatItWrote() throws IOException {
        GgufWriter writer = new GgufWriter();
        writer.put("int", 7);
        writer.put("negative", -7);
        writer.put("long", 1L << 40);
        writer.put("float", 0.1f);
        writer.put("double", 0.1);
        writer.put("true", true);
        writer.put("text", "é \u0000 \uD83D\uDE00");
        writer.put("ints", new int[] {1, -2});
        writer.put("longs", new long[] {1L << 40, 3});
        writer.put("floats", new float[] {1.5f});
        writer.put("doubles", new double[] {2.5});
        writer.put("truths", new boolean[] {true, false});
        writer.put("texts", List.of("a", "", "ß"));
        writer.put("none", List.of());
        writer.addMatrix("m", new TensorStorage(Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3)), GgufType.F16);
        writer.addVector("v", Tensor.of(new float[] {9}, 1));
        Path path = folder.resolve("all.gguf");

        writer.write(path, Progress.NONE);

        Gguf file = Gguf.open(path);
        assertThat(file.version()).isEqualTo(3);
        GgufMetadata metadata = file.metadata();
        assertThat(metadata.startingWith("")).hasSize(14);
        assertThat(metadata.keys()).startsWith("int", "negative").endsWith("none");
        assertThat(metadata.get("int")).isEqualTo(7);
        assertThat(metadata.get("negative")).isEqualTo(-7);
        assertThat(metadata.get("long")).isEqualTo(1L << 40);
        assertThat(metadata.get("float")).isEqualTo(0.1f);
        assertThat(metadata.real("double")).isEqualTo(0.1);
        assertThat(metadata.truth("true", false)).isTrue();
        assertThat(metadata.string("text")).isEqualTo("é \u0000 \uD83D\uDE00");
        assertThat(metadata.integers("ints")).containsExactly(1, -2);
        assertThat((long[]) metadata.get("longs")).containsExactly(1L << 40, 3);
        assertThat(metadata.floats("floats")).containsExactly(1.5f);
        assertThat((double[]) metadata.get("doubles")).containsExactly(2.5);
        assertThat((boolean[]) metadata.get("truths")).containsExactly(true, false);
        assertThat(metadata.strings("texts")).containsExactly("a", "", "ß");
        assertThat(metadata.strings("none")).isEmpty();
        assertThat(metadata.get("absent")).isNull();
        assertThat(file.tensor("m").shape()).containsExactly(2L, 3L);
        assertThat(file.tensor("m").matrix().decode().array()).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(file.tensor("v").offset() % 32).isZero();
        assertThat(file.tensor("v").vector().array()).containsExactly(9);
    }

    @Test
    void refusesValuesOfTheWrongType() throws IOException {
        GgufMetadata metadata = parse(new Bytes(3)
                        .head(0, 2)
                        .text("n")
                        .int32(10)
                        .int64(-1)
                        .text("s")
                        .int32(8)
                        .text("x")
                        .toByteArray())
                .metadata();
        assertThatThrownBy(() -> metadata.integer("n")).hasMessageContaining("n exceeds 63 bits");
        assertThatThrownBy(() -> metadata.integer("s")).hasMessageContaining("s must be a whole number");
        assertThatThrownBy(() -> metadata.real("s")).hasMessageContaining("s must be a number");
        assertThatThrownBy(() -> metadata.truth("s", true)).hasMessageContaining("s must be a truth value");
        assertThatThrownBy(() -> metadata.strings("s")).hasMessageContaining("s must be a list");
        assertThatThrownBy(() -> metadata.string("absent")).hasMessageContaining("absent is missing");
    }

    @Test
    void stepsOverNestedArrays() throws IOException {
        Bytes nested = new Bytes(3).head(0, 2).text("n").int32(9).int32(9).int64(2);
        nested.int32(4)
                .int64(1)
                .int32(5)
                .int32(8)
                .int64(1)
                .text("x")
                .text("after")
                .int32(4)
                .int32(6);
        GgufMetadata metadata = parse(nested.toByteArray()).metadata();
        assertThat(metadata.integer("after")).isEqualTo(6);
        assertThatThrownBy(() -> metadata.get("n")).hasMessageContaining("list of lists");

        Bytes deep = new Bytes(3).head(0, 1).text("n").int32(9);
        for (int i = 0; i < 100; i++) {
            deep.int32(9).int64(1);
        }
        assertMalformed(deep, "nested too deeply");
    }

    @Test
    void readsVersionTwoAndRefusesOthers() throws IOException {
        assertThat(parse(new Bytes(2).head(0, 0).toByteArray()).version()).isEqualTo(2);
        assertMalformed(new Bytes(1).head(0, 0), "version 1 is not supported");
        assertMalformed(new Bytes(0x03000000).head(0, 0), "big-endian");
        assertThatThrownBy(() -> parse("nothing of the kind".getBytes(StandardCharsets.UTF_8)))
                .hasMessageContaining("this is not a GGUF file");
    }

    @Test
    void refusesAbsurdCounts() {
        for (long count : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 33, 2}) {
            assertMalformed(new Bytes(3).head(count, 0), "no room");
            assertMalformed(new Bytes(3).head(0, count), "no room");
            assertMalformed(new Bytes(3).head(0, 1).int64(count).int32(4), "no room");
            assertMalformed(new Bytes(3).head(0, 1).text("k").int32(8).int64(count), "no room");
            assertMalformed(new Bytes(3).head(0, 1).text("k").int32(9).int32(4).int64(count), "no room");
        }
    }

    @Test
    void refusesMalformedMetadata() {
        assertMalformed(new Bytes(3).head(0, 1).text("k").int32(13).int64(0), "no metadata type 13");
        assertMalformed(new Bytes(3).head(0, 1).text("k").int32(9).int32(-1).int64(0), "no metadata type -1");
        assertMalformed(new Bytes(3).head(0, 1).text("k").int32(7).int8(2), "neither 0 nor 1");
        assertMalformed(
                new Bytes(3)
                        .head(0, 2)
                        .text("k")
                        .int32(4)
                        .int32(1)
                        .text("k")
                        .int32(4)
                        .int32(1),
                "\"k\" occurs twice");
        for (int alignment : new int[] {0, 4, 12, -32}) {
            assertMalformed(
                    new Bytes(3).head(0, 1).text("general.alignment").int32(4).int32(alignment), "alignment");
        }
    }

    @Test
    void refusesMalformedTensors() {
        assertMalformed(tensors(1).tensor("t", Q4_0, 0, 33).data(64), "no multiple of Q4_0's block of 32");
        assertMalformed(tensors(1).tensor("t", F32, 0, 17).data(64), "does not fit");
        assertMalformed(tensors(1).tensor("t", F32, 0, 1L << 62, 4).data(64), "does not fit");
        assertMalformed(tensors(1).tensor("t", F32, 0, -4, -4).data(64), "absurd dimension");
        assertMalformed(tensors(1).tensor("t", F32, 1, 4).data(64), "no multiple of 32");
        assertMalformed(tensors(1).tensor("t", F32, -32, 4).data(64), "no multiple of 32");
        assertMalformed(tensors(1).tensor("t", F32, Long.MAX_VALUE - 31, 4).data(64), "behind the file's end");
        assertMalformed(tensors(1).tensor("t", F32, 64, 4).data(64), "does not fit");
        assertMalformed(tensors(1).tensor("t", F32, 0).data(64), "0 dimensions");
        assertMalformed(tensors(1).tensor("t", F32, 0, 1, 1, 1, 1, 1).data(64), "5 dimensions");
        assertMalformed(tensors(1).tensor("t".repeat(65), F32, 0, 4).data(64), "too long");
        assertMalformed(
                tensors(2).tensor("t", F32, 0, 4).tensor("t", F32, 32, 4).data(64), "\"t\" occurs twice");
        assertMalformed(
                tensors(2).tensor("t", F32, 0, 9).tensor("u", F32, 32, 4).data(64), "\"u\" overlaps tensor \"t\"");
        assertMalformed(
                tensors(2).tensor("t", F32, 32, 4).tensor("u", F32, 32, 4).data(64), "overlaps");
    }

    @Test
    void unknownNumberFormatsAreRefusedOnlyWhenAskedFor() throws IOException {
        Gguf file = parse(tensors(2)
                .tensor("t", Q2_K, 0, 256, 1)
                .tensor("u", F32, 32, 0)
                .data(64)
                .toByteArray());
        assertThat(file.tensor("t").shape()).containsExactly(1L, 256L);
        assertThatThrownBy(() -> file.tensor("t").matrix())
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("ggml type 10");
    }

    @Test
    void refusesEveryTruncation() throws IOException {
        byte[] whole = new Bytes(3)
                .head(1, 1)
                .text("k")
                .int32(8)
                .text("v")
                .tensor("t", F32, 0, 16)
                .data(64)
                .toByteArray();
        assertThat(parse(whole).tensors()).containsOnlyKeys("t");
        for (int length = 0; length < whole.length; length++) {
            byte[] truncated = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> parse(truncated)).isInstanceOf(ModelFormatException.class);
        }
    }

    @Test
    void refusesToWriteKeysTwiceAndValuesItHasNoTypeFor() {
        GgufWriter writer = new GgufWriter();
        writer.put("k", 1);
        assertThatThrownBy(() -> writer.put("k", 2)).hasMessageContaining("k is taken");
        assertThatThrownBy(() -> writer.put("m", Map.of())).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void tellsProgress() throws IOException {
        GgufWriter writer = new GgufWriter();
        writer.addMatrix("m", new TensorStorage(Tensor.zeros(700, 1000)), GgufType.F32);
        Path path = folder.resolve("some.gguf");
        long[] last = new long[2];
        writer.write(path, (done, total) -> {
            assertThat(done).isGreaterThanOrEqualTo(last[0]);
            last[0] = done;
            last[1] = total;
        });
        assertThat(last).containsExactly(Files.size(path), Files.size(path));
    }

    private static Bytes tensors(int count) {
        return new Bytes(3).head(count, 0);
    }

    private static void assertMalformed(Bytes bytes, String reason) {
        assertThatThrownBy(() -> parse(bytes.toByteArray()))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("test.gguf, byte ")
                .hasMessageContaining(reason);
    }

    private static Gguf parse(byte[] bytes) throws IOException {
        return Gguf.parse(new MappedFile(Path.of("test.gguf"), MemorySegment.ofArray(bytes)));
    }

    /** A file in the making. */
    private static final class Bytes {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Bytes(int version) {
            int32(Gguf.MAGIC).int32(version);
        }

        Bytes head(long tensors, long values) {
            return int64(tensors).int64(values);
        }

        Bytes int8(int number) {
            bytes.write(number);
            return this;
        }

        Bytes int32(int number) {
            bytes.writeBytes(ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(number)
                    .array());
            return this;
        }

        Bytes int64(long number) {
            bytes.writeBytes(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(number)
                    .array());
            return this;
        }

        Bytes text(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            int64(utf8.length);
            bytes.writeBytes(utf8);
            return this;
        }

        Bytes tensor(String name, int type, long offset, long... dimensions) {
            text(name).int32(dimensions.length);
            for (long dimension : dimensions) {
                int64(dimension);
            }
            return int32(type).int64(offset);
        }

        /** Pads to the alignment and adds {@code count} bytes of data. */
        Bytes data(int count) {
            bytes.writeBytes(new byte[(32 - bytes.size() % 32) % 32 + count]);
            return this;
        }

        byte[] toByteArray() {
            return bytes.toByteArray();
        }
    }
}
