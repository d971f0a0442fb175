package parsimony.pruning;

import parsimony.core.technique.LinearTask;
import parsimony.core.technique.TechniqueException;

/**
 * n:m, written {@code 2:4}: of every m neighbouring inputs of an output, n keep their weights, as NVIDIA's sparse tensor cores want it (Mishra et al.,
 * Accelerating Sparse Deep Neural Networks, 2021). Where n is not half of m, mind that the code of SparseGPT and Wanda counts the weights that go.
 *
 * @param n weights that are kept, 1 to m − 1
 * @param m neighbours, 2 to 64
 */
record Pattern(int n, int m) {
    Pattern {
        if (m < 2 || m > 64 || n < 1 || n >= m) {
            throw new IllegalArgumentException("a pattern keeps 1 to m - 1 of m weights, m from 2 to 64, not " + n
                    + " of " + m + "; write it like 2:4");
        }
    }

    static Pattern parse(String text) {
        if (!text.matches("\\d{1,3}:\\d{1,3}")) {
            throw new IllegalArgumentException("pattern must be n:m, like 2:4, or none, not '" + text + "'");
        }
        int colon = text.indexOf(':');
        return new Pattern(Integer.parseInt(text.substring(0, colon)), Integer.parseInt(text.substring(colon + 1)));
    }

    /** @throws TechniqueException if m does not divide the inputs */
    void requireDivides(LinearTask task) {
        if (task.columns() % m != 0) {
            throw new TechniqueException(task.name() + " has " + task.columns() + " inputs, which groups of " + m
                    + " do not divide; use sparsity instead of pattern=" + this);
        }
    }

    /**
     * Marks the m − n of m weights with the lowest scores; of equal ones the later go.
     *
     * @param scores of the m weights
     * @param pruned where the marks go, from {@code offset} on
     */
    void prune(double[] scores, boolean[] pruned, int offset) {
        for (int i = 0; i < m - n; i++) {
            int lowest = -1;
            for (int j = 0; j < m; j++) {
                if (!pruned[offset + j] && (lowest < 0 || scores[j] <= scores[lowest])) {
                    lowest = j;
                }
            }
            pruned[offset + lowest] = true;
        }
    }

    @Override
    public String toString() {
        return n + ":" + m;
    }
}
