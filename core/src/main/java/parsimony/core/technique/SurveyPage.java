package parsimony.core.technique;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The survey's list joined with the classes that implement its papers, as docs/survey.md: what runs, where it
 * is, and what is missing.
 */
public final class SurveyPage {
    /** Entry number → classes. */
    private final Map<Integer, List<Class<?>>> bySurvey = new TreeMap<>();

    private final List<Class<?>> outside = new ArrayList<>();

    /** @param classes those that carry {@link Paper}; others are passed over */
    private SurveyPage(Collection<Class<?>> classes) {
        for (Class<?> type : classes) {
            Paper paper = type.getAnnotation(Paper.class);
            if (paper == null) {
                continue;
            }
            for (int id : paper.survey()) {
                bySurvey.computeIfAbsent(Survey.entry(id).id(), i -> new ArrayList<>())
                        .add(type);
            }
            if (paper.survey().length == 0) {
                outside.add(type);
            }
        }
    }

    /**
     * The page for the installed techniques and the classes {@code others} that are none but carry {@link Paper}
     * too.
     */
    public static String markdown(Collection<Class<?>> others) {
        List<Class<?>> classes = new ArrayList<>();
        Techniques.all().forEach(technique -> classes.add(technique.getClass()));
        classes.addAll(others);
        return new SurveyPage(classes).markdown();
    }

    private String markdown() {
        StringBuilder page = new StringBuilder();
        page.append("# What is here of the survey\n\n")
                .append("Generated from the `@Paper` annotations and the survey's list; do not edit. ")
                .append("A paper with a class is implemented there, a module in parentheses is where it would go.\n\n");
        page.append("| Area | Papers | Here |\n|---|---:|---:|\n");
        Map<String, List<Survey.Entry>> areas = Survey.entries().stream()
                .collect(Collectors.groupingBy(Survey.Entry::area, LinkedHashMap::new, Collectors.toList()));
        areas.forEach((area, entries) -> row(page, area, entries.size(), here(entries)));
        row(page, "**All**", Survey.entries().size(), here(Survey.entries()));
        if (!outside.isEmpty()) {
            page.append("\n## Beside the survey\n\n| Paper | Venue | Where |\n|---|---|---|\n");
            for (Class<?> type : outside) {
                Paper paper = type.getAnnotation(Paper.class);
                String title = paper.link().isEmpty() ? paper.title() : "[" + paper.title() + "](" + paper.link() + ")";
                row(page, title, paper.venue() + ", " + paper.year(), link(type));
            }
        }
        areas.forEach((area, entries) -> {
            page.append("\n## ").append(area).append('\n');
            entries.stream()
                    .collect(Collectors.groupingBy(Survey.Entry::category, LinkedHashMap::new, Collectors.toList()))
                    .forEach((category, papers) -> category(page, category, papers));
        });
        return page.toString();
    }

    private void category(StringBuilder page, String category, List<Survey.Entry> papers) {
        page.append("\n### ").append(category).append("\n\n| # | Paper | Venue | Where |\n|---:|---|---|---|\n");
        for (Survey.Entry paper : papers) {
            List<Class<?>> classes = bySurvey.getOrDefault(paper.id(), List.of());
            String where = classes.isEmpty()
                    ? "(" + paper.module() + ")"
                    : classes.stream().map(SurveyPage::link).collect(Collectors.joining(", "));
            row(page, paper.id(), paper.title(), paper.venue(), where);
        }
    }

    private long here(List<Survey.Entry> entries) {
        return entries.stream()
                .filter(entry -> bySurvey.containsKey(entry.id()))
                .count();
    }

    /** A link to the source, with the name on the command line where there is one. */
    private static String link(Class<?> type) {
        String name = Techniques.all().stream()
                .filter(technique -> technique.getClass() == type)
                .map(technique -> "`" + technique.name() + "` ")
                .findAny()
                .orElse("");
        return name + "[" + type.getSimpleName() + "](../" + Survey.source(type) + ")";
    }

    private static void row(StringBuilder page, Object... cells) {
        page.append(Arrays.stream(cells)
                .map(cell -> cell.toString().replace("|", "\\|"))
                .collect(Collectors.joining(" | ", "| ", " |\n")));
    }
}
