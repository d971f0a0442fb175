package parsimony.core.text;

import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.ToDoubleBiFunction;

/**
 * Joins adjacent symbols of a word, the pair of the lowest cost first and, among equals, the leftmost, until no pair may
 * be joined: the encoding step of byte-pair encoding, whose cost is a merge's rank, and of SentencePiece's variant, whose
 * cost is the negative score of the joined piece. Takes n log n steps for n symbols.
 */
final class PairMerger {
    /** The cost of a pair that may not be joined. */
    static final double NEVER = Double.POSITIVE_INFINITY;

    private static final int NONE = -1;

    /** A possible join of two neighbours; void once one of them is no longer what it was. */
    private record Candidate(double cost, int left, String leftText, int right, String rightText)
            implements Comparable<Candidate> {
        @Override
        public int compareTo(Candidate other) {
            int byCost = Double.compare(cost, other.cost);
            return byCost != 0 ? byCost : Integer.compare(left, other.left);
        }
    }

    private final ToDoubleBiFunction<String, String> cost;
    private final String[] symbols;
    private final int[] previous;
    private final int[] next;
    private final PriorityQueue<Candidate> queue = new PriorityQueue<>();

    private PairMerger(List<String> symbols, ToDoubleBiFunction<String, String> cost) {
        this.cost = cost;
        this.symbols = symbols.toArray(new String[0]);
        previous = new int[this.symbols.length];
        next = new int[this.symbols.length];
        for (int i = 0; i < previous.length; i++) {
            previous[i] = i - 1;
            next[i] = i + 1 < next.length ? i + 1 : NONE;
        }
    }

    /** The symbols that are left when all pairs that may be joined are. */
    static List<String> merge(List<String> symbols, ToDoubleBiFunction<String, String> cost) {
        return symbols.size() < 2 ? symbols : new PairMerger(symbols, cost).merge();
    }

    private List<String> merge() {
        for (int i = 1; i < symbols.length; i++) {
            offer(i - 1, i);
        }
        for (Candidate best = queue.poll(); best != null; best = queue.poll()) {
            // A symbol that was joined to its left is null, one that took in its right has grown.
            if (best.leftText.equals(symbols[best.left]) && best.rightText.equals(symbols[best.right])) {
                join(best.left, best.right);
            }
        }
        List<String> merged = new ArrayList<>();
        for (int i = 0; i != NONE; i = next[i]) {
            merged.add(symbols[i]);
        }
        return merged;
    }

    private void join(int left, int right) {
        symbols[left] = symbols[left] + symbols[right];
        symbols[right] = null;
        next[left] = next[right];
        if (next[left] != NONE) {
            previous[next[left]] = left;
            offer(left, next[left]);
        }
        if (previous[left] != NONE) {
            offer(previous[left], left);
        }
    }

    private void offer(int left, int right) {
        double cost = this.cost.applyAsDouble(symbols[left], symbols[right]);
        if (cost != NEVER) {
            queue.add(new Candidate(cost, left, symbols[left], right, symbols[right]));
        }
    }
}
