package parsimony.core.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import parsimony.core.ModelFormatException;

/** Writes a model's folder beside its place and moves it there when it is whole. */
final class AtomicFolder {
    /** What a folder may hold that is to be replaced: deleting anything else could destroy someone's work. */
    private static final Pattern MODEL_FILE = Pattern.compile(
            "config\\.json|generation_config\\.json|model(-\\d+-of-\\d+)?\\.safetensors|model\\.safetensors\\.index\\.json"
                    + "|tokenizer\\.json|tokenizer_config\\.json|special_tokens_map\\.json");

    private AtomicFolder() {}

    /** What fills the folder. */
    @FunctionalInterface
    interface Body {
        void write(Path folder) throws IOException;
    }

    /**
     * Writes a folder; an earlier model in its place is replaced.
     *
     * @throws ModelFormatException if something else is in its place
     */
    static void write(Path target, Body body) throws IOException {
        requireReplaceable(target);
        // Behind a symbolic link, so that it is not the link that is replaced.
        Path absolute = Files.exists(target)
                ? target.toRealPath()
                : target.toAbsolutePath().normalize();
        Path parent = absolute.getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new ModelFormatException(target, -1, "the folder it is to be written to does not exist");
        }
        String mark = "." + absolute.getFileName() + "." + UUID.randomUUID();
        Path unfinished = parent.resolve(mark + ".part");
        Path earlier = parent.resolve(mark + ".old");
        try {
            Files.createDirectory(unfinished);
            body.write(unfinished);
            boolean replaces = Files.exists(absolute);
            if (replaces) {
                Files.move(absolute, earlier, StandardCopyOption.ATOMIC_MOVE);
            }
            try {
                Files.move(unfinished, absolute, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                if (replaces) {
                    Files.move(earlier, absolute, StandardCopyOption.ATOMIC_MOVE);
                }
                throw e;
            }
        } finally {
            delete(unfinished);
            delete(earlier);
        }
    }

    /**
     * Checks that a folder can be written.
     *
     * @throws ModelFormatException if a file is in its place, or a folder with more than a model in it
     */
    static void requireReplaceable(Path target) throws IOException {
        if (!Files.exists(target)) {
            return;
        }
        if (!Files.isDirectory(target)) {
            throw new ModelFormatException(target, -1, "this is a file, where a folder is to be written");
        }
        for (Path file : contents(target)) {
            if (!MODEL_FILE.matcher(file.getFileName().toString()).matches()) {
                throw new ModelFormatException(
                        target,
                        -1,
                        "this folder holds " + file.getFileName()
                                + ", which is no part of a model; name another folder");
            }
        }
    }

    private static List<Path> contents(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList();
        }
    }

    private static void delete(Path folder) throws IOException {
        if (Files.exists(folder)) {
            for (Path file : contents(folder)) {
                Files.delete(file);
            }
            Files.delete(folder);
        }
    }
}
