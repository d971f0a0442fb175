package parsimony.kvcache;

/**
 * How many entries a head may hold: a number of tokens, or a share of a length that is stated beside it.
 *
 * @param tokens used unless there is a share
 * @param share from 0 to 1; NaN for none
 */
public record Budget(int tokens, double share) {
    /** So many tokens. */
    public static Budget of(int tokens) {
        return new Budget(tokens, Double.NaN);
    }

    /** Reads {@code 256}, which are tokens, or {@code 0.2}, which has a point and is a share. */
    public static Budget parse(String text) {
        if (text.matches("\\d{1,9}")) {
            return of(Integer.parseInt(text));
        }
        if (text.matches("0?\\.\\d+|[01]\\.\\d*") && Double.parseDouble(text) <= 1) {
            return new Budget(0, Double.parseDouble(text));
        }
        throw new IllegalArgumentException(
                "'" + text + "' is neither a number of tokens nor a share of the length such as 0.2");
    }

    /** Tokens, where the share, if it is one, is of {@code length} and rounded down. */
    int resolve(int length) {
        return Double.isNaN(share) ? tokens : (int) (share * length);
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
        return Double.isNaN(share) ? String.valueOf(tokens) : String.valueOf(share);
    }
}
