package parsimony.core;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Writes a file beside its place and moves it there when it is whole, so that nobody ever sees half of it. */
public final class AtomicFile {
    private AtomicFile() {}

    /** What writes the file's contents. */
    @FunctionalInterface
    public interface Body {
        void write(FileChannel channel) throws IOException;
    }

    /**
     * Writes a file; one of that name is replaced. Behind a symbolic link it is the file that is replaced, not the link.
     *
     * @throws ModelFormatException if its folder does not exist, or a folder or device is in its place
     * @throws FileSystemException that names the file, if the disk does not take it
     */
    public static void write(Path target, Body body) throws IOException {
        if (Files.exists(target) && !Files.isRegularFile(target)) {
            String kind = Files.isDirectory(target) ? "a folder" : "no regular file";
            throw new ModelFormatException(target, -1, "this is " + kind + ", where a file is to be written");
        }
        Path absolute = Files.exists(target)
                ? target.toRealPath()
                : target.toAbsolutePath().normalize();
        if (!Files.isDirectory(absolute.getParent())) {
            throw new ModelFormatException(target, -1, "the folder it is to be written to does not exist");
        }
        try (Unfinished unfinished = Unfinished.file(absolute)) {
            try (FileChannel channel = FileChannel.open(unfinished.path(), StandardOpenOption.WRITE)) {
                body.write(channel);
            }
            unfinished.moveTo(absolute);
        } catch (AccessDeniedException e) {
            throw new AccessDeniedException(target.toString());
        } catch (FileSystemException e) {
            throw e.getReason() == null ? e : naming(target, e.getReason(), e);
        } catch (IOException e) {
            // A channel does not say which file it is that the disk does not take.
            throw e.getClass() == IOException.class ? naming(target, e.getMessage(), e) : e;
        }
    }

    private static FileSystemException naming(Path target, String reason, IOException cause) {
        FileSystemException named = new FileSystemException(target.toString(), null, reason);
        named.initCause(cause);
        return named;
    }

    /** Writes a small file in one step, as above. */
    public static void write(Path target, byte[] contents) throws IOException {
        write(target, channel -> writeFully(channel, ByteBuffer.wrap(contents)));
    }

    /** Writes all that remains of a buffer. */
    public static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }
}
