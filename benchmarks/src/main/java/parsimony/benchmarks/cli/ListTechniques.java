package parsimony.benchmarks.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import parsimony.core.technique.OptionSyntax;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.technique.Techniques;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "techniques",
        description =
                "List the techniques that run, or the survey's papers with what runs of them; explain one technique.",
        footer = {
            "",
            "Examples:",
            "  parsimony techniques                        what runs",
            "  parsimony techniques rtn                    its idea, its options, their defaults and what they may be",
            "  parsimony techniques --all --module pruning the survey's papers on pruning"
        })
final class ListTechniques implements Callable<Integer> {
    @Mixin
    @SuppressWarnings("UnusedVariable") // accepted like everywhere, though nothing is computed
    private CommonOptions common;

    @Parameters(paramLabel = "NAME", arity = "0..1", description = "A technique to explain.")
    private String name;

    @Option(names = "--all", description = "List every paper of the survey, also those without an implementation.")
    private boolean all;

    @Option(names = "--module", paramLabel = "MODULE", description = "List only what belongs to this module.")
    private String module;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        if (name != null) {
            if (all || module != null) {
                throw usage("a technique's NAME excludes --all and --module");
            }
            explain(out, technique());
            return 0;
        }
        requireModule();
        if (all) {
            listSurvey(out);
        } else {
            listInstalled(out);
        }
        return 0;
    }

    private Technique<?> technique() {
        try {
            return Techniques.named(name);
        } catch (TechniqueException e) {
            throw usage(e.getMessage());
        }
    }

    private void requireModule() {
        TreeSet<String> modules = new TreeSet<>();
        Survey.entries().forEach(entry -> modules.add(entry.module()));
        Techniques.all().forEach(technique -> modules.add(module(technique)));
        if (module != null && !modules.contains(module)) {
            throw usage("there is no module '" + module + "'; there are " + String.join(", ", modules));
        }
    }

    private static void explain(PrintWriter out, Technique<?> technique) {
        out.println(technique.name() + ", " + technique.getClass().getSimpleName() + " in " + module(technique));
        papers(technique).forEach(out::println);
        out.println();
        out.println(technique.idea().replace(". ", "." + System.lineSeparator()));
        out.println();
        List<OptionSyntax.Option> options = OptionSyntax.list(technique.defaults());
        if (options.isEmpty()) {
            out.println("It has no options.");
        } else {
            int names = options.stream().mapToInt(o -> o.name().length()).max().orElse(0);
            int values =
                    options.stream().mapToInt(o -> o.value().length()).max().orElse(0);
            String format = "  %-" + Math.max(6, names) + "s  %-" + Math.max(7, values) + "s  %s%n";
            out.printf(format, "option", "default", "may be");
            options.forEach(option -> out.printf(format, option.name(), option.value(), option.allowed()));
        }
        out.println();
        out.println("Shown by compare:");
        TechniqueSpec.showcase(technique).forEach(shown -> out.println("  " + shown));
    }

    private void listInstalled(PrintWriter out) {
        List<Technique<?>> installed = Techniques.all().stream()
                .filter(technique -> module == null || module.equals(module(technique)))
                .toList();
        int width = installed.stream()
                .mapToInt(technique -> technique.name().length())
                .max()
                .orElse(0);
        for (Technique<?> technique : installed) {
            List<String> papers = papers(technique);
            out.printf(
                    "%-" + Math.max(1, width) + "s  %-14s %s%n",
                    technique.name(),
                    module(technique),
                    papers.isEmpty() ? technique.getClass().getSimpleName() : papers.getFirst());
        }
        long here = Survey.entries().stream()
                .filter(entry -> bySurvey().containsKey(entry.id()))
                .count();
        out.println();
        out.println(here + " of the survey's " + Survey.entries().size()
                + " papers run; --all lists them, and a technique's name explains it.");
    }

    private void listSurvey(PrintWriter out) {
        Map<Integer, String> here = bySurvey();
        String category = "";
        int count = 0;
        int run = 0;
        for (Survey.Entry entry : Survey.entries()) {
            if (module != null && !module.equals(entry.module())) {
                continue;
            }
            String of = entry.area() + ": " + entry.category();
            if (!of.equals(category)) {
                out.println((category.isEmpty() ? "" : System.lineSeparator()) + of);
                category = of;
            }
            String technique = here.get(entry.id());
            out.printf(
                    "  %3d  %-14s %s (%s)%n",
                    entry.id(),
                    technique == null ? "(" + entry.module() + ")" : technique,
                    entry.title(),
                    entry.venue());
            count++;
            run += technique == null ? 0 : 1;
        }
        out.println();
        out.println(
                run + " of " + count + " papers run; in parentheses is the module where one belongs that does not.");
    }

    /** The techniques by the survey's numbers of their papers. */
    private static Map<Integer, String> bySurvey() {
        Map<Integer, String> names = new TreeMap<>();
        for (Technique<?> technique : Techniques.all()) {
            Paper paper = technique.getClass().getAnnotation(Paper.class);
            if (paper != null) {
                Arrays.stream(paper.survey())
                        .forEach(id -> names.merge(id, technique.name(), (before, more) -> before + ", " + more));
            }
        }
        return names;
    }

    private static List<String> papers(Technique<?> technique) {
        Paper paper = technique.getClass().getAnnotation(Paper.class);
        if (paper == null) {
            return List.of();
        }
        if (paper.survey().length == 0) {
            String link = paper.link().isEmpty() ? "" : " " + paper.link();
            return List.of(paper.title() + " (" + paper.venue() + ", " + paper.year() + ")" + link);
        }
        return Arrays.stream(paper.survey())
                .mapToObj(Survey::entry)
                .map(entry -> entry.title() + " (" + entry.venue() + "; no. " + entry.id() + " of the survey)")
                .toList();
    }

    /** The second part of a class's name: parsimony.quantization.RoundToNearest is in the module quantization. */
    private static String module(Technique<?> technique) {
        return technique.getClass().getName().split("\\.", -1)[1];
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
