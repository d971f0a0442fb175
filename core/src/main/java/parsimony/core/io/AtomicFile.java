package parsimony.core.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import parsimony.core.ModelFormatException;

/** Writes a file beside its place and moves it there when it is whole, so that nobody ever sees half of it. */
public final class AtomicFile {
    private AtomicFile() {}

    /** What writes the file's contents. */
    @FunctionalInterface
    interface Body {
        void write(FileChannel channel) throws IOException;
    }

    static void write(Path target, Body body) throws IOException {
        Path absolute = target.toAbsolutePath();
        Path folder = absolute.getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new ModelFormatException(target, -1, "the folder it is to be written to does not exist");
        }
        Path unfinished = folder.resolve("." + absolute.getFileName() + "." + UUID.randomUUID() + ".part");
        try {
            try (FileChannel channel =
                    FileChannel.open(unfinished, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                body.write(channel);
            }
            Files.move(unfinished, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /**
     * Writes a small file in one step; a file of that name is replaced.
     *
     * @throws ModelFormatException if its folder does not exist
     */
    public static void write(Path target, byte[] contents) throws IOException {
        write(target, channel -> writeFully(channel, ByteBuffer.wrap(contents)));
    }

    static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }
}
