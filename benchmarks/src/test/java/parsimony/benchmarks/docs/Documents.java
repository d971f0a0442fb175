package parsimony.benchmarks.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The documents for people: the page that one sees first, the modules' chapters, and what lies in docs. */
final class Documents {
    /** Tests run in the module's folder. */
    static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    static final Path TECHNIQUE = Path.of("docs", "add-a-technique.md");

    private static final Pattern INLINE = Pattern.compile("`([^`\n]+)`");
    private static final Pattern COMMAND = Pattern.compile(
            "([A-Z_]+=\\S+ )*(\\./parsimony|\\./mvnw|mvn|benchmarks/peers/[a-z-]+\\.sh)( .*)?", Pattern.DOTALL);
    private static final Pattern FILE = Pattern.compile("(?m)^`([^`\n]+)`\n\n```\\w*\n(.*?)^```$", Pattern.DOTALL);

    private Documents() {}

    /**
     * A command as it is written in a document.
     *
     * @param document its path from the root of the project
     */
    record Command(String document, String text) {
        @Override
        public String toString() {
            return document + ": " + text;
        }
    }

    /** All documents, by their paths from the root of the project. */
    static List<Path> all() {
        try (Stream<Path> modules = Files.list(ROOT);
                Stream<Path> pages = Files.list(ROOT.resolve("docs"))) {
            return Stream.of(
                            Stream.of(ROOT.resolve("README.md")),
                            modules.filter(Files::isDirectory)
                                    .map(module -> module.resolve("README.md"))
                                    .filter(Files::exists)
                                    .sorted(),
                            pages.filter(page -> page.toString().endsWith(".md"))
                                    .sorted())
                    .flatMap(paths -> paths)
                    .map(ROOT::relativize)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String read(Path document) {
        try {
            return Files.readString(ROOT.resolve(document));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The commands of all documents in their order; one that several documents have is the first one's. */
    static List<Command> commands() {
        Map<String, Command> commands = new LinkedHashMap<>();
        all().forEach(document -> commands(document).forEach(command -> commands.putIfAbsent(command.text(), command)));
        return List.copyOf(commands.values());
    }

    private static List<Command> commands(Path document) {
        List<String> found = new ArrayList<>();
        String text = read(document).replaceAll("(?ms)^```.*?^```$", "");
        // Lines of a block are indented by four; a command goes on where a line ends with a backslash.
        for (String line : text.replace("\\\n", "\\\\n").split("\n", -1)) {
            if (line.startsWith("    ")) {
                found.add(line.strip().replace("\\\\n", "\\\n"));
            } else {
                Matcher inline = INLINE.matcher(line);
                while (inline.find()) {
                    found.add(inline.group(1));
                }
            }
        }
        return found.stream()
                .filter(candidate -> COMMAND.matcher(candidate).matches())
                .distinct()
                .map(command -> new Command(document.toString(), command))
                .toList();
    }

    /** Writes the files that a document shows, each a block below its path, and returns their paths. */
    static List<Path> writeFiles(Path document, Path folder) throws IOException {
        List<Path> written = new ArrayList<>();
        Matcher file = FILE.matcher(read(document));
        while (file.find()) {
            Path path = folder.resolve(file.group(1));
            Files.createDirectories(path.getParent());
            // A file that is there already is added to: the line of a service.
            String before = Files.exists(path) ? Files.readString(path) : "";
            Files.writeString(path, before + file.group(2));
            written.add(path);
        }
        return written;
    }
}
