package parsimony.core.io;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import parsimony.core.ModelFormatException;
import parsimony.core.Unfinished;

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
     * @throws FileSystemException that names the file in the finished folder, if the disk does not take it
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
        try (Unfinished unfinished = Unfinished.folder(absolute)) {
            try {
                body.write(unfinished.path());
            } catch (FileSystemException e) {
                // Say where the file was to be, not where it was being made.
                Path file = unfinished.path().relativize(Path.of(e.getFile()));
                FileSystemException named =
                        new FileSystemException(target.resolve(file).toString(), null, e.getReason());
                named.initCause(e);
                throw named;
            }
            unfinished.moveTo(absolute);
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
        try (Stream<Path> files = Files.list(target)) {
            for (Path file : files.sorted().toList()) {
                if (!MODEL_FILE.matcher(file.getFileName().toString()).matches()) {
                    throw new ModelFormatException(
                            target,
                            -1,
                            "this folder holds " + file.getFileName()
                                    + ", which is no part of a model; name another folder");
                }
            }
        }
    }
}
