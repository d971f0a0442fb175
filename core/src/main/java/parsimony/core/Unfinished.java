package parsimony.core;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A file or folder that is being made beside the place where it is to appear. It goes away with the process, however that is ended: an interrupt
 * (Ctrl-C) removes it, and what a killed process left behind is removed when the same file or folder is made again.
 */
public final class Unfinished implements AutoCloseable {
    private static final AtomicInteger COUNT = new AtomicInteger();

    /** All that this process is making, and the lock of whoever changes file names. */
    private static final SequencedSet<Unfinished> OPEN = new LinkedHashSet<>();

    /** Set, under the lock, when the process ends; from then on nothing may be begun or finished. */
    private static boolean ending;

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(Unfinished::end, "remove-unfinished"));
    }

    private final Path path;

    /** What makes a new file or folder. */
    @FunctionalInterface
    private interface Maker {
        void make(Path path) throws IOException;
    }

    private Unfinished(Path path) {
        this.path = path;
    }

    /**
     * Makes an empty file beside {@code target}, whose folder must exist.
     *
     * @throws FileSystemException that names {@code target}, if the disk does not take it
     */
    public static Unfinished file(Path target) throws IOException {
        return begin(target, Files::createFile);
    }

    /**
     * Makes an empty folder beside {@code target}, whose own folder must exist.
     *
     * @throws FileSystemException that names {@code target}, if the disk does not take it
     */
    public static Unfinished folder(Path target) throws IOException {
        return begin(target, Files::createDirectory);
    }

    private static Unfinished begin(Path target, Maker maker) throws IOException {
        synchronized (OPEN) {
            stopIfEnding();
            removeLeftBehind(target);
            Unfinished unfinished = new Unfinished(hidden(target, "part"));
            try {
                maker.make(unfinished.path);
            } catch (AccessDeniedException _) {
                throw new AccessDeniedException(target.toString());
            } catch (FileSystemException e) {
                throw new FileSystemException(target.toString(), null, e.getReason());
            }
            OPEN.add(unfinished);
            return unfinished;
        }
    }

    private static Path hidden(Path target, String kind) {
        return target.resolveSibling("." + target.getFileName() + "."
                + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet() + "." + kind);
    }

    private static void removeLeftBehind(Path target) {
        Pattern name =
                Pattern.compile("\\." + Pattern.quote(target.getFileName().toString()) + "\\.(\\d{1,18})-\\d+\\.part");
        try {
            for (Path file : contents(target.toAbsolutePath().getParent())) {
                Matcher matcher = name.matcher(file.getFileName().toString());
                if (matcher.matches()
                        && ProcessHandle.of(Long.parseLong(matcher.group(1))).isEmpty()) {
                    delete(file);
                }
            }
        } catch (IOException _) {
            // It may be another user's.
        }
    }

    /** Where it is made. */
    public Path path() {
        return path;
    }

    /** Puts it in its place in one step; a file or folder of that name is replaced. */
    public void moveTo(Path target) throws IOException {
        synchronized (OPEN) {
            stopIfEnding();
            if (!Files.isDirectory(target)) {
                Files.move(path, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                return;
            }
            Path earlier = hidden(target, "old");
            Files.move(target, earlier, StandardCopyOption.ATOMIC_MOVE);
            try {
                Files.move(path, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                Files.move(earlier, target, StandardCopyOption.ATOMIC_MOVE);
                throw e;
            }
            delete(earlier);
        }
    }

    /** Removes it, unless it was put in its place. */
    @Override
    public void close() throws IOException {
        synchronized (OPEN) {
            stopIfEnding();
            OPEN.remove(this);
            delete(path);
        }
    }

    private static void end() {
        synchronized (OPEN) {
            ending = true;
            for (Unfinished unfinished : OPEN.reversed()) {
                try {
                    delete(unfinished.path);
                } catch (IOException e) {
                    System.err.println("parsimony: not removed: " + unfinished.path + ", " + e);
                }
            }
        }
    }

    /** Holds up a thread that is still at work when the process ends: it would only complain that its files are gone. */
    private static void stopIfEnding() {
        while (ending) {
            try {
                OPEN.wait();
            } catch (InterruptedException _) {
                // The process ends all the same.
            }
        }
    }

    private static void delete(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            for (Path file : contents(path)) {
                Files.delete(file);
            }
        }
        Files.deleteIfExists(path);
    }

    private static List<Path> contents(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }
}
