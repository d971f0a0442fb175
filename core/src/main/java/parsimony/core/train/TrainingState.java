package parsimony.core.train;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import parsimony.core.tensor.Tensor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The parameters in training with AdamW's two moments and the number of steps done: what a checkpoint holds. */
final class TrainingState {
    private static final JsonMapper JSON = JsonMapper.shared();

    private final Map<String, Tensor> parameters;
    private final Map<String, Tensor> firstMoments = new LinkedHashMap<>();
    private final Map<String, Tensor> secondMoments = new LinkedHashMap<>();
    private int step;

    TrainingState(Map<String, Tensor> parameters) {
        this.parameters = parameters;
        parameters.forEach((name, parameter) -> {
            firstMoments.put(name, parameter.zerosLike());
            secondMoments.put(name, parameter.zerosLike());
        });
    }

    Map<String, Tensor> parameters() {
        return parameters;
    }

    Tensor firstMoment(String name) {
        return firstMoments.get(name);
    }

    Tensor secondMoment(String name) {
        return secondMoments.get(name);
    }

    int step() {
        return step;
    }

    void advance() {
        step++;
    }

    private Map<String, Tensor> tensors() {
        Map<String, Tensor> tensors = new LinkedHashMap<>(parameters);
        firstMoments.forEach((name, moment) -> tensors.put("first_moment." + name, moment));
        secondMoments.forEach((name, moment) -> tensors.put("second_moment." + name, moment));
        return tensors;
    }

    void save(Path file) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        header.putObject("__metadata__").put("step", Integer.toString(step));
        long offset = 0;
        for (Map.Entry<String, Tensor> entry : tensors().entrySet()) {
            ObjectNode node = header.putObject(entry.getKey());
            node.put("dtype", "F32");
            var shape = node.putArray("shape");
            for (int dimension : entry.getValue().shape()) {
                shape.add(dimension);
            }
            long end = offset + 4L * entry.getValue().size();
            node.putArray("data_offsets").add(offset).add(end);
            offset = end;
        }
        StringBuilder text = new StringBuilder(JSON.writeValueAsString(header));
        while (text.length() % 8 != 0) {
            text.append(' ');
        }
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        try (FileChannel channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
            ByteBuffer start = ByteBuffer.allocate(8 + bytes.length).order(ByteOrder.LITTLE_ENDIAN);
            write(channel, start.putLong(bytes.length).put(bytes).flip());
            for (Tensor tensor : tensors().values()) {
                ByteBuffer buffer = ByteBuffer.allocate(4 * tensor.size()).order(ByteOrder.LITTLE_ENDIAN);
                buffer.asFloatBuffer().put(tensor.array());
                write(channel, buffer);
            }
            channel.force(true);
        }
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    void load(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer length = read(channel, 0, 8);
            int headerLength = (int) length.getLong();
            JsonNode header = JSON.readTree(read(channel, 8, headerLength).array());
            for (Map.Entry<String, Tensor> entry : tensors().entrySet()) {
                JsonNode offsets = header.get(entry.getKey()).get("data_offsets");
                ByteBuffer data = read(
                        channel,
                        8L + headerLength + offsets.get(0).asLong(),
                        4 * entry.getValue().size());
                data.asFloatBuffer().get(entry.getValue().array());
            }
            step = Integer.parseInt(header.get("__metadata__").get("step").asString());
        }
    }

    private static void write(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    private static ByteBuffer read(FileChannel channel, long position, int bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, position + buffer.position()) < 0) {
                throw new EOFException("the checkpoint ends early");
            }
        }
        return buffer.flip();
    }
}
