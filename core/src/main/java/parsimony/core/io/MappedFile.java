package parsimony.core.io;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.NativeMemory;

/** A file in memory, read-only; unmapped when the last slice of it has been collected. */
record MappedFile(Path path, MemorySegment bytes) {
    static MappedFile open(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new ModelFormatException(path, -1, "this is a folder, where a file is needed");
        }
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return new MappedFile(path, NativeMemory.map(channel, 0, channel.size()));
        } catch (NoSuchFileException e) {
            throw missing(path);
        }
    }

    static ModelFormatException missing(Path path) {
        return new ModelFormatException(path, -1, "there is no such file");
    }

    /** A small text file; one of more than {@code limit} bytes is refused unread. */
    static byte[] readSmall(Path path, long limit) throws IOException {
        if (!Files.exists(path)) {
            throw missing(path);
        }
        long size = Files.size(path);
        if (size > limit) {
            throw new ModelFormatException(path, -1, size + " bytes are too many for this file (limit: " + limit + ")");
        }
        return Files.readAllBytes(path);
    }

    long size() {
        return bytes.byteSize();
    }

    ModelFormatException malformed(long offset, String reason) {
        return new ModelFormatException(path, offset, reason);
    }

    /** Text from a file for a message: shortened, without control characters. */
    static String quoted(String text) {
        String shown = text.length() > 80 ? text.substring(0, 80) + "…" : text;
        return '"' + shown.replaceAll("\\p{Cntrl}", "?") + '"';
    }

    String utf8(long offset, int length) {
        byte[] text = new byte[length];
        MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, offset, text, 0, length);
        return new String(text, StandardCharsets.UTF_8);
    }
}
