package parsimony.benchmarks.suite;

import java.io.IOException;
import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.io.LanguageModel;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.technique.Techniques;

/** A comparison with columns and plots of its own. */
public interface Suite {
    /** Which techniques it is for. */
    Technique.Suite kind();

    /** What it compares, in a few words. */
    String title();

    /** How it measures a request, in sentences. */
    List<String> protocol(Request request);

    List<SuiteResult.Column> columns();

    List<SuiteResult.Chart> charts();

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

    /** Hears how it goes. */
    interface Listener {
        /** What is being done now. */
        void doing(String what);

        /** Another row is there. */
        void measured(SuiteResult.Row row);

        /** This one cannot be measured; the others go on. */
        void failed(TechniqueSpec technique, String why);
    }

    /** The suites that there are. */
    static List<Suite> all() {
        return List.of(new FinetuneSuite(), new AttentionSuite(), new KvCacheSuite(), new SpeculativeSuite());
    }

    /** What the techniques of a kind show of themselves: all of it, or one row each. */
    static List<TechniqueSpec> showcase(Technique.Suite kind, boolean quick) {
        return Techniques.all().stream()
                .filter(technique -> technique.suite() == kind)
                .flatMap(technique -> TechniqueSpec.showcase(technique).stream().limit(quick ? 1 : Long.MAX_VALUE))
                .toList();
    }
}
