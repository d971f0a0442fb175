package parsimony.benchmarks.report;

import static parsimony.benchmarks.report.Page.escaped;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import parsimony.benchmarks.result.Result;
import parsimony.core.technique.OptionSyntax;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.Techniques;

/** What a page says of the techniques in its tables: the idea, the paper, the options, and where the class is. */
final class TechniqueList {
    private final Path folder;
    private final Path home;

    /** @param page from which links start; there are some only where the project's sources are at hand */
    TechniqueList(Path page) {
        folder = page.toAbsolutePath().normalize().getParent();
        String property = System.getProperty("parsimony.home");
        home = property == null ? null : Path.of(property).toAbsolutePath().normalize();
    }

    /** A section; empty if the results name no technique that is installed. */
    String html(List<Result> results) {
        List<String> named = results.stream()
                .flatMap(result -> result.rows().stream())
                .flatMap(row -> Stream.of(row.series().split("\\+", -1)))
                .distinct()
                .toList();
        String techniques = Techniques.all().stream()
                .filter(technique -> named.contains(technique.name()))
                .map(this::technique)
                .collect(Collectors.joining());
        return techniques.isEmpty()
                ? ""
                : "<section aria-labelledby=\"techniques-title\">\n<h2 id=\"techniques-title\">Techniques</h2>\n"
                        + "<dl class=\"techniques\">\n" + techniques + "</dl>\n</section>\n";
    }

    private String technique(Technique<?> technique) {
        String options = OptionSyntax.list(technique.defaults()).stream()
                .map(option -> "<code title=\"%s\">%s=%s</code>"
                        .formatted(escaped(option.allowed()), escaped(option.name()), escaped(option.value())))
                .collect(Collectors.joining(" "));
        return "<div><dt>%s</dt><dd>%s%s<span>%s</span><span>%s</span></dd></div>\n"
                .formatted(
                        escaped(technique.name()),
                        escaped(technique.idea()),
                        papers(technique),
                        options,
                        source(technique.getClass()));
    }

    private static String papers(Technique<?> technique) {
        Paper paper = technique.getClass().getAnnotation(Paper.class);
        if (paper == null) {
            return "";
        }
        if (paper.survey().length == 0) {
            String title = "<cite>" + escaped(paper.title()) + "</cite>";
            String linked =
                    paper.link().isEmpty() ? title : "<a href=\"" + escaped(paper.link()) + "\">" + title + "</a>";
            return "<span>" + linked + ", " + escaped(paper.venue()) + ", " + paper.year() + "</span>";
        }
        return Arrays.stream(paper.survey())
                .mapToObj(Survey::entry)
                .map(entry ->
                        "<span><cite>" + escaped(entry.title()) + "</cite>, " + escaped(entry.venue()) + "</span>")
                .collect(Collectors.joining());
    }

    /** The class, as a link to its source if that is at hand. */
    private String source(Class<?> type) {
        String name = "<code>" + escaped(type.getName()) + "</code>";
        if (home == null) {
            return name;
        }
        Path source = home.resolve(Survey.source(type));
        return Files.isRegularFile(source)
                ? "<a href=\"" + escaped(folder.relativize(source).toString().replace('\\', '/')) + "\">" + name
                        + "</a>"
                : name;
    }
}
