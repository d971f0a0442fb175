package parsimony.benchmarks.suite;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import parsimony.benchmarks.result.Result;
import parsimony.core.backend.Backend;
import parsimony.core.io.LanguageModel;
import parsimony.core.technique.Dense;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.technique.Techniques;

/** A comparison: what it measures of techniques, and how that is shown. One is made for each run. */
public interface Suite {
    /** Which techniques it is for. */
    Technique.Suite kind();

    /** What it compares, in a few words. */
    String title();

    /** What was found, in a few words, and in a sentence or two; empty where that is left to the reader. */
    default Finding finding(List<Result.Row> rows) {
        return new Finding("", "");
    }

    /** How it measures a request, in sentences. */
    List<String> protocol(Request request);

    /** Texts that are measured on and are not the suite's own. */
    default List<Result.TextRecord> texts() {
        return List.of();
    }

    List<Result.Column> columns();

    List<Result.Chart> charts();

    /**
     * Measures row by row.
     *
     * @throws IOException if the text or the disk cannot be read or written
     */
    void run(Request request, Listener listener) throws IOException;

    /**
     * What to measure.
     *
     * @param techniques in this order
     * @param quick whether to be done within some two minutes, less exactly
     * @param seed of everything random
     */
    record Request(LanguageModel model, Backend backend, List<TechniqueSpec> techniques, boolean quick, long seed) {}

    /**
     * What a result says, in words made of its numbers alone.
     *
     * @param headline a few words
     * @param sentence techniques stand between backticks
     */
    record Finding(String headline, String sentence) {}

    /** Hears how it goes. */
    interface Listener {
        /** What is being done now. */
        void doing(String what);

        /** Something that the user should know. */
        void noted(String message);

        /** Another row is there. */
        void measured(Result.Row row);

        /** This one cannot be measured; the others go on. */
        void failed(TechniqueSpec technique, String why);
    }

    /** The suites that have texts of their own. */
    static List<Suite> all() {
        return List.of(new FinetuneSuite(), new AttentionSuite(), new KvCacheSuite(), new SpeculativeSuite());
    }

    /** What the techniques of a kind show of themselves: all of it, or one row each. */
    static List<TechniqueSpec> showcase(Technique.Suite kind, boolean quick) {
        return Techniques.all().stream()
                .filter(technique -> technique.suite() == kind)
                .sorted(Comparator.comparing(technique -> !(technique instanceof Dense)))
                .flatMap(technique -> TechniqueSpec.showcase(technique).stream().limit(quick ? 1 : Long.MAX_VALUE))
                .toList();
    }
}
