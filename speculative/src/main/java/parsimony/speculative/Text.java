package parsimony.speculative;

import java.util.Arrays;

/** The tokens of a text that grows: the prompt and what was written. */
final class Text {
    private int[] tokens;
    private int size;

    Text(int... tokens) {
        this.tokens = tokens.clone();
        size = tokens.length;
    }

    void add(int token) {
        if (size == tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.max(8, 2 * size));
        }
        tokens[size++] = token;
    }

    int size() {
        return size;
    }

    int get(int index) {
        return tokens[index];
    }

    int last() {
        return tokens[size - 1];
    }

    /** The tokens {@code first … end − 1}. */
    int[] slice(int first, int end) {
        return Arrays.copyOfRange(tokens, first, end);
    }
}
