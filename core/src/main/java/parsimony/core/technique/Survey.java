package parsimony.core.technique;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The papers that this laboratory works through, in the order of the survey that lists them. */
public final class Survey {
    private static final List<Entry> ENTRIES = read();

    private Survey() {}

    /**
     * One paper.
     *
     * @param id its number, from 1 on, which {@link Paper#survey()} names
     * @param module the module of this project where its implementation belongs, in some cases one that is not
     *     there yet
     */
    public record Entry(int id, String area, String category, String title, String venue, String module) {}

    /** All papers. */
    public static List<Entry> entries() {
        return ENTRIES;
    }

    /**
     * The paper of this number.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Entry entry(int id) {
        return ENTRIES.stream()
                .filter(entry -> entry.id() == id)
                .findAny()
                .orElseThrow(() -> new IllegalArgumentException("the survey has no paper " + id));
    }

    /** The title of a technique's paper; empty if it follows none. */
    public static String title(Technique<?> technique) {
        Paper paper = technique.getClass().getAnnotation(Paper.class);
        if (paper == null) {
            return "";
        }
        return paper.survey().length > 0 ? entry(paper.survey()[0]).title() : paper.title();
    }

    /** Where the source of a class lies, from the project's root: parsimony.quantization.RoundToNearest is in the module quantization. */
    public static String source(Class<?> type) {
        return type.getName().split("\\.", -1)[1] + "/src/main/java/"
                + type.getName().replace('.', '/') + ".java";
    }

    private static List<Entry> read() {
        try (InputStream file = Survey.class.getResourceAsStream("survey.tsv");
                BufferedReader lines = new BufferedReader(new InputStreamReader(file, StandardCharsets.UTF_8))) {
            return lines.lines()
                    .skip(1)
                    .map(line -> line.split("\t", -1))
                    .map(f -> new Entry(Integer.parseInt(f[0]), f[1], f[2], f[3], f[4], f[5]))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
