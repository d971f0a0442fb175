package parsimony.kvcache;

import java.util.Arrays;
import java.util.stream.IntStream;
import parsimony.core.model.AttentionMass;

/** Decides which entries of one key/value head stay; {@link EvictingKvCache} does the rest. Entries are counted from the oldest, 0. */
interface EvictionPolicy {
    /**
     * Which of {@code size} committed entries stay.
     *
     * @return ascending indices
     */
    int[] keep(int size);

    /**
     * Entries that are held but not shown while {@code tentative} new ones follow {@code committed} ones.
     */
    default Hidden hidden(int committed, int tentative) {
        return Hidden.NONE;
    }

    /** Entries {@code first … first + count − 1}. */
    record Hidden(int first, int count) {
        static final Hidden NONE = new Hidden(0, 0);
    }

    /** Whether {@link #observe} must be called. */
    default boolean observesAttention() {
        return false;
    }

    /**
     * Sees how rows attended, before anything is dropped.
     *
     * @param committed entries before the tentative ones
     * @param tentative entries that followed them, some of which are about to be dropped
     * @param firstRow which of the tentative entries row 0 of the pass is
     * @param rows of the pass that are kept
     */
    default void observe(AttentionMass mass, int head, int committed, int tentative, int firstRow, int[] rows) {}

    /** Is told which entries are left, so that what is known of the others can be forgotten. */
    default void retain(int[] kept) {}

    /** A policy that knows the same and learns on its own. */
    EvictionPolicy copy();

    /** Bytes of what it knows. */
    default long bytes() {
        return 0;
    }

    /** The first {@code first} and the last {@code last} of {@code size} entries, which are more. */
    static int[] ends(int size, int first, int last) {
        return IntStream.concat(IntStream.range(0, first), IntStream.range(size - last, size))
                .toArray();
    }

    /**
     * The {@code most} of the older entries with the highest scores, of equal ones the earlier, and all recent ones.
     *
     * @param scores of at least the older entries
     */
    static int[] best(double[] scores, int size, int most, int recent) {
        int older = size - recent;
        double[] sorted = Arrays.copyOf(scores, older);
        Arrays.sort(sorted);
        double threshold = most == 0 ? Double.POSITIVE_INFINITY : sorted[older - most];
        int above =
                (int) Arrays.stream(sorted).filter(score -> score > threshold).count();
        int[] kept = new int[most + recent];
        int count = 0;
        int equals = most - above;
        for (int i = 0; i < older; i++) {
            if (scores[i] > threshold || scores[i] == threshold && equals-- > 0) {
                kept[count++] = i;
            }
        }
        for (int i = older; i < size; i++) {
            kept[count++] = i;
        }
        return kept;
    }
}
