package parsimony.core.technique;

import java.util.List;
import parsimony.core.model.Transformer;

/**
 * Something that makes a model cheaper: a transformer goes in, a changed copy comes out. Implementations are
 * public, have a public constructor without parameters, keep no state, and are listed in {@code
 * META-INF/services/parsimony.core.technique.Technique}.
 *
 * @param <O> the options, a record of numbers, booleans, strings, enums, and records that have a static {@code
 *     parse(String)}; its constructor throws {@link IllegalArgumentException} with a sentence that names the option
 */
public interface Technique<O extends Record> {
    /** The name on the command line, such as {@code rtn}: lower case, digits and hyphens. */
    String name();

    /**
     * What is done and why it saves what it saves, for a newcomer: two plain sentences of 120 to 300 characters in
     * all.
     */
    String idea();

    /** The paper's settings. */
    O defaults();

    /**
     * Returns a changed copy; {@code model} itself stays as it is, down to the last bit.
     *
     * @throws TechniqueException if this model or this calibration text cannot be used, with a sentence for the user
     */
    Transformer apply(Transformer model, O options, TechniqueContext context);

    /** What {@code compare} shows, as {@link TechniqueSpec#parse} reads it; its quick run shows only the first. */
    List<String> showcase();

    /** Whether it looks at the calibration text, which otherwise need not be read. */
    default boolean readsCalibration() {
        return true;
    }

    /** The comparison that shows it. */
    default Suite suite() {
        return Suite.COMPRESSION;
    }

    /** What {@code compare --suite} measures; each has questions of its own. */
    enum Suite {
        /** Size, quality and speed of a smaller model. */
        COMPRESSION,
        /** Cost and gain of learning another kind of text. */
        FINETUNE,
        /** Time, memory and error over the length of the text. */
        ATTENTION,
        /** Quality, memory and speed over the budget of the cache. */
        KVCACHE,
        /** Speed over acceptance and length of what is drafted. */
        SPECULATIVE
    }
}
